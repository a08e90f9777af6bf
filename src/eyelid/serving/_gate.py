"""What every request passes first and last: whose it is, whether there is room, and what may be said about errors.

All of this is decided by the head of a request. Whatever is refused is refused before a byte of its body is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from eyelid.engine import claim
from eyelid.serving._admission import Admission, Refusal, Ticket
from eyelid.serving._intake import Intake, Message, Receive, too_large
from eyelid.serving._metrics import Metrics
from eyelid.serving._problem import GoneError, Problem
from eyelid.serving._settings import Settings
from eyelid.serving._tokens import caller_of

Send = Callable[[Message], Awaitable[None]]
Scope = dict[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Where in the scope of a request its body is found.
INTAKE = "eyelid.intake"
#: These answer without a token and without waiting for room, so that whoever watches the server always gets an answer.
_OPEN = frozenset(("/healthz", "/readyz"))
_UNPACED = frozenset(("/v1/stream",))
_ALWAYS_SENT = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
#: How a client that went away is counted, as nginx does; nobody is sent it.
_GONE = 499
#: Characters of a caller's name that are kept.
_LONGEST_NAME = 64

logger = logging.getLogger("eyelid.serving")


class Gate:
    """ASGI middleware around the whole application.

    Args:
        app: what is behind it.
        settings: who may come in.
        admission: whether there is room.
        metrics: counts.
    """

    def __init__(self, app: Application, *, settings: Settings, admission: Admission, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._admission = admission
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        started = time.monotonic()
        answer = _Answer(send, self._settings.write_seconds)
        try:
            try:
                await self._pass(scope, path, receive, answer)
            except Problem as problem:
                await answer.problem(problem)
            except GoneError:
                raise
            except Exception as error:  # noqa: BLE001  messages and tracebacks of anyone's code may hold content
                logger.error("a request failed: %s at %s", type(error).__name__, _place(error))
                await answer.problem(Problem(500, "internal", "the server failed at this request"))
        except GoneError:
            pass
        finally:
            self._metrics.request(path, answer.status or _GONE, time.monotonic() - started)

    async def _pass(self, scope: Scope, path: str, receive: Receive, answer: _Answer) -> None:
        headers = _headers(scope)
        self._check_host(headers)
        if path in _OPEN:
            await self._app(scope, receive, answer.send)
            return
        caller = self._caller(scope, headers)
        if scope["method"] != "POST":
            await self._app(scope, receive, answer.send)
            return
        ticket = self._admit(caller, _announced(headers, self._settings), path not in _UNPACED)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        scope[INTAKE] = Intake(
            receive, self._settings, content_type=content_type, more=lambda size: self._more(ticket, size)
        )
        try:
            with claim(caller=caller):
                await self._app(scope, receive, answer.send)
        finally:
            self._admission.give_back(ticket, time.monotonic(), done=200 <= answer.status < 300)

    def _check_host(self, headers: Mapping[str, str]) -> None:
        # A page whose name suddenly leads to this machine must not talk to a server that asks for no token.
        if self._settings.hosts and _without_port(headers.get("host", "")) not in self._settings.hosts:
            raise Problem(421, "host", "this server does not go by that name")

    def _caller(self, scope: Scope, headers: Mapping[str, str]) -> str:
        named = headers.get(self._settings.caller_header.lower(), "") if self._settings.caller_header else ""
        if self._settings.tokens:
            owner = caller_of(headers.get("authorization", ""), self._settings.tokens)
            if owner is None:
                raise Problem(
                    401, "token", "a bearer token of this server is needed", headers=(("www-authenticate", "Bearer"),)
                )
        else:
            owner = (scope.get("client") or ("local",))[0]
        return f"{owner}/{named[:_LONGEST_NAME]}" if named else str(owner)

    def _admit(self, caller: str, size: int, paced: bool) -> Ticket:
        admitted = self._admission.admit(caller, size, time.monotonic(), paced=paced)
        if isinstance(admitted, Refusal):
            raise self._refused(admitted)
        return admitted

    def _more(self, ticket: Ticket, size: int) -> None:
        if size > ticket.size and (refusal := self._admission.grow(ticket, size - ticket.size)) is not None:
            raise self._refused(refusal)

    def _refused(self, refusal: Refusal) -> Problem:
        self._metrics.refusal(refusal.reason)
        if refusal.reason == "share":
            said = "this caller has more under way than its share while others ask as well"
            return Problem(429, "share", said, retry_after=refusal.retry_after)
        said = "there is no room; nothing was looked at"
        return Problem(503, "overloaded", said, retry_after=refusal.retry_after)


class _Answer:
    """What goes back: notes the status, and gives up on clients that do not take it in."""

    def __init__(self, send: Send, seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *_ALWAYS_SENT]
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            raise GoneError from None

    async def problem(self, problem: Problem) -> None:
        if self.status:
            return  # too late to say anything: the answer breaks off, and what breaks off is no answer
        body = problem.body()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode("ascii")),
            *problem.headers,
        ]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _announced(headers: Mapping[str, str], settings: Settings) -> int:
    """The size that a body says it has; 0 where it does not."""
    said = headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()):
        raise Problem(400, "length", "the content length is no number")
    digits = said.lstrip("0") or "0"
    if len(digits) > 18 or int(digits) > settings.max_body:
        raise too_large(settings)
    return int(digits)


def _place(error: Exception) -> str:
    """Where an error was raised: a file and a line, no content."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).strip("[]").lower()
