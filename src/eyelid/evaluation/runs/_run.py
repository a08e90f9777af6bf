"""Runs a benchmark: every row once, in order, on the disk batch by batch, to be gone on with whenever it ended."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from eyelid.engine import Workers
from eyelid.errors import ConfigurationError
from eyelid.evaluation.records import Manifest, Record
from eyelid.evaluation.runs._folder import (
    RECORDS,
    RETRIED,
    Ledger,
    begin,
    differences,
    is_failed,
    locked,
    read_manifest,
    records_in,
    sync,
)
from eyelid.evaluation.runs._plan import Plan
from eyelid.evaluation.runs._progress import Progress
from eyelid.evaluation.runs._rows import Rows, fingerprint
from eyelid.evaluation.runs._work import Draft, Work
from eyelid.evaluation.samples import Kind, Sample

T = TypeVar("T")
#: What must be the same for two runs to have the same first answers.
_SHARED = ("benchmark", "options", "samples", "fingerprint", "host", "asking", "seed", "version")


def run(
    plan: Plan,
    rows: Rows,
    out: Path,
    *,
    direct: Path | None = None,
    retry_failed: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """Run all rows, or those that are left where an earlier sitting ended.

    Memory holds a few batches, whatever the number of rows. A process that is killed loses the batches under way; the
    same call goes on from there, and the records are in the end the same as if nothing had happened.

    Args:
        plan: how.
        rows: which.
        out: the run's folder: `run.json`, and `records.jsonl` in the order of the rows.
        direct: folder of a finished run on the same rows with the same model, whose first answers are taken.
        retry_failed: whether rows with failures are done anew first.
        progress: told after each batch.

    Returns:
        What the run was begun with.

    Raises:
        ConfigurationError: the folder holds a run with other settings, the other run's answers do not fit, the plan
            lacks a host that the rows need, or the defence cannot be used on them.
    """
    found = fingerprint(rows)
    manifest = plan.manifest(found, rows)
    if direct is not None:
        if direct.resolve() == out.resolve():
            raise ConfigurationError(f"{out} cannot take its first answers from itself; choose another folder")
        _fits(read_manifest(direct), manifest, direct)
    with locked(out), closing(Work(plan, rows)) as work:
        started = begin(out, manifest)
        sitting = _Sitting(plan, rows, found.count, progress)
        if retry_failed and (out / RECORDS).exists():
            sitting.work_through(work, out / RETRIED, direct, earlier=out / RECORDS)
            os.replace(out / RETRIED, out / RECORDS)
            sync(out)
        else:
            sitting.work_through(work, out / RECORDS, direct)
    return started


@dataclass(frozen=True, slots=True)
class _Item:
    """A row to be done, or a record that stays as it is."""

    draft: Draft
    kept: Record | None = None


@dataclass(slots=True)
class _Sitting:
    plan: Plan
    rows: Rows
    total: int
    progress: Callable[[Progress], None] | None
    started: float = field(default_factory=time.monotonic)

    def work_through(self, work: Work, target: Path, direct: Path | None, earlier: Path | None = None) -> None:
        """Append what `target` lacks."""
        ledger = Ledger(target)
        done = sum(1 for _ in ledger.resume(sample.id for sample in self.rows))
        left = islice(self._items(direct, earlier), done, None)
        worked = failed = 0
        for records in _ahead(lambda batch: _done(work, batch), _batches(left, self.plan.batch), self.plan.concurrency):
            ledger.append(record.to_json() for record in records)
            worked += len(records)
            failed += sum(map(is_failed, records))
            if self.progress is not None:
                elapsed = time.monotonic() - self.started
                self.progress(Progress(done + worked, self.total, failed, worked, elapsed))
        if done + worked != self.total:
            raise ConfigurationError(f"there were {self.total} rows and now there are {done + worked}; start anew")

    def _items(self, direct: Path | None, earlier: Path | None) -> Iterator[_Item]:
        before = records_in(earlier) if earlier else iter(())
        answered = records_in(direct / RECORDS) if direct else None
        for sample in self.rows:
            self._check(sample)
            record = next(before, None)
            if record is not None and record.id != sample.id:
                raise ConfigurationError(f"{earlier} holds other rows, or in another order; choose another folder")
            known = None if answered is None else _next(answered, sample, direct)
            if record is not None and not is_failed(record):
                yield _Item(Draft(sample), record)
                continue
            # Where the model did answer, a guard or a judge failed: the answer stands, as other defences may share it.
            yield _Item(Draft(sample, known or (record if record is not None and record.direct else None)))

    def _check(self, sample: Sample) -> None:
        labelled = sample.kind is Kind.LABELLED
        if not labelled and self.plan.host is None:
            raise ConfigurationError(f"the rows of {self.plan.benchmark} are asked of a model; name a host")
        if labelled and not self.plan.defense.looks_at_labelled:
            raise ConfigurationError(
                f"the defence {self.plan.defense.name!r} asks a model, and the rows of {self.plan.benchmark} are texts "
                "that are given; take block or rewrite"
            )


def _done(work: Work, batch: list[_Item]) -> list[Record]:
    made = iter(work.records([item.draft for item in batch if item.kept is None]))
    return [item.kept or next(made) for item in batch]


def _next(answered: Iterator[Record], sample: Sample, folder: Path | None) -> Record:
    record = next(answered, None)
    if record is None:
        raise ConfigurationError(f"the run {folder} is not finished; finish it before its answers are taken")
    if record.id != sample.id:
        raise ConfigurationError(f"the run {folder} holds other rows, or in another order")
    return record


def _fits(there: Manifest, here: Manifest, folder: Path) -> None:
    if found := differences(there, here, _SHARED):
        raise ConfigurationError(f"the first answers of {folder} cannot be taken: {'; '.join(found)}")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _ahead(do: Callable[[list[T]], list[Record]], batches: Iterator[list[T]], width: int) -> Iterator[list[Record]]:
    """What is made of each batch, in order, up to `width` of them under way at a time."""
    workers = Workers(width)
    try:
        under_way: deque[Future[list[Record]]] = deque()
        for batch in batches:
            under_way.append(workers.submit(partial(do, batch), seconds=math.inf, late=list))
            if len(under_way) >= width:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        workers.close()
