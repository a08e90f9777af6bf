"""A LlamaIndex model as eyelid's `Host`: what ECSO, judges and detoxifiers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, MessageRole, TextBlock
from llama_index.core.llms.llm import LLM

from eyelid import Failure
from eyelid.errors import ConfigurationError
from eyelid.hosts import chances_of
from eyelid.protocols import AskRequest, Reply
from llama_index.llms.eyelid._source import raw

#: Where providers' integrations put what an answer took.
_PROMPT_TOKENS, _REPLY_TOKENS = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")


class LlamaIndexHost:
    """Asks a LlamaIndex model.

    The model keeps its own settings: budget, temperature and seed of a request are not handed to it, since LlamaIndex
    has no common name for them. Chances of options are given where the model was made to return log probabilities.

        closed = eyelid.EyesClosed(LlamaIndexHost(llm), guard=eyelid.load_guard())

    Args:
        llm: a chat model; a `CustomLLM` drops images.
        before: the conversation so far, for requests that continue it; it is shown without images where the request
            has none.
        name: its name; the model's if left out.

    Raises:
        ConfigurationError: not a LlamaIndex model.
    """

    def __init__(self, llm: LLM, *, before: Sequence[ChatMessage] = (), name: str | None = None) -> None:
        if not isinstance(llm, LLM):
            raise ConfigurationError(f"LlamaIndexHost takes a LlamaIndex LLM, not {type(llm).__name__}")
        self._llm, self._before = llm, tuple(before)
        self.name = name or llm.metadata.model_name or llm.class_name()

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The model's answers, one after another."""
        return [self._asked(request) for request in batch]

    async def aask(self, batch: Sequence[AskRequest]) -> list[Reply | Failure]:
        """As `ask`, all at a time and without ever blocking the event loop."""
        return list(await asyncio.gather(*(self._aasked(request) for request in batch)))

    def _asked(self, request: AskRequest) -> Reply | Failure:
        try:
            with raw():
                response = self._llm.chat(self._messages(request))
        except Exception as error:  # noqa: BLE001 - it may be anyone's model; the text of its error may hold the prompt
            return self._failure(error)
        return _reply(request, response)

    async def _aasked(self, request: AskRequest) -> Reply | Failure:
        try:
            with raw():
                response = await self._llm.achat(self._messages(request))
        except Exception as error:  # noqa: BLE001 - as above
            return self._failure(error)
        return _reply(request, response)

    def _failure(self, error: Exception) -> Failure:
        code = "timeout" if isinstance(error, TimeoutError) else "error"
        return Failure("ask", code, type(error).__name__, self.name)

    def _messages(self, request: AskRequest) -> list[ChatMessage]:
        before = list(self._before) if request.continues else []
        if not request.images:
            before = [message for message in map(without_images, before) if message.blocks]
        system = [ChatMessage(role=MessageRole.SYSTEM, content=request.system)] if request.system else []
        shown = [ImageBlock(image=image.data) for image in request.images]
        return [*system, *before, ChatMessage(role=MessageRole.USER, blocks=[*shown, TextBlock(text=request.prompt)])]


class LoopHost(LlamaIndexHost):
    """A host for whoever awaits: the model is asked on their event loop, and no thread waits meanwhile.

    Args:
        loop: on which it is asked; it must be running, and not be waited for from itself.
    """

    def __init__(self, llm: LLM, loop: asyncio.AbstractEventLoop, *, before: Sequence[ChatMessage] = ()) -> None:
        super().__init__(llm, before=before)
        self._loop = loop

    def start(self, batch: Sequence[AskRequest], /) -> Future[Sequence[Reply | Failure]]:
        """As `ask`; the answers come later."""
        return asyncio.run_coroutine_threadsafe(self._all(batch), self._loop)

    async def _all(self, batch: Sequence[AskRequest]) -> Sequence[Reply | Failure]:
        return await self.aask(batch)


def without_images(message: ChatMessage) -> ChatMessage:
    """The message with its text alone: images may nest in blocks of other kinds, and in keyword arguments."""
    text = [TextBlock(text=message.content)] if message.content else []
    return ChatMessage(role=message.role, blocks=text)


def _reply(request: AskRequest, response: ChatResponse) -> Reply | Failure:
    text = response.message.content or ""
    if not text.strip():
        return Failure("ask", "empty", "the model said nothing")
    beside = response.additional_kwargs
    return Reply(
        text,
        _chances(request.options, response) if request.options else None,
        _count(beside, _PROMPT_TOKENS),
        _count(beside, _REPLY_TOKENS),
    )


def _count(beside: Mapping[str, Any], names: Sequence[str]) -> int | None:
    return next((beside[name] for name in names if isinstance(beside.get(name), int)), None)


def _chances(options: Sequence[str], response: ChatResponse) -> Mapping[str, float] | None:
    """From the alternatives for the first token, where the model gives them."""
    first = response.logprobs[0] if response.logprobs else []
    return chances_of([(each.token, each.logprob) for each in first], options) if first else None
