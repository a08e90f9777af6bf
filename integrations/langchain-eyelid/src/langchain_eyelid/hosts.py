"""A chat model as eyelid's `Host`: what ECSO, judges, detoxifiers and data engines ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.protocols import AskRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableBinding

from langchain_eyelid._asked_model import AskedModel
from langchain_eyelid._conversation import has_calls
from langchain_eyelid._inner import answer_of

#: Options that give an answer a form; a verdict or a description would have none of these.
_FORMS = """
tools tool_choice functions function_call parallel_tool_calls strict response_format response_schema
response_mime_type format output_format ls_structured_output_format structured_output_format n logprobs top_logprobs
"""
_SHAPING = frozenset(_FORMS.split())
_TOOLS = ("tools", "functions")
#: Alternatives for the first token; providers allow no more.
_ALTERNATIVES = 20


class LangChainHost(AskedModel):
    """Asks a chat model.

        closed = eyelid.EyesClosed(LangChainHost(model), guard=eyelid.load_guard())

    The model is called without callbacks, so that no stream, event or tracer is told of it; its rate limiter holds, its
    cache is not asked. It keeps its own settings: budget, temperature and seed of a request are not handed to it,
    since LangChain has no common names for them; give a model that has them bound. Bound tools and output formats are
    left out, since answers are texts; where a request continues a conversation in which tools were called they stay,
    for there are providers that insist, and a reply of nothing but calls is then a failure.

    It may be shared by threads. `ask` asks the requests of a batch in threads; `start` asks on an event loop.

    Args:
        model: a chat model, or one with bound arguments.
        conversation: in which requests that continue it take the place of the user's last turn. Where such a request
            has no images, none is shown of the others either.
        loop: on which `start` asks, so that no thread waits; it must be running, and not be waited for from there.
        concurrency: requests of a batch that are under way at a time.
        logprobs: whether to ask for the chances of options: of models that have fields for it if left out. Models that
            know no `logprobs` and `top_logprobs` fail if told to.
        name: its name; the model's if left out.

    Raises:
        ConfigurationError: not a chat model, or a number below 1.
    """

    def __init__(
        self,
        model: BaseChatModel | RunnableBinding[Any, Any],
        *,
        conversation: Sequence[BaseMessage] = (),
        loop: asyncio.AbstractEventLoop | None = None,
        concurrency: int = 8,
        logprobs: bool | None = None,
        name: str | None = None,
    ) -> None:
        inner, options = _unbound(model)
        if concurrency < 1:
            raise ConfigurationError(f"concurrency is {concurrency}; it must be at least 1")
        self._model, self._options = inner, options
        self._logprobs = _has_logprobs(inner) if logprobs is None else logprobs
        super().__init__(
            name or model_name(inner) or inner._llm_type,
            self._generated,
            self._agenerated,
            conversation=conversation,
            loop=loop,
            concurrency=concurrency,
        )

    def __repr__(self) -> str:
        return f"LangChainHost({self.name!r})"

    def _generated(self, messages: list[BaseMessage], request: AskRequest) -> BaseMessage:
        if self._model.rate_limiter is not None:
            self._model.rate_limiter.acquire(blocking=True)
        return answer_of(self._model._generate(messages, **self._given(request)))

    async def _agenerated(self, messages: list[BaseMessage], request: AskRequest) -> BaseMessage:
        if self._model.rate_limiter is not None:
            await self._model.rate_limiter.aacquire(blocking=True)
        return answer_of(await self._model._agenerate(messages, **self._given(request)))

    def _given(self, request: AskRequest) -> dict[str, Any]:
        left = _TOOLS if request.continues and has_calls(self._conversation) else ()
        options = {name: said for name, said in self._options.items() if name not in _SHAPING or name in left}
        if not request.continues:
            options.pop("stop", None)
        chances = {"logprobs": True, "top_logprobs": _ALTERNATIVES} if request.options and self._logprobs else {}
        return {**options, **chances}


def model_name(model: BaseChatModel) -> str | None:
    """A model's name, under whatever name it has it."""
    names = (getattr(model, name, None) for name in ("model_name", "model", "model_id"))
    return next((name for name in names if name and isinstance(name, str)), None)


def _unbound(model: Any) -> tuple[BaseChatModel, Mapping[str, Any]]:
    options: dict[str, Any] = {}
    inner = model
    while isinstance(inner, RunnableBinding):
        options = {**inner.kwargs, **options}
        inner = inner.bound
    if not isinstance(inner, BaseChatModel):
        raise ConfigurationError(f"LangChainHost takes a chat model, not {type(inner).__name__}")
    return inner, options


def _has_logprobs(model: BaseChatModel) -> bool:
    return {"logprobs", "top_logprobs"} <= type(model).model_fields.keys()
