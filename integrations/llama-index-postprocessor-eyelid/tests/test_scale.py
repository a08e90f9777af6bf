"""Many nodes at once, and many queries at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from eyelid import Guard
from eyelid.engine import Device, Engine, Item, after
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.testing import FakeDetector, FakeDetoxifier
from eyelid.types import Failure
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.base.response.schema import AsyncStreamingResponse
from llama_index.core.query_engine import RetrieverQueryEngine

from llama_index.postprocessor.eyelid import EyelidNodePostprocessor, GuardedQueryEngine
from llama_index.postprocessor.eyelid.testing import FakeLLM
from tests.engines_of import Shelf
from tests.nodes_of import BAD, everything, scored, text

HERE = Path(__file__).parents[1]


def test_200_nodes_are_one_call_and_nothing_is_fetched_or_opened_elsewhere() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.audited_nodes"],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["network"], found["files"]) == (0, 0)
    assert found["inside"] == 30  # those that were given by a path below the root, each once
    assert found["calls"] == [200]
    assert found["passed"] == 90 + 40
    assert found["batches"] <= 8  # of at most 256 texts; images are read by 16, to bound what is in memory


class OnAnEngine(FakeDetector):
    """A fake whose words are found by a runner on an engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__({BAD: 0.99})
        self.engine, self.passes = engine, 0

    def run(self, batch: Sequence[ScoreRequest], /) -> Sequence[Any]:
        self.passes += 1
        return super().score(batch)

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
        futures = self.engine.submit_all([Item(self, each, len(each.text)) for each in batch])
        return after(futures, lambda made: [_failed(each) for each in made])


def _failed(found: Any) -> Any:
    return Failure("score", "error", type(found).__name__) if isinstance(found, Exception) else found


def _answer(messages: Sequence[ChatMessage], options: Any) -> str:
    """Repeats the number it is asked for; every third answer is harmful."""
    number = int(str(messages[-1].content).split("number ")[1].split()[0])
    return f"This is {number}. " + (f"Take {BAD}. " if number % 3 == 0 else "") + f"Again {number}."


async def test_100_queries_share_one_engine_and_nothing_crosses() -> None:
    engine = Engine(Device("cpu", workers=1, budget=100_000))
    detector = OnAnEngine(engine)
    with Guard([detector], detoxifier=FakeDetoxifier({BAD: "[removed]"}), workers=2) as guard:

        def made(number: int, *, streaming: bool) -> GuardedQueryEngine:
            inner = RetrieverQueryEngine.from_args(
                Shelf(scored(text(f"page {number}"), text(f"{BAD} {number}"))),
                llm=FakeLLM(answer=_answer),
                node_postprocessors=[EyelidNodePostprocessor(guard, action="rewrite")],
                streaming=streaming,
            )
            return GuardedQueryEngine(inner, guard, stream="sentence" if number % 2 else "buffer")

        async def ask(number: int) -> tuple[str, str]:
            response = await made(number, streaming=number % 4 == 1).aquery(f"number {number} please")
            if isinstance(response, AsyncStreamingResponse):
                response = await response.get_response()
            return str(response), everything(response.source_nodes)

        found = await asyncio.gather(*(ask(number) for number in range(100)))
    for number, (said, nodes) in enumerate(found):
        assert BAD not in said + nodes
        assert said.startswith(f"This is {number}. ")
        if number % 3:
            assert said == f"This is {number}. Again {number}."
        assert f"page {number}" in nodes
        assert f"[removed] {number}" in nodes
    submitted = engine.stats().submitted
    assert submitted > 400
    assert detector.passes < submitted / 4  # requests of different queries shared passes
