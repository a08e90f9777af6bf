"""A circuit breaker: a server that fails again and again is left alone for a while. Pure: times are passed in."""

from __future__ import annotations

import math
from enum import StrEnum

from eyelid.errors import ConfigurationError


class Circuit(StrEnum):
    """Whether calls are made."""

    CLOSED = "closed"  #: all calls are made
    OPEN = "open"  #: none is made
    HALF_OPEN = "half_open"  #: one is made, to see whether the server is back


class Breaker:
    """Opens after some failures in a row, then lets one call at a time through until one succeeds.

    A trial whose outcome is never told counts as lapsed after the current rest, so that a cancelled call cannot keep
    the circuit open for ever. (Nygard, Release It!, 2007.)

    Args:
        failures: in a row, after which it opens.
        rest: seconds that it stays open at first; doubled after each failed trial.
        longest: seconds that it stays open at most.

    Raises:
        ConfigurationError: a number is out of range.
    """

    __slots__ = ("_failed", "_failures", "_longest", "_rest", "_resting", "_trial", "_until")

    def __init__(self, *, failures: int = 5, rest: float = 1.0, longest: float = 30.0) -> None:
        if failures < 1 or not 0.0 < rest <= longest < math.inf:
            raise ConfigurationError(
                f"a breaker needs failures >= 1 and 0 < rest <= longest, not {failures}, {rest!r}, {longest!r}"
            )
        self._failures, self._rest, self._longest = failures, rest, longest
        self._failed = 0
        self._resting, self._until = rest, -math.inf
        self._trial = False

    def state(self, now: float) -> Circuit:
        """What becomes of a call at the time `now`, in seconds."""
        if self._failed < self._failures:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._until else Circuit.HALF_OPEN

    def allow(self, now: float) -> bool:
        """Whether a call may be made now; whoever makes it tells how it ended."""
        state = self.state(now)
        if state is Circuit.HALF_OPEN:
            self._trial, self._until = True, now + self._resting
        return state is not Circuit.OPEN

    def succeeded(self) -> None:
        """A call was answered."""
        self._failed, self._resting, self._trial = 0, self._rest, False

    def failed(self, now: float) -> None:
        """A call was not answered. While it is open only the trial counts: others were begun before."""
        if self._failed >= self._failures:
            if self._trial:
                self._resting = min(2 * self._resting, self._longest)
                self._trial, self._until = False, now + self._resting
            return
        self._failed += 1
        if self._failed == self._failures:
            self._until = now + self._resting
