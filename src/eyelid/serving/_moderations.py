"""`/v1/moderations`, as OpenAI's: its clients work unchanged."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response

from eyelid.serving._answers import answer
from eyelid.serving._bodies import ImagePart, ModerationBody, TextPart, read
from eyelid.serving._exchanges import exchange_of_parts, exchange_of_text
from eyelid.serving._openai_categories import moderation
from eyelid.serving._openapi import takes
from eyelid.serving._problem import Problem
from eyelid.serving._service import Service, intake_of
from eyelid.serving._settings import Settings
from eyelid.serving._status import is_ours, status_of
from eyelid.types import Exchange


def moderation_routes(service: Service) -> APIRouter:
    """Moderations."""
    router = APIRouter()

    @router.post("/v1/moderations", openapi_extra=takes(ModerationBody))
    async def moderate(request: Request) -> Response:
        """Whether each input is flagged. One string is one input, a list of strings several, a list of parts one."""
        intake = intake_of(request)
        body = read(ModerationBody, await intake.json())
        exchanges = await _exchanges(body, service.settings)
        outcomes = await service.look(intake, exchanges)
        if status_of(outcomes) == 503:
            # A body of this shape has no place for a failure of the whole; OpenAI's clients try again on 503.
            said = "the input could not be looked at; it is not known to be harmless"
            raise Problem(503, "failed", said, retry_after=1)
        rules = service.guard.policy.for_surface(body.surface)
        results = [
            {
                **moderation(outcome, rules, text=bool(exchange.text), images=bool(exchange.images)),
                "eyelid": {
                    "action": outcome.verdict.action.value,
                    "status": outcome.status.value,
                    "category": outcome.verdict.category,
                    "again": is_ours(outcome),
                },
            }
            for outcome, exchange in zip(outcomes, exchanges, strict=True)
        ]
        return answer({"id": f"modr-{secrets.token_hex(12)}", "model": service.model, "results": results})

    return router


async def _exchanges(body: ModerationBody, settings: Settings) -> list[Exchange]:
    given = body.input
    if isinstance(given, str):
        return [exchange_of_text(given, body.surface)]
    if not isinstance(given, list) or not given:
        raise Problem(400, "invalid", "input must be a string, or a list of strings or of parts", param="input")
    if len(given) > settings.max_items:
        raise Problem(413, "too_many", f"input has more than {settings.max_items} items", param="input")
    if all(isinstance(text, str) for text in given):
        return [exchange_of_text(text, body.surface) for text in given]
    parts = [_part(part, number) for number, part in enumerate(given)]
    return [await exchange_of_parts(parts, body.surface, settings)]


def _part(part: Any, number: int) -> TextPart | ImagePart:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return read(TextPart, part, within=f"input.{number}")
    if kind == "image_url":
        return read(ImagePart, part, within=f"input.{number}")
    where = f"input.{number}"
    raise Problem(400, "invalid", f"{where} must have the type 'text' or 'image_url'", param=where)
