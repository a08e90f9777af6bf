"""What went wrong with a call, as a value: it becomes the failure of the items concerned, never an exception."""

from __future__ import annotations

from dataclasses import dataclass

from eyelid.types import Failure

#: Statuses that a server or what stands before it gives when another attempt may succeed.
_AGAIN = (429, 502, 503, 504)
_DOWN = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer.

    Args:
        code: of the failure it becomes.
        detail: one line for people, without content.
        again: whether another attempt may succeed. Scoring and rewriting change nothing on the server, so asking
            twice is always safe.
        halves: whether it may be due to one item of several, so that half of them may succeed.
        down: whether the server as a whole seems to be out of order.
        wait: seconds after which the server wants to be asked again.
    """

    code: str
    detail: str
    again: bool = False
    halves: bool = False
    down: bool = False
    wait: float = 0.0

    def failure(self, stage: str, source: str) -> Failure:
        """The failure of an item of a role named `source`."""
        return Failure(stage, self.code, self.detail, source)


def refused(status: int, retry_after: str = "") -> Trouble:
    """What an HTTP status other than 200 means.

    Args:
        status: as the server gave it.
        retry_after: its header of this name; dates are not read.
    """
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6 else 0.0
    if status in _AGAIN:
        code = "overloaded" if status in (429, 503) else "unavailable"
        return Trouble(code, f"the server answered {status}", again=True, down=status in _DOWN, wait=wait)
    if 300 <= status < 400:
        return Trouble("error", f"the server answered {status}; redirects are not followed, give the URL itself")
    if status in (401, 403):
        return Trouble("error", f"the server answered {status}; check the token")
    if status in (404, 405):
        return Trouble("error", f"the server answered {status}; check the URL and what the server speaks")
    if status == 413:
        return Trouble("limit", "the server answered 413: too much for one call", halves=True)
    if status in (400, 422):
        return Trouble("invalid", f"the server answered {status}; a text may be too long for its model", halves=True)
    return Trouble("error", f"the server answered {status}", halves=True)
