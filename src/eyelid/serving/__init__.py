"""The guard as an HTTP server: checks, streams, OpenAI-compatible moderations, metrics, health.

Needs the extra "serve"; nothing of it is loaded before `create_app` or `serve` is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.serving._record import outcome_record, to_json
from eyelid.serving._settings import Listen, Probe, Settings

if TYPE_CHECKING:
    from eyelid.serving._app import create_app
    from eyelid.serving._ray_session import ray_session
    from eyelid.serving._server import serve

__all__ = ["Listen", "Probe", "Settings", "create_app", "outcome_record", "ray_session", "serve", "to_json"]

_HOMES = {"create_app": "_app", "ray_session": "_ray_session", "serve": "_server"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'eyelid.serving' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.serving.{_HOMES[name]}"), name)
