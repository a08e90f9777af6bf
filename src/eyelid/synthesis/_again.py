"""Records that failed, made anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from eyelid.synthesis._groups import groups
from eyelid.synthesis._journal import Journal

T = TypeVar("T")


def again(
    old: Journal,
    new: Journal,
    rows: Iterable[T],
    make: Callable[[list[T]], list[dict[str, Any]]],
    size: int,
    *,
    stored: Callable[[], None] = lambda: None,
) -> None:
    """Copy all records in order, with those that have `failures` made anew; goes on where it was interrupted.

    Args:
        old: the records; replaced at the end.
        new: where the copy grows meanwhile.
        rows: what the records were made of, in the same order.
        make: makes records of rows.
        size: rows worked on together.
        stored: called when a group is on the disk.
    """
    old.mend()
    done = new.mend()
    pairs = zip(islice(rows, done, None), islice(old.read(), done, None), strict=False)
    for group in groups(pairs, size):
        records = [record for _, record in group]
        failed = [place for place, record in enumerate(records) if record["failures"]]
        for place, made in zip(failed, make([group[place][0] for place in failed]), strict=True):
            records[place] = made
        new.append(records)
        stored()
    if new.path.exists():
        os.replace(new.path, old.path)
