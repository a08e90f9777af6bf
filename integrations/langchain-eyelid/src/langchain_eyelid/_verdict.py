"""Outcomes as plain JSON, for `response_metadata["eyelid"]`, graph states and custom events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eyelid import Action, Outcome, Status, Surface
from eyelid.types import Reasked

#: Where verdicts stand in a message's `response_metadata`.
KEY = "eyelid"
_REASKED = "reasked"

_ACTIONS = (Action.ALLOW, Action.REWRITE, Action.BLOCK)
_STATUSES = (Status.CLEAN, Status.FAILED, Status.FLAGGED)


def verdict(found: Iterable[tuple[Surface, Outcome]]) -> dict[str, Any]:
    """One verdict for all outcomes: the worst of them, with the failures of all. It never holds content.

    Keys: "action" ("allow", "rewrite", "block"), "status" ("clean", "flagged", "failed"), "surface", "category",
    "score", "reason", "failures" (a list of "stage: code"). Where the model was asked again about its answer there is
    also "reasked": whether the answer was taken for "unsafe", the "risk" that the model itself saw, and the "calls".
    """
    every = list(found)
    if not every:
        return _plain(Surface.OUTPUT, Action.ALLOW, Status.CLEAN, reason="there was nothing to look at")
    surface, outcome = max(every, key=_weight)
    failures = [f"{failure.stage}: {failure.code}" for _, each in every for failure in each.failures]
    ruling = outcome.verdict
    asked = next((each.reasked for _, each in every if each.reasked is not None), None)
    plain = _plain(
        surface,
        ruling.action,
        outcome.status,
        category=ruling.category,
        score=max(each.verdict.score for _, each in every) if outcome.allowed else ruling.score,
        reason=ruling.reason,
        failures=list(dict.fromkeys(failures)),
    )
    return plain if asked is None else {**plain, _REASKED: _reasked(asked)}


def failed(surface: Surface, code: str) -> dict[str, Any]:
    """The verdict where the look itself went wrong before there was an outcome."""
    return _plain(surface, Action.BLOCK, Status.FAILED, reason="it could not be looked at", failures=[f"look: {code}"])


def worse(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two verdicts as one: the worse of them, with the failures of both."""
    worst = max(one, other, key=_plain_weight)
    both = {**worst, "failures": list(dict.fromkeys([*one["failures"], *other["failures"]]))}
    asked = one.get(_REASKED) or other.get(_REASKED)
    return both if asked is None else {**both, _REASKED: asked}


def _reasked(asked: Reasked) -> dict[str, Any]:
    calls = [
        {"step": c.step, "images": c.images, "prompt_tokens": c.prompt_tokens, "reply_tokens": c.reply_tokens}
        for c in asked.steps
    ]
    return {"unsafe": asked.unsafe, "risk": round(asked.risk, 4), "calls": calls}


def _plain_weight(found: dict[str, Any]) -> tuple[int, int, float]:
    return _ACTIONS.index(found["action"]), _STATUSES.index(found["status"]), found["score"]


def _weight(found: tuple[Surface, Outcome]) -> tuple[int, int, float]:
    outcome = found[1]
    return _ACTIONS.index(outcome.verdict.action), _STATUSES.index(outcome.status), outcome.verdict.score


def _plain(
    surface: Surface,
    action: Action,
    status: Status,
    *,
    category: str = "",
    score: float = 0.0,
    reason: str = "",
    failures: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "action": action.value,
        "status": status.value,
        "surface": surface.value,
        "category": str(category),
        "score": round(score, 4),
        "reason": reason,
        "failures": failures or [],
    }
