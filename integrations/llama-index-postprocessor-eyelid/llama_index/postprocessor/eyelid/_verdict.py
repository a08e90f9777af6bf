"""Outcomes as plain JSON, for metadata of nodes, `additional_kwargs` of responses, and events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llama_index.core.instrumentation.events import BaseEvent
from llama_index_instrumentation import get_dispatcher

from eyelid import Action, Outcome, Status, Surface
from eyelid.types import Reasked

#: Where verdicts stand: in the `additional_kwargs` of a response, in the metadata of a node.
KEY = "eyelid"

_ACTIONS = (Action.ALLOW, Action.REWRITE, Action.BLOCK)
_STATUSES = (Status.CLEAN, Status.FAILED, Status.FLAGGED)
_dispatcher = get_dispatcher(__name__)


class EyelidVerdictEvent(BaseEvent):
    """Something was looked at. It never holds content.

    Args:
        verdict: as `verdict` makes it.
        where: what looked: "llm", "tool", "postprocessor", "query_engine", "chat_engine", "output_parser".
    """

    verdict: dict[str, Any]
    where: str = ""

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "EyelidVerdictEvent"


def emit(ruling: dict[str, Any], where: str) -> None:
    """Hand a verdict to whoever listens to LlamaIndex's instrumentation."""
    _dispatcher.event(EyelidVerdictEvent(verdict=ruling, where=where))


def verdict(found: Iterable[tuple[Surface, Outcome]]) -> dict[str, Any]:
    """One verdict for all outcomes: the worst of them, with the failures of all. It never holds content.

    Keys: "action" ("allow", "rewrite", "block"), "status" ("clean", "flagged", "failed"), "surface", "category",
    "score", "reason", "failures" (a list of "stage: code"). Where a model was asked again about its answer also
    "reasked": whether the answer was taken for "unsafe", the "risk" that the model itself saw, and the "calls".
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
    return plain if asked is None else {**plain, "reasked": _reasked(asked)}


def _reasked(asked: Reasked) -> dict[str, Any]:
    calls = [
        {
            "step": call.step,
            "images": call.images,
            "prompt_tokens": call.prompt_tokens,
            "reply_tokens": call.reply_tokens,
        }
        for call in asked.steps
    ]
    return {"unsafe": asked.unsafe, "risk": round(asked.risk, 4), "calls": calls}


def failed(surface: Surface, code: str) -> dict[str, Any]:
    """The verdict where the look itself went wrong before there was an outcome."""
    return _plain(surface, Action.BLOCK, Status.FAILED, reason="it could not be looked at", failures=[f"look: {code}"])


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
