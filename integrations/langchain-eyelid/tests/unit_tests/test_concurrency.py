"""Many calls at once: served in batches by one engine, none crossed, and the event loop is never held up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from eyelid import Guard
from eyelid.engine import Device, Engine, Item, after
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.testing import FakeDetector, FakeDetoxifier
from eyelid.types import Failure
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate

from langchain_eyelid.chat_models import guard_model
from langchain_eyelid.output_parsers import EyelidOutputParser
from langchain_eyelid.runnables import EyelidGuard
from langchain_eyelid.testing import FakeStreamingChatModel

MARKER = "ZQXBAD"
PROMPT = ChatPromptTemplate.from_messages([("human", "{q}")])


class OnAnEngine(FakeDetector):
    """A fake whose words are found by a runner, in passes that take a moment."""

    def __init__(self, seconds: float) -> None:
        super().__init__({MARKER: 0.9})
        self.engine = Engine(Device("cpu", workers=1, budget=100_000))
        self.passes: list[int] = []
        self._seconds = seconds

    def run(self, batch: Sequence[ScoreRequest], /) -> Sequence[Any]:
        self.passes.append(len(batch))
        time.sleep(self._seconds)
        return super().score(batch)

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
        return after(self.engine.submit_all([Item(self, each, len(each.text)) for each in batch]), list)

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        return list(self.start(batch).result(20))


@pytest.fixture
def engine() -> Iterator[tuple[Guard, OnAnEngine]]:
    detector = OnAnEngine(0.02)
    with Guard([detector], detoxifier=FakeDetoxifier({MARKER: "[gone]"})) as guard:
        yield guard, detector


def echo(messages: Any, options: Any) -> AIMessage:
    return AIMessage(f"answer to {messages[-1].text}")


MAKERS: dict[str, Any] = {
    "guard_model": lambda model, guard: PROMPT | guard_model(model, guard),
    "EyelidOutputParser": lambda model, guard: PROMPT | model | EyelidOutputParser(guard),
    "EyelidGuard": lambda model, guard: PROMPT | model | EyelidGuard(guard),
}


@pytest.mark.parametrize("entry", MAKERS)
async def test_a_hundred_calls_are_served_in_batches_and_none_is_crossed(
    entry: str, engine: tuple[Guard, OnAnEngine]
) -> None:
    guard, detector = engine
    chain = MAKERS[entry](FakeStreamingChatModel(answer=echo), guard)
    asked = [f"number {number}" if number % 3 else f"number {number} {MARKER}" for number in range(100)]
    found = await asyncio.gather(*(chain.ainvoke({"q": each}) for each in asked))
    assert [message.text for message in found] == [f"answer to {each.replace(MARKER, '[gone]')}" for each in asked]
    mean = sum(detector.passes) / len(detector.passes)
    assert mean > 4, f"{len(detector.passes)} passes, {mean:.1f} texts in each"


@pytest.mark.parametrize("entry", MAKERS)
async def test_the_event_loop_is_never_held_up(entry: str) -> None:
    """A ticker of 10 ms runs on while the engine takes 50 ms a pass, on a thread that sleeps.

    Other processes can make a tick late, so the same calls without a guard run before, and the best of several tries
    counts: what holds up the loop does so in all of them, and for a whole pass.
    """
    detector, model = OnAnEngine(0.05), FakeStreamingChatModel(answer=echo, chunk_size=400)
    beyond = []
    with Guard([detector]) as guard:
        bare, guarded = PROMPT | model, MAKERS[entry](model, guard)
        for _ in range(8):
            noise = await _worst_tick(bare)
            beyond.append(await _worst_tick(guarded) - noise)
            if beyond[-1] <= 0.010:
                return
    assert min(beyond) <= 0.010, f"ticks were late beyond the noise by {beyond}"


async def _worst_tick(chain: Any) -> float:
    """How late the latest tick was while 50 calls ran that were started one by one, in seconds."""
    worst, done = 0.0, asyncio.Event()

    async def tick() -> None:
        nonlocal worst
        while not done.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.010)
            worst = max(worst, time.perf_counter() - before - 0.010)

    async def ask(number: int) -> None:
        await asyncio.sleep(number * 0.01)
        await chain.ainvoke({"q": f"number {number}"})

    ticker = asyncio.create_task(tick())
    await asyncio.gather(*(ask(number) for number in range(50)))
    done.set()
    await ticker
    return worst
