"""The guarded model's own answers: as chunks of messages, with everything that came beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, BaseMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_eyelid._check import Ruling
from langchain_eyelid._metadata import without_content


def passed_on(result: ChatResult, rulings: Sequence[Ruling[BaseMessage]]) -> ChatResult:
    """The result with the messages that may be passed on, and nothing beside them that could hold the others."""
    allowed = all(ruling.allowed for ruling in rulings)
    generations = [
        ChatGeneration(
            message=ruling.message,
            generation_info=each.generation_info if ruling.allowed else without_content(each.generation_info),
        )
        for each, ruling in zip(result.generations, rulings, strict=True)
    ]
    output = result.llm_output
    return ChatResult(generations=generations, llm_output=output if allowed or not output else without_content(output))


def chunks(model: BaseChatModel, messages: list[BaseMessage], /, **options: Any) -> Iterator[BaseMessage]:
    """The model's answer in chunks; in one where it does not stream. Its callbacks see nothing of it."""
    if not _streams(model, "_stream"):
        yield _whole(model._generate(messages, **options))
        return
    source = model._stream(messages, **options)
    try:
        for chunk in source:
            yield _message(chunk)
    finally:
        if (close := getattr(source, "close", None)) is not None:
            close()


async def achunks(model: BaseChatModel, messages: list[BaseMessage], /, **options: Any) -> AsyncIterator[BaseMessage]:
    """As `chunks`, for `async for`."""
    if not _streams(model, "_stream", "_astream"):
        yield _whole(await model._agenerate(messages, **options))
        return
    source = model._astream(messages, **options)
    try:
        async for chunk in source:
            yield _message(chunk)
    finally:
        if (close := getattr(source, "aclose", None)) is not None:
            await close()


def _streams(model: BaseChatModel, *methods: str) -> bool:
    """Whether the model has one of the methods, and was not told to do without."""
    if "streaming" in model.model_fields_set and getattr(model, "streaming", None) is False:
        return False
    return any(getattr(type(model), name) is not getattr(BaseChatModel, name) for name in methods)


def _message(chunk: ChatGenerationChunk) -> BaseMessageChunk:
    """The chunk's message; what stands beside it becomes metadata, as LangChain does later."""
    if not chunk.generation_info:
        return chunk.message
    metadata = {**chunk.generation_info, **chunk.message.response_metadata}
    return chunk.message.model_copy(update={"response_metadata": metadata})


def answer_of(result: ChatResult) -> BaseMessage:
    """The first answer; what stands beside it becomes metadata."""
    generation = result.generations[0]
    beside = {**(result.llm_output or {}), **(generation.generation_info or {})}
    metadata = {**beside, **generation.message.response_metadata}
    return generation.message.model_copy(update={"response_metadata": metadata})


def _whole(result: ChatResult) -> AIMessageChunk:
    return as_chunk(answer_of(result))


def as_chunk(message: BaseMessage) -> AIMessageChunk:
    """A whole answer as the only chunk of a stream."""
    names = type(message).model_fields.keys() & AIMessageChunk.model_fields.keys() - {"type"}
    fields = {name: getattr(message, name) for name in names}
    return AIMessageChunk(**fields, **(message.model_extra or {}), chunk_position="last")
