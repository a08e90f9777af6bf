"""The HTTP application on Ray Serve: replicas, each a process with a guard of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from eyelid._optional import require
from eyelid.engine import claim
from eyelid.errors import EngineError
from eyelid.guard import Guard
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.serving._ray_scale import Scale
from eyelid.serving._settings import Settings
from eyelid.types import Failure

#: Requests of a replica beside those that the application takes in: what it refuses at once, and whoever watches it.
_BESIDE = 32
#: Requests under way in each replica at which another one is worth starting; about so many share a pass of a model.
_BUSY = 16


def ray_application(make: Callable[[], Guard], settings: Settings | None = None, scale: Scale | None = None) -> Any:
    """The application of `create_app` for `ray.serve.run`, or for a configuration file of Ray Serve.

    A replica is healthy while its probe is (`/readyz`); Ray replaces one that is not. What a replica was at when it
    died is answered with an error, never with a pass, or scored again where a `RayDetector` had asked for it.

    Args:
        make: loads the guard; called in each replica, so it must survive pickling:
            `functools.partial(eyelid.load_guard, "strict", threads=1)`.
        settings: of each replica.
        scale: how many replicas, and what each may use.

    Raises:
        MissingExtraError: the extra "ray" or "serve" is not installed.
    """
    require("ray", "ray")
    require("serve", "fastapi", "prometheus_client")
    from ray import serve

    settings, scale = settings or Settings(), scale or Scale()
    growth = {"min_replicas": scale.replicas, "max_replicas": scale.most, "target_ongoing_requests": _BUSY}
    deployment = serve.deployment(
        serve.ingress(_application)(Replica),
        name="guard",
        num_replicas=None if scale.most else scale.replicas,
        autoscaling_config=growth if scale.most else None,
        ray_actor_options={"num_cpus": scale.cpus, "num_gpus": scale.gpus},
        max_ongoing_requests=settings.max_requests + _BESIDE,
        max_queued_requests=settings.max_requests,
        graceful_shutdown_wait_loop_s=0.5,
        graceful_shutdown_timeout_s=scale.grace,
        health_check_period_s=2 * settings.probe_seconds,
        health_check_timeout_s=6 * settings.probe_seconds,
        logging_config={"log_level": "WARNING", "enable_access_log": False},  # it would write down query strings
    )
    return cast(Any, deployment).bind(make, settings)


class Replica:
    """A guard in a process of its own, asked over HTTP or by `RayDetector`."""

    def __init__(self, make: Callable[[], Guard], settings: Settings) -> None:
        import ray

        from eyelid.serving._app import create_app

        if not ray.get_gpu_ids():
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        host = settings.hosts[0] if settings.hosts else "localhost"
        self._host = f"[{host}]" if ":" in host else host
        self._guard = make()
        self.application = create_app(self._guard, settings)
        _in_this_process.append(self)

    async def score(self, requests: Sequence[ScoreRequest], seconds: float) -> list[Assessment | Failure]:
        """What the detectors find in each text, as long as that is of use; there is no waiting for room."""
        with claim(deadline=time.monotonic() + seconds, patient=False):
            return await self._guard.ascore(requests)

    async def check_health(self) -> None:
        """Raise unless the known-bad text is caught and the known-good one is not."""
        status = await _get(self.application, "/readyz", self._host)
        if status != 200:
            raise EngineError(f"the guard is not ready: /readyz is answered with {status}")

    def __del__(self) -> None:
        if hasattr(self, "_guard"):
            self._guard.close()


#: Ray makes the application after the replica and tells it nothing; there is one replica in a process.
_in_this_process: list[Replica] = []


def _application() -> Any:
    return _in_this_process[-1].application


async def _get(application: Any, path: str, host: str) -> int:
    """The status with which an ASGI application answers."""
    statuses = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("ascii"),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", host.encode("latin-1"))],
        "client": None,
        "server": None,
    }
    await application(scope, receive, send)
    return int(statuses[0])
