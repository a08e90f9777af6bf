"""What a piece of work may claim: whose it is, how soon it is needed, whether it can wait.

Kept in a context variable, so that whoever knows (a guard, a server, an application) need not be whoever asks the
engine (a detector, four calls further down).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Claim:
    """What work that is started now may claim of an engine.

    Args:
        caller: whose work it is; callers get equal shares of a busy device.
        urgent: ahead of what is not, as the pieces of a stream are.
        deadline: when its answer is of no use any more, in seconds of `time.monotonic`; later it is not begun.
        patient: whether to wait for room in a full queue; an impatient one is refused at once.
    """

    caller: str = ""
    urgent: bool = False
    deadline: float = math.inf
    patient: bool = True


_CLAIM: ContextVar[Claim] = ContextVar("eyelid_claim", default=Claim())  # noqa: B039  it is frozen


def current_claim() -> Claim:
    """The claim of this thread or task."""
    return _CLAIM.get()


@contextmanager
def claim(
    *,
    caller: str | None = None,
    urgent: bool | None = None,
    deadline: float | None = None,
    patient: bool | None = None,
) -> Iterator[Claim]:
    """Start work under a changed claim; what is left out stays. A deadline can only come nearer.

    Example:
        with claim(caller="tenant-7"):
            outcome = guard.check(response=text)
    """
    now = _CLAIM.get()
    changed = replace(
        now,
        caller=now.caller if caller is None else caller,
        urgent=now.urgent if urgent is None else urgent,
        deadline=now.deadline if deadline is None else min(deadline, now.deadline),
        patient=now.patient if patient is None else patient,
    )
    token = _CLAIM.set(changed)
    try:
        yield changed
    finally:
        _CLAIM.reset(token)
