"""Streams of message chunks: what may be released, and when.

"buffer" adds all chunks up, looks at the whole message and hands it on as one chunk. "sentence" hands on sentences of
text as they are found harmless; tool calls, reasoning and images wait for the end and are looked at as a whole.
The verdict stands on the last chunk only, since LangChain adds metadata up.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_eyelid._check import Checker, Context


def add_up(chunks: Iterable[Any]) -> Any:
    """The sum of all chunks: strings, or message chunks. One whole message alone is taken as it is.

    Raises:
        TypeError: the chunks are of kinds that do not add up; LangChain's own `+` would make a prompt template of
            two messages, and would keep the last of several dicts.
        ValueError: there were none.
    """
    raise NotImplementedError


def stream_message(
    checker: Checker, chunks: Iterable[BaseMessage], *, context: Context | None = None
) -> Iterator[BaseMessage]:
    """The chunks that may be passed on, by `checker.settings.stream`. Closing it closes the source."""
    raise NotImplementedError


def astream_message(
    checker: Checker, chunks: AsyncIterable[BaseMessage], *, context: Context | None = None
) -> AsyncIterator[BaseMessage]:
    """As `stream_message`, for `async for`."""
    raise NotImplementedError
