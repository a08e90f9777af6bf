"""A streamed request: one line of JSON that says what comes, then a line for each piece of text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from eyelid.serving._problem import Problem


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends, as soon as they are whole; empty ones are left out."""
    begun: list[bytes] = []  # of a line whose end has not come yet
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        for other in others:
            if (line := b"".join(begun)).strip():
                yield line
            begun = [other]
    if (line := b"".join(begun)).strip():
        yield line


def piece_of(line: bytes) -> str:
    """The text of a line: a JSON string, or an object with nothing but `text`.

    Halves of a surrogate pair are kept: JavaScript cuts strings between them, and the other half comes next.

    Raises:
        Problem: it is neither.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise Problem(400, "json", "a line of the stream is not JSON") from None
    if isinstance(value, dict) and value.keys() == {"text"}:
        value = value["text"]
    if not isinstance(value, str):
        raise Problem(400, "invalid", "a line of the stream must be a string, or an object with nothing but 'text'")
    return value


async def whole_characters(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same text, in which halves of a surrogate pair that were cut apart are one character again."""
    held = ""
    async for piece in pieces:
        joined = (held + piece).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        held = joined[-1] if joined and "\ud800" <= joined[-1] <= "\udbff" else ""
        yield joined[: len(joined) - len(held)]
    if held:
        yield held
