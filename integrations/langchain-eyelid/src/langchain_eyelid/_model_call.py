"""How an agent's model is asked, so that nothing of its answer is heard before it was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eyelid import Guard
from langchain.agents.middleware import ModelRequest

from langchain_eyelid import _quiet
from langchain_eyelid._settings import Settings
from langchain_eyelid.chat_models import guard_model


@contextmanager
def unseen(request: ModelRequest[Any], guard: Guard, settings: Settings) -> Iterator[ModelRequest[Any]]:
    """The request to be handed on, in a context for it.

    Where answers are held back until they were looked at, the model is left as it is and streams do not hear it. That
    holds for whatever model other middleware puts in its place. Where sentences are streamed, or where LangChain does
    not let streams be silenced, the model is wrapped in one that is guarded.
    """
    if _quiet.AVAILABLE and settings.stream == "buffer":
        with _quiet.quiet():
            yield request
        return
    yield request.override(model=_guarded(request.model, guard, settings))


def _guarded(model: Any, guard: Guard, settings: Settings) -> Any:
    return guard_model(
        model,
        guard,
        strategy=None if settings.strategy is None else str(settings.strategy),
        stream=settings.stream,
        on_error=settings.on_error,
        image_loader=settings.image_loader,
    )
