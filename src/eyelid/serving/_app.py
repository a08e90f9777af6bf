"""The application: a guard behind the gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from eyelid.guard import Guard
from eyelid.serving._admission import Admission
from eyelid.serving._answers import answer
from eyelid.serving._check import check_routes
from eyelid.serving._gate import Gate
from eyelid.serving._health import Readiness
from eyelid.serving._interpreter import answering_quickly
from eyelid.serving._metrics import CONTENT_TYPE, Metrics
from eyelid.serving._moderations import moderation_routes
from eyelid.serving._problem import Problem
from eyelid.serving._score import score_routes
from eyelid.serving._service import Service
from eyelid.serving._settings import Settings
from eyelid.serving._stream import stream_routes

#: FastAPI's own would send the messages of errors, which are anyone's, to whatever OpenTelemetry the process has.
_NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)


def create_app(guard: Guard | Callable[[], Guard], settings: Settings | None = None) -> FastAPI:
    """The HTTP application of a guard, for any ASGI server. `serve` runs it with limits that a server must have.

    Args:
        guard: the guard, which stays the caller's to close; or what makes one, called when the application starts
            and not before, whose guard is closed when it ends.
        settings: limits, tokens, the probe.
    """
    settings = settings or Settings()
    admission = Admission(
        max_requests=settings.max_requests,
        max_bytes=settings.max_bytes,
        max_wait=settings.max_wait,
        caller_share=settings.caller_share,
    )
    service = Service(settings, Metrics(admission))
    if isinstance(guard, Guard):
        service.guard = guard  # at once: an application that is mounted in another one is never told that it starts

    readiness = Readiness(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as owned:
            if not isinstance(guard, Guard):
                service.guard = owned.enter_context(await asyncio.to_thread(guard))
            await readiness.problem()  # whatever loads with the first look is loaded
            with answering_quickly():
                yield

    app = FastAPI(
        title="eyelid",
        lifespan=lifespan,
        docs_url="/docs" if settings.docs else None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,  # it would redirect to whatever the Host header says
        openapi_url="/openapi.json" if settings.docs else None,
    )
    for routes in (check_routes, stream_routes, moderation_routes, score_routes):
        app.include_router(routes(service))
    _watching(app, service, readiness)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_middleware(Gate, settings=settings, admission=admission, metrics=service.metrics)
    return app


def _watching(app: FastAPI, service: Service, readiness: Readiness) -> None:
    """Endpoints for whoever watches the server."""

    @app.get("/healthz")
    async def healthz() -> Response:
        """The process lives."""
        return answer({"status": "alive"})

    @app.get("/readyz")
    async def readyz() -> Response:
        """The guard tells a known-bad text from a known-good one."""
        problem = await readiness.problem()
        if problem is None:
            return answer({"status": "ready"})
        return answer({"status": "not ready", "problem": problem}, status=503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


async def _not_found(request: Request, error: Exception) -> Response:
    """Paths and methods that are not there, in the words of all other errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = {404: "there is no such path", 405: "this path does not take that method"}.get(status, "the request failed")
    return answer(Problem(status, "http", said).record(), status=status)
