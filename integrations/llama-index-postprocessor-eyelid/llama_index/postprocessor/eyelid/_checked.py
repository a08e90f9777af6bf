"""What both engines share: a checker for answers, and looks at sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from llama_index.core.schema import MetadataMode, NodeWithScore

from llama_index.postprocessor.eyelid._look import Look
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._shelf import ahold, hold, look

T = TypeVar("T")


def sources(nodes: Sequence[NodeWithScore], prompt: str, settings: Settings, where: str) -> Look[list[NodeWithScore]]:
    """A look at source nodes, with all of their metadata, since people are shown it. None of them is left out.

    Blocks while image files are read and images are fetched.
    """
    return look(hold(nodes, settings, MetadataMode.ALL), prompt, "rewrite", where)


async def asources(
    nodes: Sequence[NodeWithScore], prompt: str, settings: Settings, where: str
) -> Look[list[NodeWithScore]]:
    """As `sources`, without ever blocking the event loop."""
    return look(await ahold(nodes, settings, MetadataMode.ALL), prompt, "rewrite", where)


async def off_loop(make: Callable[[], T], settings: Settings) -> T:
    """What `make` makes; in a thread where it may read files or fetch."""
    if settings.allowed_root is None and settings.image_loader is None:
        return make()
    return await asyncio.to_thread(make)


def texts(chunks: Iterable[str | None]) -> Iterator[str]:
    """The chunks that say something; closing it closes the source."""
    try:
        for chunk in chunks:
            if chunk:
                yield chunk
    finally:
        if (close := getattr(chunks, "close", None)) is not None:
            close()


async def atexts(chunks: AsyncIterable[str | None]) -> AsyncIterator[str]:
    """As `texts`, for `async for`."""
    try:
        async for chunk in chunks:
            if chunk:
                yield chunk
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()
