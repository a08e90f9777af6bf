"""When to ask again, and how often: retries must never multiply the load of a server that is already in trouble."""

from __future__ import annotations

import math

from eyelid.errors import ConfigurationError

#: Seconds before the second attempt at most; doubled for each further one.
_FIRST = 0.1
_LONGEST = 2.0


class RetryBudget:
    """A token bucket: each call pays a share of a retry in, each retry takes a whole one out.

    Over any stretch of calls there are at most `share` times as many retries, and `most` beside. (As Finagle and gRPC
    bound theirs.)

    Args:
        share: of a retry that one call earns, in [0, 1].
        most: retries that can be saved up; so many are there at the start.

    Raises:
        ConfigurationError: a number is out of range.
    """

    __slots__ = ("_most", "_saved", "_share")

    def __init__(self, *, share: float = 0.2, most: float = 10.0) -> None:
        if not 0.0 <= share <= 1.0 or not 0.0 <= most < math.inf:
            raise ConfigurationError(f"a retry budget needs 0 <= share <= 1 and most >= 0, not {share!r} and {most!r}")
        self._share, self._most = share, most
        self._saved = most

    def earn(self) -> None:
        """A call was begun."""
        self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Take a retry out; false where none is left."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True


def delay(attempt: int, *, wait: float, chance: float) -> float:
    """Seconds before an attempt: exponential with full jitter, and never before the server wants to be asked.

    Args:
        attempt: 1 for the first retry.
        wait: seconds that the server asks for.
        chance: a random number in [0, 1).
    """
    return wait + chance * min(_LONGEST, _FIRST * 2.0 ** min(attempt - 1, 16))
