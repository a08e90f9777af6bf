"""Running the application: one process, one event loop, and an end that finishes what is under way."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn

from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.serving._app import create_app
from eyelid.serving._at_exit import stopped_at_exit
from eyelid.serving._protocol import bounded
from eyelid.serving._settings import Listen, Settings

#: The largest head of a request, in bytes.
MAX_HEAD = 16 * 1024
#: Seconds that an end may take beyond the time that requests have.
_SPARE = 5.0
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def serve(
    guard: Guard | Callable[[], Guard],
    settings: Settings | None = None,
    listen: Listen | None = None,
    *,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve a guard until SIGTERM or SIGINT; what is under way then is finished first.

    On a daemon thread it serves until the interpreter ends, which waits for what is under way.

    Args:
        guard: as for `create_app`.
        settings: what is taken in. Without tokens, a server that only this machine reaches answers to the names of
            this machine alone.
        listen: where.
        started: told the URL as soon as it can be asked.

    Raises:
        ConfigurationError: the address cannot be had, or would let others in without a token.
    """
    settings, listen = settings or Settings(), listen or Listen()
    listen.check(settings)
    if listen.is_local and not settings.tokens and not settings.hosts:
        settings = replace(settings, hosts=tuple({*_LOCAL_NAMES, listen.host}))
    with _bound(listen) as place:
        server = _Server(_config(create_app(guard, settings), listen))
        if started is not None:
            server.on_start = lambda: started(_url(listen, place))
        with stopped_at_exit(server.stop, listen.grace + _SPARE):
            server.run(sockets=[place])


class _Server(uvicorn.Server):
    """uvicorn's, which tells when it can be asked, and ends well when it is told to end."""

    on_start: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.on_start is not None:
            self.on_start()

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again at the end, which would skip whatever the process still has to close.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _config(app: object, listen: Listen) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application
        http=bounded(listen.header_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # it would write down query strings
        server_header=False,
        proxy_headers=False,  # nobody is believed to be somebody else
        limit_concurrency=listen.max_connections,
        backlog=listen.backlog,
        timeout_keep_alive=listen.keep_alive,
        timeout_graceful_shutdown=listen.grace,
        h11_max_incomplete_event_size=MAX_HEAD,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )


@contextmanager
def _bound(listen: Listen) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        place = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"{listen.host} is no address of this machine: {error.strerror}") from error
    with place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind(address)
        except OSError as error:
            raise ConfigurationError(f"{listen.host}:{listen.port} cannot be listened on: {error.strerror}") from error
        yield place


def _url(listen: Listen, place: socket.socket) -> str:
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{'https' if listen.certificate else 'http'}://{host}:{place.getsockname()[1]}"
