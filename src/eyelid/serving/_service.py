"""What the endpoints share: the guard, and how it is asked."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import Request

from eyelid.engine import claim
from eyelid.guard import Guard
from eyelid.serving._gate import INTAKE
from eyelid.serving._intake import Intake
from eyelid.serving._metrics import Metrics
from eyelid.serving._record import outcome_record
from eyelid.serving._settings import Settings
from eyelid.types import Exchange, Outcome


@dataclass(slots=True)
class Service:
    """One application at work.

    Args:
        settings: what it takes in.
        metrics: counts.
        model: what stands behind it, by name and version.
    """

    settings: Settings
    metrics: Metrics
    model: str = field(default_factory=lambda: f"eyelid-{_version()}")
    _guard: Guard | None = None

    @property
    def guard(self) -> Guard:
        """The guard, once it is loaded."""
        if self._guard is None:
            raise RuntimeError("the application was not started, so there is no guard yet")
        return self._guard

    @guard.setter
    def guard(self, guard: Guard) -> None:
        self._guard = guard

    async def look(self, intake: Intake, exchanges: Sequence[Exchange]) -> list[Outcome]:
        """Look at exchanges in one call, for as long as the client is there; counted."""
        # Refused at once rather than later: whoever waits here waits on an open connection.
        with claim(patient=False):
            outcomes = await intake.unless_gone(self.guard.acheck_many(exchanges))
        for outcome, exchange in zip(outcomes, exchanges, strict=True):
            self.metrics.outcome(outcome, exchange.surface)
        return outcomes


def intake_of(request: Request) -> Intake:
    """The body of a request, as the gate has prepared it."""
    intake: Intake = request.scope[INTAKE]
    return intake


async def record_of(outcome: Outcome, exchange: Exchange, *, images: bool) -> dict[str, Any]:
    """An outcome as JSON, with the canonical images as data URLs where they are wanted."""
    record = outcome_record(outcome, exchange.surface)
    if images:
        record["images"] = await asyncio.to_thread(lambda: [_data_url(png) for png in outcome.images])
    return record


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _version() -> str:
    try:
        return version("eyelid")
    except PackageNotFoundError:
        return "unknown"
