"""Server-sent events: an answer that comes in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

from fastapi import Response

from eyelid.serving._intake import Receive, unless
from eyelid.serving._record import to_json

#: Seconds of silence after which a line without meaning is sent, so that nothing in between hangs up.
HEARTBEAT = 10.0


def event(name: str, record: object) -> bytes:
    """One event; JSON has no line ends of its own."""
    return f"event: {name}\ndata: {to_json(record)}\n\n".encode()


class Events(Response):
    """Sends events as they come. When the client goes away, whatever makes them is cancelled.

    Args:
        events: as bytes.
        gone: ends when the client goes away.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], gone: Awaitable[None]) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._gone = gone

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Send them all."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            await unless(self._gone, self._send(send))
        finally:
            await self._events.aclose()

    async def _send(self, send: Any) -> None:
        while True:
            coming = asyncio.ensure_future(anext(self._events, b""))
            try:
                while not (await asyncio.wait((coming,), timeout=HEARTBEAT))[0]:
                    await send({"type": "http.response.body", "body": b": \n\n", "more_body": True})
            except BaseException:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
                raise
            part = coming.result()
            await send({"type": "http.response.body", "body": part, "more_body": bool(part)})
            if not part:
                return
