"""Batches in which one failure is not everybody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def every(look: Callable[[Sequence[T]], list[Any]], items: Sequence[T]) -> list[Any]:
    """What `look` returns for all of them at once; where that raises, for each, its exception in its place."""
    try:
        return look(items)
    except Exception as error:  # noqa: BLE001  # it is handed to whom it concerns
        if len(items) == 1:
            return [error]
    return [found for item in items for found in every(look, [item])]


async def aevery(look: Callable[[Sequence[T]], Awaitable[list[Any]]], items: Sequence[T]) -> list[Any]:
    """As `every`."""
    try:
        return await look(items)
    except Exception as error:  # noqa: BLE001  # it is handed to whom it concerns
        if len(items) == 1:
            return [error]
    return [found for item in items for found in await aevery(look, [item])]
