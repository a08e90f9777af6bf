"""A Ray to work with: one of our own that tells nobody and leaves nothing behind, or a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from eyelid._optional import require
from eyelid.engine import usable_cpus
from eyelid.errors import ConfigurationError

#: Memory for what is under way between the processes, in bytes.
_STORE = 256 * 2**20


@contextmanager
def ray_session(address: str = "", *, cpus: int | None = None, store: int = _STORE) -> Iterator[None]:
    """Be connected to a Ray cluster while this is open.

    A Ray that is connected already is used as it is, and left so. One of our own sends no usage statistics, has no
    dashboard, asks for a token that only its own processes know (Ray listens on all interfaces, and whoever may speak
    to it may run code), and keeps its files in a folder that is deleted in the end.

    Args:
        address: "host:port" of a cluster's head or "auto", from a machine that is part of it; "" for one of our own.
        cpus: of one of our own; what this process may use if left out.
        store: bytes of shared memory of one of our own.

    Raises:
        ConfigurationError: nothing answers at the address.
        MissingExtraError: the extra "ray" is not installed.
    """
    if "://" in address:
        raise ConfigurationError(f"give host:port or 'auto' instead of {address!r}, on a machine of the cluster")
    require("ray", "ray", "pyarrow")
    if _is_connected():
        yield
    elif address:
        _connect(address)
        with _connected():
            yield
    else:
        with _folder() as folder, _surroundings(_alone()), _connected():
            import ray

            ray.init(
                "local",
                num_cpus=cpus or usable_cpus()[0],
                object_store_memory=store,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
            )
            yield


def _is_connected() -> bool:
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _alone() -> Mapping[str, str]:
    return {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_BACKEND_LOG_LEVEL": "fatal",
    }


@contextmanager
def _surroundings(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    _reread()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _reread()


def _reread() -> None:
    # Ray reads these settings once, at import, and has no public way to read them again.
    if "ray" in sys.modules:
        inner: Any = import_module("ray._raylet")
        inner.Config.initialize("")
        inner.AuthenticationTokenLoader.instance().reset_cache()


def _connect(address: str) -> None:
    import ray

    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        said = f"no Ray cluster answers at {address!r} ({type(error).__name__})"
        raise ConfigurationError(f"{said}; start it there, and set RAY_AUTH_TOKEN if it wants a token") from error


def _knock(address: str) -> None:
    # Ray itself would try for minutes.
    if address != "auto":
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=5.0).close()


@contextmanager
def _connected() -> Iterator[None]:
    import ray

    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _folder() -> Iterator[str]:
    # Names of sockets have at most 107 characters, which a long TMPDIR would use up.
    short = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="eyelid-", dir=short))
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
