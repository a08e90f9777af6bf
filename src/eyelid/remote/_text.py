"""Texts as JSON can carry them, and as many in a call as a server will take."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_SURROGATE = re.compile("[\ud800-\udfff]")


def sendable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 has no bytes for, as replacement characters; of the same length."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def size(text: str) -> int:
    """Bytes of a text in JSON, estimated from above for what is not full of control characters."""
    return len(text) + (0 if text.isascii() else 3 * len(text))


def lots(items: Sequence[T], weight: Callable[[T], int], *, most: int, heaviest: int) -> list[list[T]]:
    """Items in order, cut into lots of at most `most` items and a weight of `heaviest`; a heavier item goes alone."""
    found: list[list[T]] = []
    room = 0
    for item in items:
        own = weight(item)
        if not found or own > room or len(found[-1]) == most:
            found.append([])
            room = heaviest
        found[-1].append(item)
        room -= own
    return found
