"""A body that comes while its answer goes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from eyelid.serving._intake import Intake
from eyelid.serving._problem import Problem

#: Pieces read ahead; whoever sends faster than its text is looked at is held back by its connection.
_AHEAD = 16


class Uploads:
    """Reads a body in the background, so that a client that goes away is noticed even while nobody wants a piece.

    Args:
        intake: the body.
        seconds: the longest it may last.
    """

    def __init__(self, intake: Intake, *, seconds: float) -> None:
        self._intake = intake
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._ready: asyncio.Queue[bytes | Problem | None] = asyncio.Queue(_AHEAD)
        #: Ends when the client goes away.
        self.gone = asyncio.ensure_future(self._read())

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece.

        Raises:
            Problem: it is too large, too slow or too long.
        """
        while (piece := await self._next()) is not None:
            if isinstance(piece, Problem):
                raise piece
            yield piece

    async def _next(self) -> bytes | Problem | None:
        try:
            async with asyncio.timeout(self._ends - time.monotonic()):
                return await self._ready.get()
        except TimeoutError:
            return Problem(408, "slow", f"the stream lasted longer than {self._seconds:g} seconds")

    async def _read(self) -> None:
        try:
            async for chunk in self._intake.chunks():
                await self._ready.put(chunk)
        except Problem as problem:
            await self._ready.put(problem)
        else:
            await self._ready.put(None)
        await self._intake.gone()
