"""Models for tests: they stream text, thinking and tool calls in small chunks, take tools, and note their calls.

LlamaIndex's own mocks say nothing that a guard could get wrong.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any, TypeAlias

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM, ToolSelection
from llama_index.core.tools import BaseTool
from pydantic import ConfigDict, Field, PrivateAttr

__all__ = ["Answer", "FakeCall", "FakeEmbedding", "FakeLLM", "FakePlainLLM", "calls_tool", "pieces_of"]

#: What the model says to messages, given how it was called (tools, ...).
Answer: TypeAlias = Callable[[Sequence[ChatMessage], Mapping[str, Any]], ChatMessage | str]


@dataclass(slots=True)
class FakeCall:
    """One call of a fake: what it was given, how it was called, how much of it was taken, and how it ended."""

    messages: tuple[ChatMessage, ...] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    method: str
    chunks: int = 0
    closed: bool = False


def calls_tool(name: str, /, text: str = "", call_id: str = "call-1", **arguments: Any) -> ChatMessage:
    """An answer that asks for a tool."""
    said = [TextBlock(text=text)] if text else []
    call = ToolCallBlock(tool_call_id=call_id, tool_name=name, tool_kwargs=arguments)
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=[*said, call])


class FakePlainLLM(LLM):
    """Answers what it is told; it takes no tools.

    What providers put beside an answer (`raw`, log probabilities, keyword arguments) repeats the answer.

    Args:
        responses: answers (messages or strings), in turn, from the beginning again after the last.
        answer: says what to answer instead.
        chunk_size: characters of each chunk of text or thinking.
        fail_after: chunks after which a stream raises `RuntimeError`.
        api_key: a secret, as providers have one.
        is_chat_model: whether `predict` chats or completes.
        calls: what it was asked, call by call.
    """

    responses: Sequence[Any] = ()
    answer: Answer | None = Field(default=None, exclude=True, repr=False)
    chunk_size: int = 3
    fail_after: int | None = None
    api_key: str = "sk-a-secret"
    is_chat_model: bool = True
    calls: list[FakeCall] = Field(default_factory=list, exclude=True, repr=False)
    _turn: Iterator[int] = PrivateAttr(default_factory=count)

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return cls.__name__

    @property
    def metadata(self) -> LLMMetadata:
        """What it can do."""
        tools = isinstance(self, FunctionCallingLLM)
        return LLMMetadata(model_name="fake", is_chat_model=self.is_chat_model, is_function_calling_model=tools)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The answer."""
        return self._response(self._message(self._begin("chat", messages, kwargs)))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """As `chat`."""
        await asyncio.sleep(0)
        return self._response(self._message(self._begin("achat", messages, kwargs)))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The answer in chunks."""
        return self._chunks(self._begin("stream_chat", messages, kwargs))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """As `stream_chat`."""
        chunks = self._chunks(self._begin("astream_chat", messages, kwargs))

        async def stream() -> ChatResponseAsyncGen:
            try:
                for chunk in chunks:
                    await asyncio.sleep(0)
                    yield chunk
            finally:
                chunks.close()

        return stream()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The answer as a text."""
        return _completion(self._response(self._message(self._begin("complete", _asked(prompt), kwargs))))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """As `complete`."""
        await asyncio.sleep(0)
        return _completion(self._response(self._message(self._begin("acomplete", _asked(prompt), kwargs))))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The answer as a text in chunks."""
        chunks = self._chunks(self._begin("stream_complete", _asked(prompt), kwargs))
        return (_completion(chunk) for chunk in chunks)

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """As `stream_complete`."""
        chunks = self._chunks(self._begin("astream_complete", _asked(prompt), kwargs))

        async def stream() -> CompletionResponseAsyncGen:
            try:
                for chunk in chunks:
                    await asyncio.sleep(0)
                    yield _completion(chunk)
            finally:
                chunks.close()

        return stream()

    def _begin(self, method: str, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> FakeCall:
        call = FakeCall(tuple(messages), dict(options), method)
        self.calls.append(call)
        return call

    def _message(self, call: FakeCall) -> ChatMessage:
        if self.answer is not None:
            said = self.answer(call.messages, call.options)
        elif self.responses:
            said = self.responses[next(self._turn) % len(self.responses)]
        else:
            said = "All right."
        if isinstance(said, str):
            return ChatMessage(role=MessageRole.ASSISTANT, content=said)
        message = said.model_copy(deep=True)
        if raw := [_raw_call(block) for block in message.blocks if isinstance(block, ToolCallBlock)]:
            message.additional_kwargs.setdefault("tool_calls", raw)  # as providers' integrations do
        return message

    def _response(self, message: ChatMessage, delta: str | None = None, thinking: str | None = None) -> ChatResponse:
        said = message.content or ""
        beside: dict[str, Any] = {"prompt_tokens": 3, "echo": said}
        if thinking is not None:
            beside["thinking_delta"] = thinking
        raw = {"choices": [message.model_dump()], "usage": {"prompt_tokens": 3, "completion_tokens": len(said)}}
        logprobs = [[LogProb(token=said, logprob=-0.1)]]
        return ChatResponse(message=message, raw=raw, delta=delta, logprobs=logprobs, additional_kwargs=beside)

    def _chunks(self, call: FakeCall) -> ChatResponseGen:
        try:
            for message, delta, thinking in pieces_of(self._message(call), self.chunk_size):
                if call.chunks == self.fail_after:
                    raise RuntimeError("the fake model was told to fail")
                call.chunks += 1
                yield self._response(message, delta, thinking)
        finally:
            call.closed = True


class FakeLLM(FakePlainLLM, FunctionCallingLLM):
    """As `FakePlainLLM`, and takes tools; an answer asks for one with a `ToolCallBlock` (see `calls_tool`)."""

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        said = [ChatMessage(role=MessageRole.USER, content=user_msg)] if isinstance(user_msg, str) else [user_msg]
        messages = [*(chat_history or []), *(message for message in said if message is not None)]
        specs = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        return {"messages": messages, "tools": specs, **kwargs}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls in the blocks of the message."""
        blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        if not blocks and error_on_no_tool_call:
            raise ValueError(f"expected a tool call, got none: {response.message.content}")
        return [
            ToolSelection(tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs=_kwargs(block))
            for block in blocks
        ]


