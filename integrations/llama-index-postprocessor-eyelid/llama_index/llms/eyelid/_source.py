"""The model itself, asked so that whoever listens to LlamaIndex's events can tell its raw answers from guarded ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, aclosing, closing
from typing import TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, MessageRole
from llama_index_instrumentation.dispatcher import active_instrument_tags, instrument_tags

T = TypeVar("T")

#: The tag of the events that the model itself sends, which hold what it said before it was looked at.
RAW = {"eyelid": "raw"}


def raw() -> AbstractContextManager[None]:
    """Within it, events have the tag `eyelid: raw`."""
    return instrument_tags({**active_instrument_tags.get(), **RAW})


def tagged(source: Iterator[T], change: Callable[[T], ChatResponse]) -> Generator[ChatResponse]:
    """The chunks of a model's stream; each is fetched under the tag, which the consumer never sees."""
    try:
        while True:
            with raw():
                try:
                    chunk = next(source)
                except StopIteration:
                    return
            yield change(chunk)
    finally:
        if (close := getattr(source, "close", None)) is not None:
            close()


async def atagged(source: AsyncIterator[T], change: Callable[[T], ChatResponse]) -> AsyncGenerator[ChatResponse]:
    """As `tagged`, for `async for`."""
    try:
        while True:
            with raw():
                try:
                    chunk = await anext(source)
                except StopAsyncIteration:
                    return
            yield change(chunk)
    finally:
        if (close := getattr(source, "aclose", None)) is not None:
            await close()


def as_is(chunk: ChatResponse) -> ChatResponse:
    """The chunk."""
    return chunk


def as_chat(chunk: CompletionResponse) -> ChatResponse:
    """A completion as the chat response it would be."""
    message = ChatMessage(role=MessageRole.ASSISTANT, content=chunk.text)
    return ChatResponse(message=message, raw=chunk.raw, delta=chunk.delta, additional_kwargs=chunk.additional_kwargs)


def as_completion(chunk: ChatResponse) -> CompletionResponse:
    """A guarded chat response as a completion."""
    return CompletionResponse(
        text=chunk.message.content or "",
        raw=chunk.raw,
        delta=chunk.delta,
        additional_kwargs=chunk.additional_kwargs,
    )


def as_completions(chunks: Generator[ChatResponse]) -> Generator[CompletionResponse]:
    """Guarded chunks as those of a completion; closing it closes them."""
    with closing(chunks):
        for chunk in chunks:
            yield as_completion(chunk)


async def aas_completions(chunks: AsyncGenerator[ChatResponse]) -> AsyncGenerator[CompletionResponse]:
    """As `as_completions`, for `async for`."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield as_completion(chunk)
