"""Sentences while they come, and what holds where LangChain does not let streams be silenced."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest
from eyelid import Guard
from eyelid.testing import FakeDetector
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from tests.unit_tests.agents import CASES, CONFIG, GIVEN, Case
from tests.unit_tests.test_middleware import Swapping
from tests.unit_tests.views import MARKER, VIEWS, leaks, seen

from langchain_eyelid import EyelidMiddleware, guard_tools

_LONG = " ".join(f"This is sentence number {number}, and it is fine." for number in range(12))


def _pieces(agent: Any) -> list[str]:
    return [part.text for part, _ in agent.stream(GIVEN, CONFIG, stream_mode="messages") if part.text]


def _apieces(agent: Any) -> list[str]:
    async def go() -> list[str]:
        stream = agent.astream(GIVEN, CONFIG, stream_mode="messages")
        return [part.text async for part, _ in stream if part.text]

    return asyncio.run(go())


@pytest.mark.parametrize("pieces", [_pieces, _apieces])
def test_sentences_come_one_after_the_other(pieces: Any, guard: Guard) -> None:
    case = Case(AIMessage(_LONG))
    got = pieces(case.agent(EyelidMiddleware(guard, stream="sentence"), model=case.model(chunk_size=3)))
    assert len(got) > 1
    assert "".join(got) == _LONG


@pytest.mark.parametrize("pieces", [_pieces, _apieces])
def test_an_answer_that_is_held_back_is_streamed_as_one(pieces: Any, guard: Guard) -> None:
    case = Case(AIMessage(_LONG))
    assert pieces(case.agent(EyelidMiddleware(guard), model=case.model(chunk_size=3))) == [_LONG]


@pytest.mark.parametrize("kind", ["text", "reasoning", "arguments", "result", "structured by tool"])
def test_nothing_is_seen_in_sentences_either(kind: str, guard: Guard) -> None:
    case = CASES[kind]
    middleware = EyelidMiddleware(guard, stream="sentence")
    agent = case.agent(middleware, tools=guard_tools(case.tools, guard), model=case.model(chunk_size=3))
    assert [view for view in VIEWS if leaks(seen(view, agent, GIVEN))] == []


def test_another_model_in_its_place_is_silenced_then_too(guard: Guard) -> None:
    agent = Case(AIMessage("Fine.")).agent(EyelidMiddleware(guard, stream="sentence"), Swapping(CASES["text"].model()))
    assert [view for view in VIEWS if leaks(seen(view, agent, GIVEN))] == []


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
def test_the_verdict_stays_with_the_message(stream: Any, guard: Guard) -> None:
    state = CASES["text"].agent(EyelidMiddleware(guard, stream=stream)).invoke(GIVEN, CONFIG)
    assert state["messages"][-1].response_metadata["eyelid"]["action"] == "rewrite"


_WITHOUT = """
import sys
import langchain.agents, langgraph.pregel, langchain_core.tracers.event_stream
sys.modules["langchain_core.tracers._streaming"] = None
from langchain_eyelid import _quiet
assert not _quiet.AVAILABLE
from eyelid import Guard
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader
from langchain_eyelid import EyelidMiddleware, guard_tools
from tests.unit_tests.agents import CASES, GIVEN
from tests.unit_tests.views import MARKER, PICTURE, VIEWS, leaks, seen
with Guard(
    [FakeDetector({MARKER: 0.9})],
    detoxifier=FakeDetoxifier({MARKER: "[gone]"}),
    decoder=FakeDecoder(),
    reader=FakeReader.of({PICTURE: MARKER}),
) as guard:
    for kind, case in CASES.items():
        agent = case.agent(EyelidMiddleware(guard), tools=guard_tools(case.tools, guard))
        print(kind, [view for view in VIEWS if leaks(seen(view, agent, GIVEN))])
"""


def test_where_streams_cannot_be_silenced_the_model_is_wrapped() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True, cwd=_root())
    assert done.stdout.splitlines() == [f"{kind} []" for kind in CASES]


def _root() -> str:
    return __file__.split("/tests/unit_tests/")[0]


_ALONE = """
import sys
sys.modules["langchain"] = None
sys.modules["langchain.agents"] = None
from eyelid.errors import MissingExtraError
from langchain_eyelid import guard_tool
try:
    from langchain_eyelid import EyelidMiddleware
except MissingExtraError as error:
    print("langgraph" in sys.modules, error)
"""


def test_without_agents_tools_are_guarded_and_the_middleware_names_what_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", _ALONE], capture_output=True, text=True, check=True, cwd=_root())
    assert done.stdout == 'False EyelidMiddleware needs agents: pip install "langchain-eyelid[agents]"\n'


class Tracer(BaseCallbackHandler):
    """Hears the model's run, as tracers do."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.heard.append(response.generations[0][0].text)


@pytest.mark.parametrize("go", ["stream", "astream"])
def test_tracers_still_hear_the_raw_run(go: str, guard: Guard) -> None:
    tracer, agent = Tracer(), CASES["text"].agent(EyelidMiddleware(guard))
    config = {**CONFIG, "callbacks": [tracer]}
    if go == "stream":
        list(agent.stream(GIVEN, config, stream_mode="messages"))
    else:

        async def collect() -> None:
            async for _ in agent.astream(GIVEN, config, stream_mode="messages"):
                pass

        asyncio.run(collect())
    assert len(tracer.heard) == 1
    assert MARKER in tracer.heard[0]


class _Slow(FakeDetector):
    def score(self, batch: Any, /) -> Any:
        time.sleep(0.3)
        return super().score(batch)


async def test_the_event_loop_is_never_blocked() -> None:
    """Requests, answers, arguments, results: each look takes as long as thirty ticks."""
    gaps: list[float] = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    with Guard([_Slow({MARKER: 0.9})]) as guard:
        case = CASES["result"]
        agent = case.agent(EyelidMiddleware(guard, apply_to_input=True), tools=guard_tools(case.tools, guard))
        ticking = asyncio.create_task(tick())
        await agent.ainvoke(GIVEN, CONFIG)
        ticking.cancel()
    assert max(gaps) < 0.25
    assert len(gaps) > 30
