"""`/v1/score` and `/v1/rewrite`: this server's detectors and detoxifier, for a guard elsewhere that decides itself."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from eyelid.engine import claim
from eyelid.remote import (
    REWRITE_PATH,
    SCORE_PATH,
    RewriteCall,
    RewriteReply,
    RewriteResult,
    ScoreCall,
    ScoreReply,
    ScoreResult,
)
from eyelid.serving._answers import answer
from eyelid.serving._bodies import read
from eyelid.serving._openapi import takes
from eyelid.serving._service import Service, intake_of


def score_routes(service: Service) -> APIRouter:
    """What `RemoteDetector` and `RemoteDetoxifier` ask."""
    router = APIRouter()

    @router.post(SCORE_PATH, openapi_extra=takes(ScoreCall))
    async def score(request: Request) -> Response:
        """What all detectors together find in each text."""
        intake = intake_of(request)
        call = read(ScoreCall, await intake.json())
        with claim(deadline=_deadline(call.seconds), patient=False):
            found = await intake.unless_gone(service.guard.ascore([item.request() for item in call.items]))
        results = [ScoreResult.of(item.id, each) for item, each in zip(call.items, found, strict=True)]
        return answer(ScoreReply(model=service.model, results=results).model_dump(mode="json"))

    @router.post(REWRITE_PATH, openapi_extra=takes(RewriteCall))
    async def rewrite(request: Request) -> Response:
        """Each text as the detoxifier leaves it; it is not scored again here."""
        intake = intake_of(request)
        call = read(RewriteCall, await intake.json())
        with claim(deadline=_deadline(call.seconds), patient=False):
            found = await intake.unless_gone(service.guard.arewrite([item.request() for item in call.items]))
        results = [RewriteResult.of(item.id, each) for item, each in zip(call.items, found, strict=True)]
        return answer(RewriteReply(model=service.model, results=results).model_dump(mode="json"))

    return router


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds
