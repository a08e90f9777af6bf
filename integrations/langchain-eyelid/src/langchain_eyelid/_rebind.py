"""What a model hands out that runs it (bound tools, structured output), with the guarded model in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableBinding, RunnableParallel, RunnableSequence

Guarded = Callable[[BaseChatModel], BaseChatModel]


def rebind(runnable: Any, guarded: Guarded) -> Runnable[Any, Any]:
    """The same runnable around the guarded model. A model is first in a sequence, or a step of a map.

    Raises:
        TypeError: the model is somewhere else, where it would not be guarded.
    """
    match runnable:
        case BaseChatModel():
            return guarded(runnable)
        case RunnableBinding():
            return runnable.model_copy(update={"bound": rebind(runnable.bound, guarded)})
        case RunnableSequence():
            return runnable.model_copy(update={"first": rebind(runnable.first, guarded)})
        case RunnableParallel(steps__=steps) if any(map(_runs_model, steps.values())):
            rebound = {name: rebind(step, guarded) if _runs_model(step) else step for name, step in steps.items()}
            return runnable.model_copy(update={"steps__": rebound})
    raise TypeError(
        f"the model is inside a {type(runnable).__name__}, where it cannot be guarded; guard the chat model itself and "
        "apply retries, fallbacks and configurable fields to the result: guard_model(model, guard).with_retry()"
    )


def _runs_model(step: Any) -> bool:
    while isinstance(step, (RunnableBinding, RunnableSequence)):
        step = step.bound if isinstance(step, RunnableBinding) else step.first
    return isinstance(step, BaseChatModel)
