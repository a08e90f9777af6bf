"""One request on its way in: its body, bounded and on time, and whether the client is still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeVar

from eyelid.serving._json import parse
from eyelid.serving._problem import GoneError, Problem
from eyelid.serving._settings import Settings

T = TypeVar("T")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

#: Bodies above this size are parsed on another thread.
_QUICK = 256 * 1024


class Intake:
    """The body of a request, as it comes.

    Args:
        receive: of ASGI.
        settings: for the bounds.
        content_type: as the request names it.
        more: told of bytes that were not announced; raises where there is no room for them.
    """

    def __init__(self, receive: Receive, settings: Settings, *, content_type: str, more: Callable[[int], None]) -> None:
        self._receive = receive
        self._settings = settings
        self._more = more
        self._size = 0
        self.content_type = content_type

    async def json(self) -> Any:
        """The whole body as JSON.

        Raises:
            Problem: it is too large, too slow, not declared as JSON, or none.
            GoneError: the client went away.
        """
        if self.content_type != "application/json":
            # Also what keeps other sites' pages in a browser from asking: they would have to ask for leave first.
            raise Problem(415, "content_type", "the body must be application/json")
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._settings.read_seconds):
                async for part in self._parts():
                    parts.append(part)
        except TimeoutError:
            raise _slow(self._settings.read_seconds) from None
        body = b"".join(parts)
        return parse(body) if len(body) <= _QUICK else await asyncio.to_thread(parse, body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece, each in time.

        Raises:
            Problem: it is too large, or a piece is too slow.
            GoneError: the client went away.
        """
        parts = self._parts()
        while True:
            try:
                async with asyncio.timeout(self._settings.read_seconds):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _slow(self._settings.read_seconds) from None
            yield part

    async def gone(self) -> None:
        """Wait until the client goes away; only after the whole body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives; it is cancelled when the client goes away. Only after the whole body was read.

        Raises:
            GoneError: it did.
        """
        return await unless(self.gone(), work)

    async def _parts(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            part, more = message.get("body", b""), message.get("more_body", False)
            if part:
                self._size += len(part)
                if self._size > self._settings.max_body:
                    raise too_large(self._settings)
                self._more(self._size)
                yield part


async def unless(gone: Awaitable[None], work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; it is cancelled when `gone` ends before it.

    Raises:
        GoneError: it did.
    """
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(gone)
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise GoneError
        return working.result()
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)


def too_large(settings: Settings) -> Problem:
    """The answer to a body that is, or says it is, too large."""
    return Problem(413, "too_large", f"the body is larger than {settings.max_body} bytes")


def _slow(seconds: float) -> Problem:
    return Problem(408, "slow", f"the body did not arrive within {seconds:g} seconds")
