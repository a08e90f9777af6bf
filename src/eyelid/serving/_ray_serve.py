"""Running the application on Ray Serve, until told to end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from eyelid.errors import ConfigurationError, EngineError
from eyelid.guard import Guard
from eyelid.serving._ray_app import ray_application
from eyelid.serving._ray_scale import Scale
from eyelid.serving._ray_session import ray_session
from eyelid.serving._settings import Listen, Settings

#: What the application is called on Ray Serve; a `RayDetector` asks for it by this name.
APPLICATION = "eyelid"
#: Seconds beside the time that a replica may take over what it is at.
_MARGIN = 5.0
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
            _end(listen.grace + _MARGIN)


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
    with _told_to_end() as listening, on_ray(make, settings, listen, scale, address=address) as url:
        ended = listening()
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


def _end(seconds: float) -> None:
    """Take the application down, and wait for what is under way."""
    until = time.monotonic() + seconds
    # On a thread that nobody waits for: where Ray's processes were ended as well, its calls hang.
    ending = threading.Thread(target=_take_down, args=(until,), daemon=True)
    ending.start()
    ending.join(seconds)


def _take_down(until: float) -> None:
    from ray import serve
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException

    with suppress(RayError, RayServeException):  # what is gone already needs no end
        serve.delete(APPLICATION, _blocking=False)
        while APPLICATION in serve.status().applications and time.monotonic() < until:
            time.sleep(0.1)


@contextmanager
def _told_to_end() -> Iterator[Callable[[], threading.Event]]:
    """What sets up an event that the signals set, until the very end: one more of them must not cut that short."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    ended = threading.Event()

    def listening() -> threading.Event:
        # Called after Ray has set handlers of its own, which leave what is under way unfinished.
        for number in numbers:
            signal.signal(number, lambda *_: ended.set())
        return ended

    try:
        yield listening
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
