"""Records that failed, made anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

from eyelid.synthesis._groups import groups
from eyelid.synthesis._journal import Journal

T = TypeVar("T")


def again(
    old: Journal,
    new: Journal,
    rows: Iterable[T],
    make: Callable[[list[tuple[T, dict[str, Any]]]], list[dict[str, Any]]],
    size: int,
    *,
    wanted: Callable[[Mapping[str, Any]], bool] = lambda record: bool(record["failures"]),
    stored: Callable[[], None] = lambda: None,
) -> None:
    """Copy all records in order, with those that failed made anew; goes on where it was interrupted.

    Args:
        old: the records; replaced at the end.
        new: where the copy grows meanwhile.
        rows: what the records were made of, in the same order.
        make: makes records of rows and what their old records are.
        size: rows worked on together.
        wanted: which records are made anew; those with `failures`.
        stored: called when a group is on the disk.
    """
    old.mend()
    done = new.mend()
    pairs = zip(islice(rows, done, None), islice(old.read(), done, None), strict=False)
    for group in groups(pairs, size):
        records = [record for _, record in group]
        failed = [place for place, record in enumerate(records) if wanted(record)]
        for place, made in zip(failed, make([group[place] for place in failed]), strict=True):
            records[place] = made
        new.append(records)
        stored()
    if new.path.exists():
        os.replace(new.path, old.path)
