"""`/v1/check` and `/v1/check/batch`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from eyelid.serving._answers import answer
from eyelid.serving._bodies import BatchBody, CheckBody, read
from eyelid.serving._exchanges import exchange_of
from eyelid.serving._openapi import takes
from eyelid.serving._problem import Problem
from eyelid.serving._record import outcome_record
from eyelid.serving._service import Service, intake_of, record_of
from eyelid.serving._status import status_of
from eyelid.types import Action, Coverage, Exchange, Failure, Outcome, Scores, Status, Surface, Verdict


def check_routes(service: Service) -> APIRouter:
    """Looking at one exchange, and at many."""
    router = APIRouter()

    @router.post("/v1/check", openapi_extra=takes(CheckBody))
    async def check(request: Request) -> Response:
        """Look at one exchange and say what may be passed on."""
        intake = intake_of(request)
        body = read(CheckBody, await intake.json())
        exchange = await exchange_of(body, service.settings)
        (outcome,) = await service.look(intake, [exchange])
        record = await record_of(outcome, exchange, images=body.return_images)
        return answer(record, status=status_of([outcome]))

    @router.post("/v1/check/batch", openapi_extra=takes(BatchBody))
    async def check_batch(request: Request) -> Response:
        """Look at many exchanges. Results are in order; an item that is no exchange is a failed look of its own."""
        intake = intake_of(request)
        items = read(BatchBody, await intake.json()).items
        if len(items) > service.settings.max_items:
            most = service.settings.max_items
            raise Problem(413, "too_many", f"items has more than {most} exchanges", param="items")
        taken = [await _taken(service, item, number) for number, item in enumerate(items)]
        good = [each for each in taken if not isinstance(each, Problem)]
        outcomes = await service.look(intake, [exchange for exchange, _ in good])
        looked = iter([await record_of(o, e, images=i) for o, (e, i) in zip(outcomes, good, strict=True)])
        results = [_failed(service, each) if isinstance(each, Problem) else next(looked) for each in taken]
        return answer({"results": results}, status=status_of(outcomes) if len(outcomes) == len(items) else 200)

    return router


async def _taken(service: Service, item: Any, number: int) -> tuple[Exchange, bool] | Problem:
    """An item as an exchange and whether its images are wanted back, or what is wrong with it."""
    where = f"items.{number}"
    try:
        body = read(CheckBody, item, within=where)
        return await exchange_of(body, service.settings, within=where), body.return_images
    except Problem as problem:
        return problem


def _failed(service: Service, problem: Problem) -> dict[str, object]:
    """A result for an item that could not be taken in: of the same shape as any other, and never a pass."""
    outcome = Outcome(
        text=service.guard.policy.refusal(Surface.INPUT, "failed"),
        verdict=Verdict(Action.BLOCK, reason="the item could not be taken in, so nothing was looked at"),
        scores=Scores(),
        status=Status.FAILED,
        coverage=Coverage(total_blocks=1),
        failures=(Failure("input", problem.code, problem.message),),
    )
    service.metrics.outcome(outcome, Surface.INPUT)
    return outcome_record(outcome, Surface.INPUT)
