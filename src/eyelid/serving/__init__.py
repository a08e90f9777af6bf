"""The guard as an HTTP server: checks, streams, OpenAI-compatible moderations, metrics, health.

Needs the extra "serve"; nothing of it is loaded before `create_app` or `serve` is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.serving._record import outcome_record, to_json
from eyelid.serving._settings import Listen, Probe, Settings
from eyelid.serving._tokens import read_tokens

if TYPE_CHECKING:
    from eyelid.serving._app import create_app
    from eyelid.serving._ray_app import ray_application
    from eyelid.serving._ray_detector import RayDetector
    from eyelid.serving._ray_runner import RayRunner
    from eyelid.serving._ray_scale import Scale
    from eyelid.serving._ray_serve import on_ray, serve_on_ray
    from eyelid.serving._ray_session import ray_session
    from eyelid.serving._server import serve

__all__ = [
    "Listen",
    "Probe",
    "RayDetector",
    "RayRunner",
    "Scale",
    "Settings",
    "create_app",
    "on_ray",
    "outcome_record",
    "ray_application",
    "ray_session",
    "read_tokens",
    "serve",
    "serve_on_ray",
    "to_json",
]

_HOMES = {
    "RayDetector": "_ray_detector",
    "RayRunner": "_ray_runner",
    "Scale": "_ray_scale",
    "create_app": "_app",
    "on_ray": "_ray_serve",
    "ray_application": "_ray_app",
    "ray_session": "_ray_session",
    "serve": "_server",
    "serve_on_ray": "_ray_serve",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'eyelid.serving' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.serving.{_HOMES[name]}"), name)
