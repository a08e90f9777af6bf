"""Answers at the end of a chain, messages or texts: what may be passed on of them, of the type they were."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any

from eyelid.errors import InputError
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from langchain_eyelid._case import Context, Ruling
from langchain_eyelid._check import Checker
from langchain_eyelid._stream import astream_message, stream_message


def as_message(answer: Any) -> BaseMessage:
    """An answer as a message.

    Raises:
        InputError: it is neither a message nor a text; its class is named, never its content.
    """
    if isinstance(answer, BaseMessage):
        return answer
    if isinstance(answer, str):
        return AIMessage(answer)
    raise InputError(f"a message or a text is looked at here, not a {type(answer).__name__}")


def passed(answer: Any, ruling: Ruling[BaseMessage], *, as_text: bool = False) -> Any:
    """What may be passed on, of the type that the answer was."""
    return str(ruling.message.text) if as_text or isinstance(answer, str) else ruling.message


def stream_answer(checker: Checker, chunks: Iterable[Any], context: Context, *, as_text: bool) -> Iterator[Any]:
    """The chunks of an answer that may be passed on, of the type they were.

    Args:
        checker: looks, and says how much is released when.
        chunks: of messages or of a text.
        context: what is answered.
        as_text: whether texts are handed on in any case.

    Raises:
        TypeError: the chunks do not add up.
        HarmfulContentError, UninspectedError: as `Checker.check_message`.
    """
    form = _Form(as_text)
    with closing(stream_message(_patient(checker, context), map(form.read, chunks), context=context)) as released:
        for message in released:
            yield from form.write(message)
    yield from form.rest()


async def astream_answer(
    checker: Checker, chunks: AsyncIterable[Any], context: Context, *, as_text: bool
) -> AsyncIterator[Any]:
    """As `stream_answer`, for `async for`."""
    form = _Form(as_text)
    source = (form.read(chunk) async for chunk in chunks)
    async with aclosing(astream_message(_patient(checker, context), source, context=context)) as released:
        async for message in released:
            for each in form.write(message):
                yield each
    for each in form.rest():
        yield each


class _Form:
    """Whether a stream is one of texts: they are read as messages, and handed on as texts."""

    def __init__(self, as_text: bool) -> None:
        self._as_text = as_text
        self._kind: type | None = None
        self._wrote = False

    def read(self, chunk: Any) -> Any:
        kind = str if isinstance(chunk, str) else BaseMessage
        if self._kind is not None and kind is not self._kind:
            raise TypeError("a stream gave texts as well as messages; these do not add up")
        self._kind = kind
        return AIMessageChunk(content=chunk) if kind is str else chunk

    def write(self, message: BaseMessage) -> Iterator[Any]:
        if not self._text:
            yield message
        elif message.text:
            self._wrote = True
            yield str(message.text)

    def rest(self) -> Iterator[str]:
        """An empty text is one too."""
        if self._text and self._kind is not None and not self._wrote:
            yield ""

    @property
    def _text(self) -> bool:
        return self._as_text or self._kind is str


def _patient(checker: Checker, context: Context) -> Checker:
    """What answers something that nobody can look at is looked at as a whole."""
    if not context.missing:
        return checker
    return Checker(checker.guard, replace(checker.settings, stream="buffer"))
