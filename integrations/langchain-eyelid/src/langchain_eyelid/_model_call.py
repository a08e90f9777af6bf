"""How an agent's model is asked, so that nothing of its answer is heard before it was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eyelid import Guard
from langchain.agents.middleware import ModelRequest
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from pydantic import PrivateAttr

from langchain_eyelid import _quiet
from langchain_eyelid._marks import mark, rules
from langchain_eyelid._settings import Settings
from langchain_eyelid.chat_models import EyelidChatModel


@contextmanager
def unseen(request: ModelRequest[Any], guard: Guard, settings: Settings) -> Iterator[ModelRequest[Any]]:
    """The request to be handed on, in a context for it.

    Streams do not hear whatever model is asked in it, so that other middleware may put any in the place of the first.
    Where sentences are to be streamed, the model is wrapped in one that is guarded, and that one is heard; so it is
    where LangChain does not let streams be silenced.
    """
    if not _quiet.AVAILABLE:
        yield request.override(model=_guarded(request.model, guard, settings, None))
        return
    with _quiet.quiet() as heard:
        wanted = settings.stream == "sentence"
        yield request.override(model=_guarded(request.model, guard, settings, heard)) if wanted else request


class HeardChatModel(EyelidChatModel):
    """A guarded model that is heard where all others are not; its answers are known as looked at."""

    _heard: RunnableConfig | None = PrivateAttr(default=None)

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        """Ask it, within hearing."""
        return self._noted(super().invoke(input, self._loud(config), **kwargs))

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """As `invoke`."""
        return self._noted(await super().ainvoke(input, self._loud(config), **kwargs))

    def _loud(self, config: RunnableConfig | None) -> RunnableConfig | None:
        if self._heard is None:
            return config
        heard: RunnableConfig = {"callbacks": self._heard.get("callbacks"), "tags": list(self._heard.get("tags") or ())}
        return {**(config or {}), **heard}

    def _noted(self, answer: AIMessage) -> AIMessage:
        mark(answer, rules(self.guard, self.settings))
        return answer


def _guarded(model: Any, guard: Guard, settings: Settings, heard: RunnableConfig | None) -> EyelidChatModel:
    made = HeardChatModel(inner=model, guard=guard, settings=settings)
    made._heard = heard
    return made
