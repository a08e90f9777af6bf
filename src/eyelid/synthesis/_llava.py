"""Data for fine-tuning in LLaVA's format: one JSON array, written row by row, with other data mixed in."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.synthesis._items import items, wrong
from eyelid.synthesis._journal import encoded, whole
from eyelid.synthesis._keeping import Keep
from eyelid.synthesis._unlabelled import IMAGE_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """Ordinary data that is mixed in, so that a model does not unlearn to be useful.

    Args:
        path: of an array, or of lines, in LLaVA's format.
        ratio: its rows for each row that was made; where the file has fewer, all of them are taken.
        seed: of what is drawn, and of how both are mixed.

    Raises:
        ConfigurationError: the ratio is below 0.
    """

    path: Path
    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.ratio < float("inf"):
            raise ConfigurationError(f"ratio is {self.ratio!r}; it must be a number of rows, 0 or more")


@dataclass(frozen=True, slots=True)
class Mixed:
    """What was written.

    Args:
        records: that there were.
        kept: of these.
        dropped: reason → how many.
        utility: rows that were mixed in.
        available: utility rows that there were.
    """

    records: int
    kept: int
    dropped: Mapping[str, int]
    utility: int = 0
    available: int = 0


def write_llava(
    path: Path, records: Callable[[], Iterable[Mapping[str, Any]]], keep: Keep, utility: Utility | None = None
) -> Mixed:
    """Write the records that are kept as one array; needs no more memory for more of them.

    Args:
        path: of the file; it takes its place when it is complete.
        records: gives all of them each time it is called.
        keep: which are kept.
        utility: what is mixed in; both keep their order.

    Raises:
        ConfigurationError: a row of the utility data is not in LLaVA's format; names file and line.
    """
    reasons = Counter(keep.reason(record) for record in records())
    total, kept = sum(reasons.values()), reasons.pop("", 0)
    made = (_conversation(record) for record in records() if not keep.reason(record))
    available = wanted = 0
    rows: Iterable[Mapping[str, Any]] = made
    if utility is not None:
        available = sum(1 for _ in _utility_rows(utility.path))
        wanted = min(available, round(utility.ratio * kept))
        draw = random.Random(utility.seed)
        drawn = _drawn(_utility_rows(utility.path), available, wanted, draw)
        rows = _merged(made, kept, drawn, wanted, random.Random(utility.seed + 1))
    _write(path, rows)
    return Mixed(total, kept, dict(sorted(reasons.items())), wanted, available)


def _conversation(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as LLaVA has it. A mark for an image within the texts would be taken for another image."""
    ask, answer = (record[name].replace(IMAGE_TOKEN, "").strip() for name in ("query", "text"))
    shown = {"image": record["image"]} if record["image"] else {}
    human = f"{IMAGE_TOKEN}\n{ask}" if shown else ask
    turns = [{"from": "human", "value": human}, {"from": "gpt", "value": answer}]
    return {"id": record["id"], **shown, "conversations": turns}


def _utility_rows(path: Path) -> Iterator[dict[str, Any]]:
    for line, entry in items(path):
        turns = entry.get("conversations")
        if not isinstance(turns, list) or len(turns) < 2 or not all(_is_turn(turn) for turn in turns):
            raise wrong(path, line, "not in LLaVA's format: `conversations` must hold turns with `from` and `value`")
        yield entry


def _is_turn(turn: object) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("from"), str) and isinstance(turn.get("value"), str)


def _drawn(rows: Iterable[dict[str, Any]], count: int, wanted: int, draw: random.Random) -> Iterator[dict[str, Any]]:
    """So many rows of so many, each as likely as any other, in one pass (selection sampling; Knuth, TAOCP 3.4.2 S)."""
    for left, row in zip(range(count, 0, -1), rows, strict=True):
        if wanted and draw.random() * left < wanted:
            wanted -= 1
            yield row


def _merged(
    ones: Iterator[Mapping[str, Any]], first: int, others: Iterator[Mapping[str, Any]], second: int, draw: random.Random
) -> Iterator[Mapping[str, Any]]:
    """Two streams as one in which every way of mixing them is as likely as any other."""
    while first or second:
        if draw.random() * (first + second) < first:
            first -= 1
            yield next(ones)
        else:
            second -= 1
            yield next(others)


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with whole(path) as file:
        for before, row in zip(chain(["[\n"], _commas()), rows, strict=False):
            file.write((before + encoded(row)).encode("utf-8"))
        file.write(b"\n]\n" if file.tell() else b"[]\n")


def _commas() -> Iterator[str]:
    while True:
        yield ",\n"
