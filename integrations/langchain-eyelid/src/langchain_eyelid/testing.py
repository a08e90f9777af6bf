"""A chat model for tests: it streams text, reasoning, tool calls and usage in small chunks, and takes tools.

LangChain's own fakes drop tool calls when they stream, or cannot bind tools, and so hide what a guard does wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from json import dumps
from operator import itemgetter
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, PrivateAttr

#: What the model says to messages, given what was bound to it (tools, stop, ...).
Answer: TypeAlias = Callable[[Sequence[BaseMessage], Mapping[str, Any]], AIMessage | str]


@dataclass(slots=True)
class FakeCall:
    """One call of the fake: what it was given, how it was called, how much of it was taken, and how it ended."""

    messages: tuple[BaseMessage, ...] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    method: str
    chunks: int = 0
    closed: bool = False


class FakeStreamingChatModel(BaseChatModel):
    """Answers what it is told.

    Args:
        responses: answers (messages or strings), in turn, from the beginning again after the last.
        answer: says what to answer instead.
        chunk_size: characters of each chunk of text, reasoning or arguments.
        fail_after: chunks after which a stream raises `RuntimeError`.
        model_name: as providers have one.
        calls: what it was asked, call by call; shared with what is bound to it.
    """

    responses: Sequence[Any] = ()  # messages and strings; LangChain's own check of messages does not stand strings
    answer: Answer | None = Field(default=None, exclude=True, repr=False)
    chunk_size: int = 3
    fail_after: int | None = None
    model_name: str = "fake-streaming"
    calls: list[FakeCall] = Field(default_factory=list, exclude=True, repr=False)
    _turn: Iterator[int] = PrivateAttr(default_factory=count)

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @property
    def _llm_type(self) -> str:
        return "fake-streaming"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        said = sha256(repr((self.responses, self.answer)).encode()).hexdigest()
        return {"model_name": self.model_name, "responses": said}

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; the model is handed them as OpenAI's are."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **choice, **kwargs)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, method: str = "function_calling", **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """By "function_calling", or by "json_schema" or "json_mode": then the answer's text is JSON."""
        if method == "function_calling":
            return super().with_structured_output(schema, include_raw=include_raw, **kwargs)
        model = self.bind(response_format=schema)
        parser: Any = PydanticOutputParser(pydantic_object=schema) if isinstance(schema, type) else JsonOutputParser()
        if not include_raw:
            return model.pipe(parser)
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        nothing = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=model) | parsed.with_fallbacks([nothing], exception_key="parsing_error")

    def _begin(self, method: str, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> FakeCall:
        call = FakeCall(tuple(messages), dict(options), method)
        self.calls.append(call)
        return call

    def _message(self, call: FakeCall) -> AIMessage:
        if self.answer is not None:
            said = self.answer(call.messages, call.options)
        elif self.responses:
            said = self.responses[next(self._turn) % len(self.responses)]
        else:
            said = "All right."
        message = AIMessage(content=said) if isinstance(said, str) else said.model_copy(deep=True)
        name = call.options.get("model") or self.model_name
        message.response_metadata = {"model_name": name, **message.response_metadata}
        message.usage_metadata = message.usage_metadata or _usage(call.messages, message)
        return message

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        call = self._begin("_generate", messages, {"stop": stop, **kwargs})
        return ChatResult(generations=[ChatGeneration(message=self._message(call))])

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        call = self._begin("_agenerate", messages, {"stop": stop, **kwargs})
        return ChatResult(generations=[ChatGeneration(message=self._message(call))])

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._pieces(self._begin("_stream", messages, {"stop": stop, **kwargs}))

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        pieces = self._pieces(self._begin("_astream", messages, {"stop": stop, **kwargs}))
        try:
            for piece in pieces:
                await asyncio.sleep(0)
                yield piece
        finally:
            pieces.close()

    def _pieces(self, call: FakeCall) -> Any:
        try:
            for chunk in chunks_of(self._message(call), self.chunk_size):
                if call.chunks == self.fail_after:
                    raise RuntimeError("the fake model was told to fail")
                call.chunks += 1
                yield ChatGenerationChunk(message=chunk)
        finally:
            call.closed = True


def chunks_of(message: AIMessage, size: int) -> Iterator[AIMessageChunk]:
    """The message as a provider would stream it; the chunks add up to it."""
    for name, value in message.additional_kwargs.items():
        for piece in _cut(value, size) if isinstance(value, str) else [value]:
            yield AIMessageChunk(content="", id=message.id, additional_kwargs={name: piece})
    for content in _contents(message.content, size):
        yield AIMessageChunk(content=content, id=message.id)
    blank: str | list[Any] = "" if isinstance(message.content, str) else []
    for index, call in enumerate(message.tool_calls):
        head = {"name": call["name"], "id": call["id"], "args": "", "index": index}
        yield AIMessageChunk(content=blank, id=message.id, tool_call_chunks=[head])
        for args in _cut(dumps(call["args"]), size):
            piece = {"name": None, "id": None, "args": args, "index": index}
            yield AIMessageChunk(content=blank, id=message.id, tool_call_chunks=[piece])
    yield AIMessageChunk(
        content=blank,
        id=message.id,
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
        chunk_position="last",
    )


def _contents(content: str | list[Any], size: int) -> Iterator[Any]:
    if isinstance(content, str):
        yield from _cut(content, size)
        return
    for index, block in enumerate(content):
        spoken = next((key for key in ("text", "reasoning", "thinking") if _is_text(block, key)), None)
        if isinstance(block, str):
            yield from ([piece] for piece in _cut(block, size))
        elif spoken is None:
            yield [{**block, "index": index}]
        else:
            yield from ([{**block, spoken: piece, "index": index}] for piece in _cut(block[spoken], size) or [""])


def _is_text(block: Any, key: str) -> bool:
    return isinstance(block, dict) and block.get("type") == key and isinstance(block.get(key), str)


def _cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _usage(messages: Sequence[BaseMessage], answer: AIMessage) -> Any:
    asked, said = sum(len(message.text.split()) for message in messages), len(answer.text.split())
    return {"input_tokens": asked, "output_tokens": said, "total_tokens": asked + said}
