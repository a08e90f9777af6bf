"""How an agent's model is asked, so that nothing of its answer is heard before it was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from eyelid import Guard
from eyelid.protocols import AskRequest
from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from pydantic import PrivateAttr

from langchain_eyelid import _quiet
from langchain_eyelid._asked_model import AskedModel
from langchain_eyelid._conversation import has_calls, without_images
from langchain_eyelid._marks import mark, rules
from langchain_eyelid._settings import Settings
from langchain_eyelid.chat_models import EyelidChatModel
from langchain_eyelid.hosts import LangChainHost, model_name

#: Makes a model call, and maybe has to be awaited.
Handler: TypeAlias = Callable[[ModelRequest[Any]], Any]


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


def model_of(request: ModelRequest[Any], handler: Handler, loop: asyncio.AbstractEventLoop | None = None) -> AskedModel:
    """The agent's model in its conversation, asked by the handler, so that middleware inside has its part in it.

    It is to be asked in the context that `unseen` made. Where streams cannot be silenced, no handler can be used.

    Args:
        request: as it came, with the model itself.
        handler: to be awaited where a loop is given.
        loop: on which the model is asked.
    """
    if not _quiet.AVAILABLE:
        conversation = [*filter(None, [request.system_message]), *request.messages]
        bound = request.model.bind(**request.model_settings)
        return LangChainHost(bound, conversation=conversation, loop=loop, logprobs=False)

    def asked(messages: list[BaseMessage], about: AskRequest) -> ModelRequest[Any]:
        told = request.system_message if about.continues else None
        kept = about.continues and has_calls(request.messages)  # there are providers that insist
        return request.override(
            messages=messages,  # type: ignore[arg-type]  # of any class, as there
            system_message=without_images(told) if told and not about.images else told,
            tools=request.tools if kept else [],
            tool_choice=None,
            response_format=None,
        )

    def call(messages: list[BaseMessage], about: AskRequest) -> BaseMessage:
        return _answer(handler(asked(messages, about)))

    async def acall(messages: list[BaseMessage], about: AskRequest) -> BaseMessage:
        return _answer(await handler(asked(messages, about)))

    name = model_name(request.model) or request.model._llm_type
    return AskedModel(name, call, acall, conversation=request.messages, loop=loop, concurrency=1)


def _answer(reply: ModelResponse[Any]) -> BaseMessage:
    """What the model said; where it said several things, nobody knows which is meant."""
    (answer,) = reply.result
    return answer


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
