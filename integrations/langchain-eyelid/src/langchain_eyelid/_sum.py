"""Adding chunks up, strictly.

LangChain's own `+` makes a prompt template of two messages, and a step that joins dicts keeps the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, BaseMessageChunk


class Sum:
    """What came of a stream so far."""

    def __init__(self) -> None:
        self._chunks: list[Any] = []

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def add(self, chunk: Any) -> None:
        """Take in one more.

        Raises:
            TypeError: it does not add up with what came before; its class is named, never its content.
        """
        if not isinstance(chunk, (str, BaseMessage)):
            raise TypeError(f"a stream gave a {_name(chunk)}; only strings and message chunks can be added up")
        if self._chunks and _form(self._chunks[0]) is not _form(chunk):
            raise TypeError(f"a stream gave a {_name(chunk)} after a {_name(self._chunks[0])}; these do not add up")
        if self._chunks and _form(chunk) is BaseMessage:
            raise TypeError(f"a stream gave more than one whole {_name(chunk)}; only message chunks can be added up")
        self._chunks.append(chunk)

    def total(self, *, ended: bool = False) -> Any:
        """All of it as one string or one message.

        Args:
            ended: whether there will be no more; LangChain parses some tool calls of the last chunk only.

        Raises:
            ValueError: there was nothing.
            TypeError: the chunks contradict each other.
        """
        if not self._chunks:
            raise ValueError("the stream was empty")
        first, *others = self._chunks
        if isinstance(first, str):
            return "".join(self._chunks)
        try:
            # A list adds up at once, where others would copy all that came before with each chunk.
            total = first + others if others and isinstance(first, AIMessageChunk) else reduce(add, self._chunks)
        except (TypeError, ValueError):
            # The error itself may quote the chunks.
            raise TypeError(f"the {len(self._chunks)} chunks of a {_name(first)} contradict each other") from None
        if ended and isinstance(total, AIMessageChunk) and total.chunk_position is None:
            blank: str | list[Any] = "" if isinstance(total.content, str) else []
            total += AIMessageChunk(content=blank, id=total.id, chunk_position="last")
        return total


def add_up(chunks: Iterable[Any]) -> Any:
    """The sum of all chunks: strings, or message chunks. One whole message alone is taken as it is.

    Raises:
        TypeError: the chunks are of kinds that do not add up.
        ValueError: there were none.
    """
    found = Sum()
    for chunk in chunks:
        found.add(chunk)
    return found.total()


def _form(chunk: Any) -> type:
    """What a chunk can be added to: a string, a chunk of the same class, or nothing."""
    if isinstance(chunk, str):
        return str
    return type(chunk) if isinstance(chunk, BaseMessageChunk) else BaseMessage


def _name(chunk: Any) -> str:
    return type(chunk).__name__
