"""What `scan` works through: lines → batches of rows → lines of outcomes, the same on one machine and on many."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from eyelid.cli._record import outcome_record, to_json
from eyelid.cli._rows import BadLine, Row, read_rows

if TYPE_CHECKING:
    from eyelid import Guard

#: A batch ends where its rows and their images hold this much, in bytes.
MAX_BATCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is read.

    Args:
        files: in this order; with several, bad lines name theirs.
        root: folder that image paths are taken below.
        done: ids, as JSON, that are left out.
        most: rows of a batch at most.
    """

    files: tuple[Path, ...]
    root: Path
    done: Set[str] = field(repr=False)
    most: int

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines of the input.

    Args:
        number: from 0.
        rows: what has to be looked at.
        bad: what cannot be.
        skipped: rows that an earlier run has done.
        size: bytes of the input.
    """

    number: int
    rows: tuple[Row, ...] = field(repr=False)
    bad: tuple[BadLine, ...]
    skipped: int
    size: int


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a batch.

    Args:
        number: of the batch.
        lines: what is to be written, a line for each row.
        counts: rows by action, and how many were skipped or had failures.
        bad: what could not be looked at.
        size: bytes of the input.
    """

    number: int
    lines: bytes = field(repr=False)
    counts: Counter[str]
    bad: tuple[BadLine, ...]
    size: int


def read_batches(corpus: Corpus) -> Iterator[Batch]:
    """All lines, in order. The same corpus gives the same batches."""
    seen: set[str] = set()
    draft, number = _Draft(), 0
    for file in corpus.files:
        at = 0
        with file.open("rb") as lines:
            for item in read_rows(lines, root=corpus.root):
                if len(corpus.files) > 1:
                    item = replace(item, file=file.name)
                draft.add(_once(item, seen) if isinstance(item, Row) else item, corpus.done)
                if draft.is_full(corpus.most):
                    yield draft.batch(number, lines.tell() - at)
                    draft, number, at = _Draft(), number + 1, lines.tell()
            draft.size += lines.tell() - at
    yield draft.batch(number, 0)


def _once(row: Row, seen: set[str]) -> Row | BadLine:
    key = json.dumps(row.id)
    if key in seen:
        return BadLine(row.line, "the id was used before", row.file)
    seen.add(key)
    return row


class _Draft:
    """A batch in the making."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.bad: list[BadLine] = []
        self.skipped = self.size = self.held = 0

    def add(self, item: Row | BadLine, done: Set[str]) -> None:
        if isinstance(item, BadLine):
            self.bad.append(item)
        elif json.dumps(item.id) in done:
            self.skipped += 1
        else:
            self.rows.append(item)
            self.held += len(item.exchange.prompt) + len(item.exchange.response)
            self.held += sum(len(image.data) for image in item.exchange.images)

    def is_full(self, most: int) -> bool:
        # Rows that are left out count as well, so that an interrupted run shows its progress when it goes on.
        return max(len(self.rows), len(self.bad), self.skipped // 100) >= most or self.held >= MAX_BATCH_BYTES

    def batch(self, number: int, size: int) -> Batch:
        return Batch(number, tuple(self.rows), tuple(self.bad), self.skipped, self.size + size)


def look_at(guard: Guard, batch: Batch) -> Done:
    """Look at the rows of a batch, and write down what became of them."""
    outcomes = guard.check_many([row.exchange for row in batch.rows])
    records = (
        {"id": row.id, **outcome_record(outcome, row.exchange.surface)}
        for row, outcome in zip(batch.rows, outcomes, strict=True)
    )
    counts = Counter(outcome.verdict.action.value for outcome in outcomes)
    counts.update(rows=len(outcomes), skipped=batch.skipped, failed=sum(bool(outcome.failures) for outcome in outcomes))
    lines = "".join(to_json(record) + "\n" for record in records).encode("utf-8")
    return Done(batch.number, lines, counts, batch.bad, batch.size)
