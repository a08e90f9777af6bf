"""A server as a role sees it: calls with several items, answered item by item, in time or not at all."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from eyelid._optional import require
from eyelid.errors import ConfigurationError
from eyelid.remote._background import BACKGROUND
from eyelid.remote._session import Session
from eyelid.remote._trouble import Trouble
from eyelid.remote._url import checked_url

In = TypeVar("In")
Out = TypeVar("Out")

#: Calls that wait for a connection, as a multiple of the connections; more are refused at once.
_WAITING = 32


@dataclass(frozen=True, slots=True)
class Prepared(Generic[Out]):
    """One call, ready to be sent, and how its reply is to be understood.

    Args:
        body: JSON.
        read: the reply → one result for each item, in order; raises `ValueError` where it makes no sense as a whole.
    """

    body: bytes = field(repr=False)
    read: Callable[[bytes], Sequence[Out | Trouble]]


class Endpoint:
    """A server that is called over HTTP. May be shared by several roles and threads.

    Every call has a time limit as a whole. What may succeed on another attempt is tried again, for at most a fifth of
    the calls; a server that fails again and again is left alone for a while. Redirects are not followed, proxies and
    credentials of the environment not used, and replies bounded. What goes wrong is a failure of the items concerned.

    Args:
        url: of the server: scheme, host, port and the path below which it answers.
        token: sent as bearer token; never shown.
        seconds: for a whole call, attempts and pauses included.
        connections: kept open and used at a time.
        attempts: of one call.
        max_reply: bytes of a reply.
        tls: how certificates are checked, for a private authority; the system's authorities if left out.
        plaintext: whether http is taken for other hosts than this one.

    Raises:
        ConfigurationError: the URL or a number cannot be.
        MissingExtraError: the extra "remote" is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        seconds: float = 10.0,
        connections: int = 8,
        attempts: int = 3,
        max_reply: int = 8 * 2**20,
        tls: ssl.SSLContext | None = None,
        plaintext: bool = False,
    ) -> None:
        require("remote", "httpx")
        self.url = checked_url(url, plaintext=plaintext)
        if not 0.0 < seconds < math.inf or min(connections, attempts, max_reply) < 1:
            raise ConfigurationError("an endpoint needs seconds > 0, and at least one connection, attempt and byte")
        if token is not None and not (token.isascii() and token.isprintable() and token.strip() == token != ""):
            raise ConfigurationError("the token must be of printable ASCII, without spaces around it")
        self.seconds = seconds
        self._open = _opener(self.url, token, tls, connections, attempts, max_reply)
        self._most = connections * (1 + _WAITING)
        self._under_way = 0
        self._home: asyncio.AbstractEventLoop | None = None
        self._session: Session | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    def call(
        self,
        path: str,
        items: Sequence[In],
        prepare: Callable[[Sequence[In], float], Prepared[Out]],
        *,
        deadline: float = math.inf,
    ) -> Future[list[Out | Trouble]]:
        """Send items in one call; what may be due to one of them is sent again in halves.

        Args:
            path: below the server's URL.
            items: at least one.
            prepare: makes the call for some of the items, given the seconds that are left.
            deadline: no later than this, in seconds of `time.monotonic`.

        Raises:
            ConfigurationError: the endpoint is closed.
        """
        if self._closed:
            raise ConfigurationError("the endpoint is closed")
        return BACKGROUND.submit(self._call(path, items, prepare, deadline))

    def close(self) -> None:
        """Close the connections. Safe to call twice."""
        self._closed = True
        if self._session is not None and self._home is BACKGROUND.loop:
            BACKGROUND.submit(self._session.client.aclose()).result(timeout=self.seconds)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    async def _call(
        self,
        path: str,
        items: Sequence[In],
        prepare: Callable[[Sequence[In], float], Prepared[Out]],
        deadline: float,
    ) -> list[Out | Trouble]:
        session = self._present()
        if self._under_way >= self._most:
            return [Trouble("overloaded", "too many calls wait for this server")] * len(items)
        own = time.monotonic() + self.seconds
        until = min(own, deadline)
        self._under_way += 1
        session.budget.earn()
        try:
            async with asyncio.timeout_at(until):
                return await _lot(session, path, items, prepare, until)
        except TimeoutError:
            # Who had much less time than the endpoint allows has learnt nothing about the server.
            if own - until < self.seconds / 2:
                session.breaker.failed(time.monotonic())
            return [Trouble("timeout", "no answer from the server in time")] * len(items)
        finally:
            self._under_way -= 1

    def _present(self) -> Session:
        loop = asyncio.get_running_loop()
        if self._session is None or self._home is not loop:  # not yet used, or used before a fork
            self._session, self._home, self._under_way = self._open(), loop, 0
            weakref.finalize(self, _release, self._session).atexit = False
        return self._session


def _opener(
    url: str, token: str | None, tls: ssl.SSLContext | None, connections: int, attempts: int, max_reply: int
) -> Callable[[], Session]:
    """Makes sessions. The token is kept in here, where no representation of an object shows it."""

    def open_session() -> Session:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return Session(
            url,
            headers,
            tls=True if tls is None else tls,
            connections=connections,
            attempts=attempts,
            max_reply=max_reply,
        )

    return open_session


async def _lot(
    session: Session,
    path: str,
    items: Sequence[Any],
    prepare: Callable[[Sequence[Any], float], Prepared[Any]],
    until: float,
) -> list[Any]:
    prepared = prepare(items, max(0.001, until - time.monotonic()))
    answer = await session.post(path, prepared.body, until)
    if isinstance(answer, Trouble):
        # A server that refuses what it is given is well; one that breaks on it may not be, and is spared.
        well = answer.code in ("invalid", "limit")
        if not answer.halves or len(items) == 1 or not (well or session.budget.spend()):
            return [answer] * len(items)
        middle = len(items) // 2
        halves = (items[:middle], items[middle:])
        first, second = await asyncio.gather(*(_lot(session, path, half, prepare, until) for half in halves))
        return [*first, *second]
    try:
        results = prepared.read(answer)
    except (ValueError, RecursionError):
        return [Trouble("invalid", "the server's answer makes no sense")] * len(items)
    if len(results) != len(items):
        return [Trouble("invalid", "the server did not give one result for each item")] * len(items)
    return list(results)


def _release(session: Session) -> None:
    BACKGROUND.submit(session.client.aclose())