class FakeEmbedding(BaseEmbedding):
    """Embeds a text by its words: texts that share words lie close together."""

    dimensions: int = 64

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.01] * self.dimensions
        for word in text.lower().split():
            vector[int(sha256(word.encode()).hexdigest(), 16) % self.dimensions] += 1.0
        return vector

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def pieces_of(message: ChatMessage, size: int) -> Iterator[tuple[ChatMessage, str, str | None]]:
    """The message as a provider would stream it: all that was said so far, what is new in it, what was thought anew.

    Keyword arguments come with the last piece.
    """
    pieces = list(_pieces(message.blocks, size)) or [([], "", None)]
    for blocks, delta, thinking in pieces[:-1]:
        yield ChatMessage(role=message.role, blocks=blocks), delta, thinking
    blocks, delta, thinking = pieces[-1]
    yield message.model_copy(update={"blocks": blocks}), delta, thinking


def _pieces(blocks: Sequence[Any], size: int) -> Iterator[tuple[list[Any], str, str | None]]:
    done: list[Any] = []
    for block in blocks:
        key = "text" if isinstance(block, TextBlock) else "content" if isinstance(block, ThinkingBlock) else None
        whole = "" if key is None else getattr(block, key) or ""
        for end in range(size, len(whole) + size, size):
            so_far = block.model_copy(update={key: whole[:end]})
            new = whole[end - size : end]
            yield [*done, so_far], *((new, None) if key == "text" else ("", new))
        done = [*done, block]
        if key is None:
            yield done, "", None


def _raw_call(block: ToolCallBlock) -> dict[str, Any]:
    function = {"name": block.tool_name, "arguments": json.dumps(_kwargs(block))}
    return {"id": block.tool_call_id, "type": "function", "function": function}


def _completion(response: ChatResponse) -> CompletionResponse:
    return CompletionResponse(
        text=response.message.content or "",
        raw=response.raw,
        delta=response.delta,
        logprobs=response.logprobs,
        additional_kwargs=response.additional_kwargs,
    )


def _asked(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _kwargs(block: ToolCallBlock) -> dict[str, Any]:
    given = block.tool_kwargs
    return dict(json.loads(given)) if isinstance(given, str) else given
