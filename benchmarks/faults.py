"""Whether every fault of a detector, decoder, reader or detoxifier ends as a failed look that stops the content.

Needs no weights and no data: the roles are fakes that break their contract in one way each.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from _bench import options, run

from eyelid.evaluation.figures import Figure
from eyelid.guard import Guard
from eyelid.policy import Deadlines, Policy
from eyelid.protocols import Detector
from eyelid.testing import (
    FakeDecoder,
    FakeDetector,
    FakeDetoxifier,
    FakeReader,
    Fault,
    FaultyDecoder,
    FaultyDetector,
    FaultyDetoxifier,
    FaultyReader,
)
from eyelid.types import Exchange, Image, Outcome, Surface

TEXT = "The library opens at nine. It closes at six. On Sunday it stays closed all day."
HARMFUL = f"{TEXT} Then zorb the door."
PICTURE = b"a picture"
#: Seconds that a role may take here, so that a hanging one is waited for only shortly.
DEADLINE = 0.2

Faulty = FaultyDetector | FaultyDecoder | FaultyReader | FaultyDetoxifier
Way = Callable[[Guard, Exchange], tuple[Outcome, str]]


@dataclass(frozen=True)
class Trial:
    """A guard with one faulty role, and content that needs this role."""

    role: Faulty
    exchange: Exchange
    parts: dict[str, Any] = field(default_factory=dict)

    def guard(self) -> Guard:
        rules = replace(Policy.preset(), deadlines=Deadlines(text=DEADLINE, image=DEADLINE, rewrite=DEADLINE))
        detectors: list[Detector] = [FakeDetector({"zorb": 0.9})]
        if isinstance(self.role, FaultyDetector):
            detectors.append(self.role)
        return Guard(detectors, policy=rules, **self.parts)


def trials() -> Iterator[Trial]:
    shown = Exchange(TEXT, images=(Image(PICTURE),), surface=Surface.INPUT)
    for fault in FaultyDetector.faults():
        for surface in Surface:
            yield Trial(FaultyDetector(fault), Exchange(TEXT, TEXT, surface=surface))
    for fault in FaultyDecoder.faults():
        decoder = FaultyDecoder(fault)
        yield Trial(decoder, shown, {"decoder": decoder, "reader": FakeReader()})
    for fault in FaultyReader.faults():
        reader = FaultyReader(fault, inner=FakeReader.of({PICTURE: "Opening hours"}))
        yield Trial(reader, shown, {"decoder": FakeDecoder(), "reader": reader})
    for fault in FaultyDetoxifier.faults():
        for surface in (Surface.OUTPUT, Surface.TOOL_RESULT, Surface.RETRIEVED):
            detoxifier = FaultyDetoxifier(fault, inner=FakeDetoxifier({"zorb": "paint"}))
            yield Trial(detoxifier, Exchange(response=HARMFUL, surface=surface), {"detoxifier": detoxifier})


def check(guard: Guard, exchange: Exchange) -> tuple[Outcome, str]:
    outcome = guard.check(exchange)
    return outcome, outcome.text


def acheck(guard: Guard, exchange: Exchange) -> tuple[Outcome, str]:
    outcome = asyncio.run(guard.acheck(exchange))
    return outcome, outcome.text


def check_many(guard: Guard, exchange: Exchange) -> tuple[Outcome, str]:
    outcome = guard.check_many([exchange] * 3)[1]
    return outcome, outcome.text


def acheck_many(guard: Guard, exchange: Exchange) -> tuple[Outcome, str]:
    outcome = asyncio.run(guard.acheck_many([exchange] * 3))[1]
    return outcome, outcome.text


def stream(guard: Guard, exchange: Exchange) -> tuple[Outcome, str]:
    pieces = guard.stream(_chunks(exchange), images=exchange.images, surface=exchange.surface)
    text = "".join(pieces)
    return pieces.outcome, text


def astream(guard: Guard, exchange: Exchange) -> tuple[Outcome, str]:
    async def collect() -> tuple[Outcome, str]:
        pieces = guard.astream(_chunks(exchange), images=exchange.images, surface=exchange.surface)
        text = "".join([piece async for piece in pieces])
        return pieces.outcome, text

    return asyncio.run(collect())


def _chunks(exchange: Exchange) -> list[str]:
    return [exchange.text[start : start + 7] for start in range(0, len(exchange.text), 7)]


WAYS: tuple[Way, ...] = (check, acheck, check_many, acheck_many, stream, astream)


def measure(args: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    for way in WAYS:
        made = [trial for trial in trials() if args.role in (None, _kind(trial))]
        passed, slow = 0, 0.0
        for trial in made:
            with trial.guard() as guard:
                started = time.monotonic()
                outcome, delivered = way(guard, trial.exchange)
                slow = max(slow, time.monotonic() - started)
                trial.role.release()
            if _passes(trial, outcome, delivered):
                passed += 1
                print(
                    f"{way.__name__}: {_kind(trial)} {trial.role.fault} on {trial.exchange.surface} passed",
                    file=sys.stderr,
                )
        figures.append(Figure(f"{way.__name__}: content passed", passed, len(made), at_most=0))
        figures.append(Figure(f"{way.__name__}: longest wait, seconds", slow, len(made), at_most=20 * DEADLINE))
    return figures


def _kind(trial: Trial) -> str:
    return type(trial.role).__name__.removeprefix("Faulty").lower()


def _passes(trial: Trial, outcome: Outcome, delivered: str) -> bool:
    """Whether a fault led to content being passed on, or left no trace."""
    honest = trial.role.fault in (Fault.STILL_HARMFUL, Fault.BLANK)  # a rewrite that is of no use is no failed look
    traced = bool(outcome.failures) or honest
    told = "zorb" in delivered if isinstance(trial.role, FaultyDetoxifier) else TEXT[:20] in delivered
    return outcome.allowed or told or not traced


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options(__doc__, data=False)
    parser.add_argument("--role", choices=["detector", "decoder", "reader", "detoxifier"], help="only this one")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem, measure, parse()))
