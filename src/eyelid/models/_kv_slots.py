"""Room in a row of places: runs are taken, lengthened and given back. Knows no tensors."""

from __future__ import annotations

from bisect import bisect_right, insort


class Slots:
    """First fit over free runs.

    Args:
        places: how many there are.
    """

    def __init__(self, places: int) -> None:
        self._free: list[tuple[int, int]] = [(0, places)] if places > 0 else []  # half-open, ascending, never adjacent

    @property
    def free(self) -> int:
        """Places that are free, in one run or several."""
        return sum(end - start for start, end in self._free)

    def take(self, places: int) -> int | None:
        """The start of a run that now is taken; `None` where no free run is long enough."""
        for at, (start, end) in enumerate(self._free):
            if end - start >= places:
                self._free[at : at + 1] = [(start + places, end)] if end - start > places else []
                return start
        return None

    def lengthen(self, end: int, places: int) -> bool:
        """Take the run that begins at `end` as well; false where it is not free."""
        at = bisect_right(self._free, (end, -1))
        if at == len(self._free) or self._free[at][0] != end or self._free[at][1] - end < places:
            return False
        last = self._free[at][1]
        self._free[at : at + 1] = [(end + places, last)] if last - end > places else []
        return True

    def give(self, start: int, places: int) -> None:
        """Give a run back."""
        insort(self._free, (start, start + places))
        at = bisect_right(self._free, (start, -1))
        if at + 1 < len(self._free) and self._free[at + 1][0] == start + places:
            self._free[at : at + 2] = [(start, self._free[at + 1][1])]
        if at and self._free[at - 1][1] == start:
            self._free[at - 1 : at + 1] = [(self._free[at - 1][0], self._free[at][1])]
