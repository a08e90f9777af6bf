"""Values in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

#: Told how many rows are done, and of how many.
Progress = Callable[[int, int], None]


def groups(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of so many values; the last one may be shorter."""
    rest = iter(values)
    while group := list(islice(rest, size)):
        yield group
