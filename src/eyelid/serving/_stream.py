"""`/v1/stream`: a text is sent, and what may be passed on of it comes back while it is looked at."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import from_json

from eyelid.errors import EyelidError, HarmfulContentError, UninspectedError
from eyelid.guard import AsyncGuardedStream
from eyelid.serving._bodies import StreamBody, read
from eyelid.serving._events import Events, event
from eyelid.serving._exchanges import images_of
from eyelid.serving._intake import Intake
from eyelid.serving._lines import lines_of, piece_of, whole_characters
from eyelid.serving._openapi import takes
from eyelid.serving._problem import GoneError, Problem
from eyelid.serving._record import outcome_record
from eyelid.serving._service import Service, intake_of
from eyelid.serving._uploads import Uploads
from eyelid.types import Surface

LINES = "application/x-ndjson"

logger = logging.getLogger("eyelid.serving")


def stream_routes(service: Service) -> APIRouter:
    """Looking at a text while it comes."""
    router = APIRouter()

    @router.post("/v1/stream", openapi_extra=takes(StreamBody))
    async def stream(request: Request) -> Response:
        """Events `text` with pieces that may be passed on, and in the end one event `outcome`.

        Where the body is application/json it holds the whole text. Where it is application/x-ndjson its first line
        is the same without the text, and each further line a piece of the text, looked at as it comes.
        """
        intake = intake_of(request)
        if intake.content_type == LINES:
            return await _of_lines(service, intake)
        body = read(StreamBody, await intake.json())
        given = [body.text] if body.text is not None else body.chunks
        if given is None or (body.text is not None and body.chunks is not None):
            raise Problem(400, "nothing", "a stream needs either 'text' or 'chunks', or lines of application/x-ndjson")
        return await _answer(service, body, _each(given), intake.gone())

    return router


async def _of_lines(service: Service, intake: Intake) -> Response:
    uploads = Uploads(intake, seconds=service.settings.stream_seconds)
    try:
        lines = lines_of(uploads.chunks())
        body = read(StreamBody, _head(await anext(lines, b"")))
        if body.text is not None or body.chunks is not None:
            raise Problem(400, "invalid", "the first line says what comes; the text itself begins with the second")
        return await _answer(service, body, (piece_of(line) async for line in lines), uploads.gone)
    except BaseException:
        uploads.gone.cancel()
        raise


def _head(line: bytes) -> Any:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        raise Problem(400, "json", "the first line of the stream is not JSON") from None


async def _answer(service: Service, body: StreamBody, pieces: AsyncIterator[str], gone: Awaitable[None]) -> Response:
    images = await images_of(body.images, service.settings, within="images")
    stream = service.guard.astream(
        whole_characters(pieces), prompt=body.prompt, images=images, surface=body.surface, mode=body.mode
    )
    return Events(_events(service, stream, body.surface), gone)


async def _events(service: Service, stream: AsyncGuardedStream, surface: Surface) -> AsyncGenerator[bytes, None]:
    """What is released, what went wrong, and the outcome. What was held back when something goes wrong stays so."""
    async with stream:
        try:
            async for piece in stream:
                yield event("text", {"text": piece})
        except (HarmfulContentError, UninspectedError):
            pass  # the outcome says so
        except Problem as problem:
            yield event("error", problem.record())
        except (EyelidError, GoneError) as error:
            logger.error("a stream failed: %s", type(error).__name__)
            yield event("error", Problem(500, "internal", "the server failed at this stream").record())
    service.metrics.outcome(stream.outcome, surface)
    yield event("outcome", outcome_record(stream.outcome, surface))


async def _each(pieces: Iterable[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
