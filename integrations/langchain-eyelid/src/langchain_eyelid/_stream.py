"""Streams of message chunks: what may be released, and when.

"buffer" adds all chunks up, looks at the whole message and hands it on as one chunk. "sentence" hands on sentences of
text as they are found harmless; tool calls, reasoning and images wait for the end and are looked at as a whole.
Reasoning that came as content blocks before the text is looked at when the text begins, so that the order is kept.
JSON, and whatever is no stream of an answer's chunks, is buffered in both modes.

The verdict stands on the last chunk only, since LangChain adds metadata up.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from eyelid import Surface
from langchain_core.messages import BaseMessage

from langchain_eyelid._check import Checker, Context
from langchain_eyelid._draft import Draft
from langchain_eyelid._sum import Sum, add_up

__all__ = ["Sum", "add_up", "astream_message", "stream_message"]

_END: Final = object()


@dataclass(frozen=True, slots=True)
class _Pull:
    """Asks for the next chunk; answered with it, or with `_END`."""


@dataclass(frozen=True, slots=True)
class _Check:
    """Asks for the ruling on a message."""

    message: BaseMessage = field(repr=False)
    continued: bool = False


@dataclass(frozen=True, slots=True)
class _Sentences:
    """Has the rest of the text handed out by sentences; answered with its outcome."""


@dataclass(frozen=True, slots=True)
class _Emit:
    """Hands a chunk to whoever iterates the stream."""

    chunk: BaseMessage = field(repr=False)


_Steps: TypeAlias = Generator[_Pull | _Check | _Sentences | _Emit, Any, None]


def _steps(checker: Checker, draft: Draft) -> _Steps:
    by_sentences = checker.settings.stream == "sentence"
    add = draft.add if by_sentences else draft.whole.add
    while not draft.begun and (chunk := (yield _Pull())) is not _END:
        add(chunk)
    if not draft.begun or draft.waits:
        while (chunk := (yield _Pull())) is not _END:
            draft.whole.add(chunk)
        if draft.whole:
            yield _Emit((yield _Check(draft.whole.total(ended=True))).message)
        return
    if (before := draft.before).content:
        opening = draft.open((yield _Check(before, continued=True)))
        if opening is not None:
            yield _Emit(opening)
    outcome = checker.settle(Surface.OUTPUT, (yield _Sentences()))
    subject = draft.subject(outcome)
    ruling = None if subject is None else (yield _Check(subject, continued=True))
    yield _Emit(draft.last(outcome, subject, ruling))


def stream_message(
    checker: Checker, chunks: Iterable[BaseMessage], *, context: Context | None = None
) -> Generator[BaseMessage]:
    """The chunks that may be passed on, by `checker.settings.stream`.

    An error of the source is raised after what was released; what had not been looked at is dropped. Closing the
    result closes the source.

    Raises:
        TypeError: the chunks do not add up.
        HarmfulContentError, UninspectedError: as `Checker.check_message`.
    """
    context, source, draft = context or Context(), iter(chunks), Draft()
    steps, answer = _steps(checker, draft), None
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


async def astream_message(
    checker: Checker, chunks: AsyncIterable[BaseMessage], *, context: Context | None = None
) -> AsyncGenerator[BaseMessage]:
    """As `stream_message`, for `async for`. Cancelling it closes the source as well."""
    context, source, draft = context or Context(), aiter(chunks), Draft()
    steps, answer = _steps(checker, draft), None
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


def _next(steps: _Steps, answer: Any) -> _Pull | _Check | _Sentences | _Emit | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def _texts(draft: Draft, source: Iterator[Any]) -> Iterator[str]:
    yield draft.text
    for chunk in source:
        if text := draft.add(chunk):
            yield text


async def _atexts(draft: Draft, source: AsyncIterator[Any]) -> AsyncIterator[str]:
    yield draft.text
    async for chunk in source:
        if text := draft.add(chunk):
            yield text
