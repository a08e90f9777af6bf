"""HTTP/1.1 with a limit on how long the head of a request may take, which uvicorn does not have."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


def bounded(header_seconds: float) -> type[H11Protocol]:
    """A protocol that hangs up on clients which open a connection, or begin a request, and do not go on.

    The same time is allowed for the rest of a body that nobody reads, after a request was refused by its head.
    """

    class Bounded(H11Protocol):
        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_answering:
                self._stop_waiting()
            else:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._stop_waiting()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        @property
        def _is_answering(self) -> bool:
            cycle: RequestResponseCycle | None = self.cycle
            return cycle is not None and not cycle.response_complete

        def _wait(self) -> None:
            if self._waiting is None:
                self._waiting = self.loop.call_later(header_seconds, self._hang_up)

        def _stop_waiting(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _hang_up(self) -> None:
            if not (self._is_answering or self.transport.is_closing()):
                self.transport.close()

    return Bounded
