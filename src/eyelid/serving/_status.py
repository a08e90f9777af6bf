"""Which HTTP status an outcome has: a look that the server itself failed to do is never a 200 with the content stopped.

A client that retries on 503, and a balancer that goes elsewhere, then do the right thing; and whoever reads only the
status never takes a failed look for a pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from eyelid.types import Outcome, Status

#: Failures that say something about the server and not about the content: trying again may help.
_OURS = frozenset(("engine", "error", "invalid", "overloaded", "timeout", "unavailable"))
#: Stages whose failures are mostly due to the content, such as an image that takes too long; there only these count.
_OF_CONTENT = frozenset(("decode", "read"))
_ALWAYS_OURS = frozenset(("engine", "overloaded", "unavailable"))


def is_ours(outcome: Outcome) -> bool:
    """Whether content was stopped because of a failure of the server's own."""
    if outcome.allowed or outcome.status is not Status.FAILED:
        return False
    return any(
        failure.code in (_ALWAYS_OURS if failure.stage in _OF_CONTENT else _OURS) for failure in outcome.failures
    )


def status_of(outcomes: Sequence[Outcome]) -> int:
    """200, or 503 where every one was stopped because of a failure of the server's own."""
    return 503 if outcomes and all(map(is_ours, outcomes)) else 200
