"""How fast work is done while there is any, measured by what came out. Pure: times are passed in."""

from __future__ import annotations

import math

#: Seconds of work after which an observation counts half.
_HALF_LIFE = 5.0
#: Seconds of work to have seen before a pace is believed.
_ENOUGH = 0.25


class Pace:
    """Work done in each second in which some was under way; idle time says nothing about speed."""

    def __init__(self) -> None:
        self.under_way = 0.0
        self._done = 0.0
        self._busy = 0.0
        self._since = 0.0

    def begin(self, work: float, now: float) -> None:
        """Some work is under way."""
        self._pass(now)
        self.under_way += work

    def end(self, work: float, now: float, *, done: bool) -> None:
        """It no longer is; `done` is false where it was given up."""
        self._pass(now)
        self.under_way = max(0.0, self.under_way - work)
        if done:
            self._done += work

    def work_in(self, seconds: float) -> float:
        """How much work is probably done in so many seconds; infinite while too little has been seen."""
        return seconds * self._done / self._busy if self._busy >= _ENOUGH and self._done else math.inf

    def _pass(self, now: float) -> None:
        if self.under_way > 0.0:
            passed = now - self._since
            kept = 0.5 ** (passed / _HALF_LIFE)
            self._busy = self._busy * kept + passed
            self._done *= kept
        self._since = now
