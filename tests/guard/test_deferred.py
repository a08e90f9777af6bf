"""Detectors that hand their work to an engine and let the guard's threads go on."""

import asyncio
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from eyelid.engine import Claim, Device, Engine, Item, Limits, after, claim, current_claim
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.protocols import Assessment, Deferred, ScoreRequest
from eyelid.testing import FakeDetector, check_detector
from eyelid.types import Exchange, Failure, Status

CPU = Device("cpu", workers=1, budget=10_000)


class OnAnEngine(FakeDetector):
    """A fake whose words are found by a runner."""

    def __init__(self, engine: Engine | None = None, gate: threading.Event | None = None) -> None:
        super().__init__({"bomb": 0.9})
        self.engine = engine or Engine(CPU)
        self.gate = gate
        self.claims: list[Claim] = []
        self.passes: list[int] = []

    def run(self, batch: Sequence[ScoreRequest], /) -> Sequence[Any]:
        self.passes.append(len(batch))
        if self.gate is not None:
            assert self.gate.wait(20)
        if any("poison" in request.text for request in batch):
            raise ValueError("poison")
        return super().score(batch)

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
        self.claims.append(current_claim())
        futures = self.engine.submit_all([Item(self, each, len(each.text)) for each in batch])
        return after(futures, lambda made: [_failed(each) for each in made])

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        return list(self.start(batch).result(20))


def _failed(found: Any) -> Any:
    return Failure("score", "error", type(found).__name__) if isinstance(found, Exception) else found


def test_it_is_a_detector_like_any_other() -> None:
    assert isinstance(OnAnEngine(), Deferred)
    check_detector(OnAnEngine())


def test_one_thread_of_the_guard_serves_many_checks_at_once() -> None:
    gate = threading.Event()
    detector = OnAnEngine(gate=gate)
    guard = Guard([detector], workers=1)

    async def main() -> list[Any]:
        checks = [asyncio.ensure_future(guard.acheck(response=f"tea {n}")) for n in range(20)]
        while detector.engine.stats().submitted < 20:
            await asyncio.sleep(0.002)
        gate.set()
        return await asyncio.gather(*checks)

    assert {outcome.status for outcome in asyncio.run(main())} == {Status.CLEAN}
    assert len(detector.passes) <= 2  # while the first ran the others gathered


def test_a_poisoned_text_fails_its_own_check_alone() -> None:
    guard = Guard([OnAnEngine()])
    outcomes = guard.check_many([Exchange(response=text) for text in ("tea", "poison", "bomb")])
    assert [outcome.status for outcome in outcomes] == [Status.CLEAN, Status.FAILED, Status.FLAGGED]


def test_what_hangs_is_answered_in_time_and_the_guard_goes_on() -> None:
    gate = threading.Event()
    detector = OnAnEngine(gate=gate)
    guard = Guard([detector], policy=Policy.from_mapping({"deadlines": {"text": 0.2}}), workers=1)
    started = time.monotonic()
    outcome = guard.check(response="tea")
    assert (outcome.status, outcome.failures[0].code) == (Status.FAILED, "timeout")
    assert time.monotonic() - started < 5
    waiting = guard.check(response="more tea")  # its item is cancelled in the queue
    assert waiting.status is Status.FAILED
    gate.set()
    assert guard.check(response="tea").status is Status.CLEAN
    assert detector.engine.stats().cancelled + detector.engine.stats().expired == 1


def test_an_overloaded_engine_is_a_failed_look_that_says_so() -> None:
    class Refusing(OnAnEngine):
        def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
            with claim(patient=False):
                return after(self.engine.submit_all([Item(self, each, 1) for each in batch]), _raise_first)

    gate = threading.Event()
    detector = Refusing(Engine(CPU, limits=Limits(items=1)), gate)
    guard = Guard([detector])
    with guard:
        futures = [threading.Thread(target=guard.check, kwargs={"response": "tea"}) for _ in range(2)]
        for number, thread in enumerate(futures, start=1):
            thread.start()
            while detector.engine.stats().submitted < number:
                time.sleep(0.002)
        outcome = guard.check(response="tea")
        assert (outcome.status, outcome.failures[0].code) == (Status.FAILED, "overloaded")
        gate.set()
        for thread in futures:
            thread.join(20)


def _raise_first(made: list[Any]) -> list[Any]:
    for each in made:
        if isinstance(each, Exception):
            raise each
    return made


def _leave(batch: Any) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("broken", [lambda batch: None, lambda batch: 1 / 0, _leave])
def test_one_that_cannot_begin_is_asked_the_plain_way(broken: Any) -> None:
    class Broken(FakeDetector):
        def start(self, batch: Sequence[ScoreRequest], /) -> Any:
            return broken(batch)

    assert Guard([Broken({"bomb": 0.9})]).check(response="bomb").status is Status.FLAGGED


def test_a_cancelled_check_takes_its_work_out_of_the_queue() -> None:
    gate = threading.Event()
    detector = OnAnEngine(gate=gate)
    guard = Guard([detector])

    async def main() -> None:
        running = asyncio.ensure_future(guard.acheck(response="first"))
        while not detector.passes:
            await asyncio.sleep(0.002)
        waiting = asyncio.ensure_future(guard.acheck(response="second"))
        while detector.engine.stats().queued < 1:
            await asyncio.sleep(0.002)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        await running
        await guard.acheck(response="third")

    asyncio.run(main())
    assert detector.engine.stats().cancelled == 1
    assert sum(detector.passes) == 2


def test_claims_reach_the_detector() -> None:
    detector = OnAnEngine()
    guard = Guard([detector])
    with claim(caller="tenant"):
        guard.check(response="tea")
        list(guard.stream(["Tea. " * 60]))
    first, *later = detector.claims
    assert (first.caller, first.urgent) == ("tenant", False)
    assert math.isfinite(first.deadline)
    assert all(each.caller == "tenant" and each.urgent for each in later)
    assert len(later) > 1


def test_a_detector_that_remembers_is_asked_for_the_whole_text_so_far_and_more_often() -> None:
    class Remembering(FakeDetector):
        incremental = True

    text = "The kettle sings while the tea is made. " * 20
    plain, remembering = FakeDetector({"bomb": 0.9}), Remembering({"bomb": 0.9})
    assert "".join(Guard([plain]).stream([text])) == "".join(Guard([remembering]).stream([text])) == text
    asked = [request.text for batch in remembering.log.batches for request in batch]
    assert all(text.startswith(each) for each in asked)
    assert len(asked) > 2 * len(plain.log.batches)
    mixed = Guard([FakeDetector(name="other"), detector := Remembering({"bomb": 0.9})])
    list(mixed.stream([text]))
    assert len(detector.log.batches) == len(plain.log.batches)
