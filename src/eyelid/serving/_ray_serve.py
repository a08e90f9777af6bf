"""Running the application on Ray Serve, until told to end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from eyelid.errors import ConfigurationError, EngineError
from eyelid.guard import Guard
from eyelid.serving._ray_app import ray_application
from eyelid.serving._ray_scale import Scale
from eyelid.serving._ray_session import ray_session
from eyelid.serving._settings import Listen, Settings

#: What the application is called on Ray Serve; a `RayDetector` asks for it by this name.
APPLICATION = "eyelid"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@contextmanager
def on_ray(
    make: Callable[[], Guard],
    settings: Settings | None = None,
    listen: Listen | None = None,
    scale: Scale | None = None,
    *,
    address: str = "",
) -> Iterator[str]:
    """Have a guard served on Ray while this is open.

    Args:
        make: loads the guard; called in each replica, so it must survive pickling.
        settings: of each replica.
        listen: where; of its patience with connections, Ray takes over `keep_alive` alone.
        scale: how many replicas, and what each may use.
        address: of a Ray cluster, where each machine with a replica then listens; "" for a Ray of our own.

    Yields:
        The URL, once a replica is ready.

    Raises:
        ConfigurationError: the address cannot be had, would let others in without a token, or no cluster answers.
        EngineError: the guard could not be loaded, or Ray failed.
    """
    settings, listen, scale = settings or Settings(), listen or Listen(), scale or Scale()
    listen.check(settings)
    if listen.is_local and not settings.tokens and not settings.hosts:
        settings = replace(settings, hosts=tuple({*_LOCAL_NAMES, listen.host}))
    listen = listen if address else _free(listen)
    application = ray_application(make, settings, replace(scale, grace=float(listen.grace)))
    with ray_session(address):
        from ray import serve

        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        serve.start(
            proxy_location="EveryNode" if address else "HeadOnly",
            http_options=_http(listen, settings),
            logging_config={"log_level": "WARNING", "enable_access_log": False},
        )
        try:
            _run(application)
            yield _url(listen)
        finally:
            serve.delete(APPLICATION)
            if not address:
                cast(Any, serve).shutdown()


def serve_on_ray(
    make: Callable[[], Guard],
    settings: Settings | None = None,
    listen: Listen | None = None,
    scale: Scale | None = None,
    *,
    address: str = "",
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, as `on_ray`; what is under way then is finished first.

    Args:
        make: as for `on_ray`, as all others but:
        settings: as there.
        listen: as there.
        scale: as there.
        address: as there.
        started: told the URL as soon as it can be asked.
    """
    ended = threading.Event()
    with on_ray(make, settings, listen, scale, address=address) as url, _told_to_end(ended):
        if started is not None:
            started(url)
        ended.wait()


def _run(application: Any) -> None:
    from ray import serve

    try:
        serve.run(application, name=APPLICATION, route_prefix="/")
    except RuntimeError as error:
        # Ray's message holds whole tracebacks; their last line says what was wrong.
        status = serve.status().applications.get(APPLICATION)
        parts = list(status.deployments.values()) if status else []
        lines = [line.strip() for part in parts for line in part.message.splitlines() if line.strip()]
        raise EngineError(f"Ray could not start the guard: {lines[-1] if lines else type(error).__name__}") from error


def _http(listen: Listen, settings: Settings) -> dict[str, Any]:
    options = {
        "host": listen.host,
        "port": listen.port,
        "keep_alive_timeout_s": listen.keep_alive,
        "request_timeout_s": settings.stream_seconds + settings.write_seconds,
    }
    if listen.certificate is not None:
        options |= {"ssl_certfile": str(listen.certificate), "ssl_keyfile": str(listen.key)}
    return options


def _free(listen: Listen) -> Listen:
    """The same with a port that nobody has, as Ray would not say that somebody has it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(address)
            return replace(listen, port=place.getsockname()[1])
    except OSError as error:
        raise ConfigurationError(f"{listen.host}:{listen.port} cannot be listened on: {error.strerror}") from error


def _url(listen: Listen) -> str:
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{'https' if listen.certificate else 'http'}://{host}:{listen.port}"


@contextmanager
def _told_to_end(ended: threading.Event) -> Iterator[None]:
    # Set after Ray has set its own, which would end the process before what is under way is finished.
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [(number, signal.signal(number, lambda *_: ended.set())) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
