"""Streams of answers: what may be released, and when.

"buffer" takes all of a stream in, looks at the whole message and hands it on as one chunk. "sentence" hands on
sentences of text as they are found harmless; tool calls, thinking and images wait for the end. JSON, and the
scaffold of ReAct agents, are buffered in both modes.

Each stream has a draft of its own; nothing is kept on whoever started it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from eyelid import Outcome, Surface
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._draft import Draft
from llama_index.postprocessor.eyelid._verdict import emit, verdict

__all__ = ["astream_chat", "astream_text", "stream_chat", "stream_text"]

_END: Final = object()


@dataclass(frozen=True, slots=True)
class _Pull:
    """Asks for the next chunk; answered with it, or with `_END`."""


@dataclass(frozen=True, slots=True)
class _Check:
    """Asks for the ruling on a message."""

    message: ChatMessage = field(repr=False)
    continued: bool = False


@dataclass(frozen=True, slots=True)
class _Sentences:
    """Has the rest of the text handed out by sentences; answered with its outcome."""


@dataclass(frozen=True, slots=True)
class _Emit:
    """Hands a chunk to whoever iterates the stream."""

    chunk: ChatResponse = field(repr=False)


_Steps: TypeAlias = Generator[_Pull | _Check | _Sentences | _Emit, Any, None]


def _steps(checker: Checker, draft: Draft, context: Context) -> _Steps:
    by_sentences = checker.settings.stream == "sentence" and not context.formed
    while not (by_sentences and draft.speaks):
        chunk = yield _Pull()
        if chunk is _END:
            if draft.begun:
                yield _Emit(draft.whole((yield _Check(draft.message))))
            return
        draft.add(chunk)
    outcome: Outcome = yield _Sentences()
    checker.settle(Surface.OUTPUT, outcome)
    rest = draft.rest(outcome)
    ruling = None if rest is None else (yield _Check(rest, continued=True))
    if ruling is None:
        emit(verdict([(Surface.OUTPUT, outcome)]), checker.where)
    yield _Emit(draft.last(outcome, ruling))


def stream_chat(
    checker: Checker, chunks: Iterable[ChatResponse], *, context: Context | None = None
) -> Generator[ChatResponse]:
    """The chunks that may be passed on, by `checker.settings.stream`; the last one holds the verdict.

    As LlamaIndex has it, `message` is all that was said so far and `delta` what is new. An error of the source is
    raised after what was released; what had not been looked at is dropped. Closing the result closes the source.

    Raises:
        HarmfulContentError, UninspectedError: as `Checker.check_message`.
    """
    context, source, draft = context or Context(), iter(chunks), Draft()
    steps, answer = _steps(checker, draft, context), None
    try:
        while (want := _next(steps, answer)) is not None:
            match want:
                case _Pull():
                    answer = next(source, _END)
                case _Check(message, continued):
                    answer = checker.check_message(message, context=replace(context, continued=continued))
                case _Emit(chunk):
                    answer = None
                    yield chunk
                case _Sentences():
                    texts = checker.guard.stream(_texts(draft, source), prompt=context.prompt, images=context.images)
                    for text in texts:
                        yield draft.piece(text)
                    answer = texts.outcome
    finally:
        if (close := getattr(source, "close", None)) is not None:
            close()


async def astream_chat(
    checker: Checker, chunks: AsyncIterable[ChatResponse], *, context: Context | None = None
) -> AsyncGenerator[ChatResponse]:
    """As `stream_chat`, for `async for`. Cancelling it closes the source as well."""
    context, source, draft = context or Context(), aiter(chunks), Draft()
    steps, answer = _steps(checker, draft, context), None
    try:
        while (want := _next(steps, answer)) is not None:
            match want:
                case _Pull():
                    answer = await anext(source, _END)
                case _Check(message, continued):
                    answer = await checker.acheck_message(message, context=replace(context, continued=continued))
                case _Emit(chunk):
                    answer = None
                    yield chunk
                case _Sentences():
                    texts = checker.guard.astream(_atexts(draft, source), prompt=context.prompt, images=context.images)
                    async for text in texts:
                        yield draft.piece(text)
                    answer = texts.outcome
    finally:
        if (close := getattr(source, "aclose", None)) is not None:
            await close()


def stream_text(
    checker: Checker,
    chunks: Iterable[str],
    *,
    context: Context | None = None,
    done: Callable[[Outcome], None] | None = None,
) -> Generator[str]:
    """The pieces of a text that may be passed on, by `checker.settings.stream`.

    Args:
        checker: looks.
        chunks: the text as it comes.
        context: what it answers.
        done: is given the outcome before the stream ends, and before it raises.

    Raises:
        HarmfulContentError, UninspectedError: as `Checker.settle`.
    """
    context = context or Context()
    mode = checker.settings.stream
    with checker.guard.stream(chunks, prompt=context.prompt, images=context.images, mode=mode) as texts:
        yield from texts
        _finish(checker, texts.outcome, done)


async def astream_text(
    checker: Checker,
    chunks: AsyncIterable[str],
    *,
    context: Context | None = None,
    done: Callable[[Outcome], None] | None = None,
) -> AsyncGenerator[str]:
    """As `stream_text`, for `async for`."""
    context = context or Context()
    mode = checker.settings.stream
    async with checker.guard.astream(chunks, prompt=context.prompt, images=context.images, mode=mode) as texts:
        async for text in texts:
            yield text
        _finish(checker, texts.outcome, done)


def _finish(checker: Checker, outcome: Outcome, done: Callable[[Outcome], None] | None) -> None:
    emit(verdict([(Surface.OUTPUT, outcome)]), checker.where)
    if done is not None:
        done(outcome)
    checker.settle(Surface.OUTPUT, outcome)


def _next(steps: _Steps, answer: Any) -> _Pull | _Check | _Sentences | _Emit | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def _texts(draft: Draft, source: Iterator[ChatResponse]) -> Iterator[str]:
    yield draft.text
    for chunk in source:
        if text := draft.add(chunk):
            yield text


async def _atexts(draft: Draft, source: AsyncIterator[ChatResponse]) -> AsyncIterator[str]:
    yield draft.text
    async for chunk in source:
        if text := draft.add(chunk):
            yield text
