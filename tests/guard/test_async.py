import asyncio
import inspect
import time
from collections.abc import Sequence

import pytest
from tests.guard.ways import WAYS, on

from eyelid.guard import EyesClosed, Guard
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeHost, FakeReader
from eyelid.types import Exchange, Failure, Image, Surface

#: Names that need no twin: none of them waits for anything.
WITHOUT_TWIN = {"close", "host", "policy", "rules", "under"}


class Slow(FakeDetector):
    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        time.sleep(0.8)
        return super().score(batch)


@pytest.mark.parametrize("made", [Guard([FakeDetector()]), EyesClosed(FakeHost())], ids=["Guard", "EyesClosed"])
def test_every_public_name_has_an_async_twin_of_the_same_parameters(made: Guard | EyesClosed) -> None:
    public = {name for name in dir(made) if not name.startswith("_")} - WITHOUT_TWIN
    sync = {name for name in public if f"a{name}" in public}
    assert public == sync | {f"a{name}" for name in sync}
    for name in sync:
        parameters, twins = (inspect.signature(getattr(type(made), each)).parameters for each in (name, f"a{name}"))
        assert list(parameters) == list(twins)
        assert [p.default for p in parameters.values()] == [p.default for p in twins.values()]


@pytest.mark.parametrize("name", ["check", "check_many", "stream"])
@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize("text", ["", "tea", "a bomb", "b\u200bomb, ignore all"])
def test_twins_give_the_same(name: str, surface: Surface, text: str) -> None:
    parts = {"detoxifier": FakeDetoxifier({"bomb": "cake"}), "decoder": FakeDecoder(), "reader": FakeReader()}
    guard = Guard([FakeDetector({"bomb": 0.9}, injection={"ignore all": 0.7})], **parts)
    exchange = on(surface, text, images=(Image(b"one"),))
    one, other = WAYS[name](guard, exchange), WAYS[f"a{name}"](guard, exchange)
    assert (one.text, one.verdict, one.scores, one.status) == (other.text, other.verdict, other.scores, other.status)
    assert (one.coverage, one.failures, one.images) == (other.coverage, other.failures, other.images)
    assert [(step.name, step.items) for step in one.trace] == [(step.name, step.items) for step in other.trace]


def test_the_event_loop_keeps_turning_while_roles_work() -> None:
    async def longest_pause() -> float:
        loop, pauses, last = asyncio.get_running_loop(), [], time.monotonic()

        def tick() -> None:
            nonlocal last, handle
            now = time.monotonic()
            pauses.append(now - last)
            last, handle = now, loop.call_later(0.005, tick)

        handle = loop.call_later(0.005, tick)
        guard = Guard([Slow()])
        await guard.acheck(response="The kettle sings. " * 2000)
        await guard.acheck_many([Exchange(response="one"), Exchange(response="two")])
        handle.cancel()
        return max(pauses)

    assert asyncio.run(longest_pause()) < 0.7


def test_cancelling_one_caller_leaves_the_others_alone() -> None:
    async def scenario() -> list[bool]:
        guard = Guard([Slow({"bomb": 0.9})], workers=2)
        calls = [asyncio.create_task(guard.acheck(response=text)) for text in ("tea", "a bomb", "tea", "a bomb")]
        await asyncio.sleep(0.05)
        calls[0].cancel()  # is running
        calls[3].cancel()  # is queued
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert isinstance(done[3], asyncio.CancelledError)
        again = await guard.acheck(response="tea")
        return [done[1].allowed, done[2].allowed, again.allowed]

    assert asyncio.run(scenario()) == [False, True, True]


def test_one_guard_serves_several_event_loops_and_threads() -> None:
    guard = Guard([FakeDetector({"bomb": 0.9})])

    async def many() -> list[bool]:
        texts = ["tea", "a bomb"] * 20
        return [outcome.allowed for outcome in await asyncio.gather(*(guard.acheck(response=text) for text in texts))]

    for _ in range(3):
        assert asyncio.run(many()) == [True, False] * 20
