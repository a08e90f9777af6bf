"""Guarded query engines: every response, every way to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Policy
from eyelid.errors import ConfigurationError, InputError, UninspectedError
from eyelid.testing import Fault, FaultyDetector
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import (
    AsyncStreamingResponse,
    PydanticResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import QueryEngineTool
from pydantic import BaseModel

from llama_index.postprocessor.eyelid import GuardedQueryEngine
from tests.engines_of import ANSWER, ASKED, CLEAN, nodes, query_engine
from tests.nodes_of import BAD, everything

MENDED = ANSWER.replace(BAD, "[removed]")


class Canned(BaseQueryEngine):
    """Answers with what it is given."""

    def __init__(self, response: Any) -> None:
        super().__init__(CallbackManager())
        self.response = response

    def _get_prompt_modules(self) -> Any:
        return {}

    def _query(self, query_bundle: QueryBundle) -> Any:
        return self.response

    async def _aquery(self, query_bundle: QueryBundle) -> Any:
        return self.response

    def synthesize(self, query_bundle: QueryBundle, nodes: Any, additional_source_nodes: Any = None) -> Any:
        return self.response


class Recipe(BaseModel):
    title: str
    steps: list[str]
    minutes: int = 5


async def both(engine: BaseQueryEngine) -> list[Any]:
    return [engine.query(ASKED), await engine.aquery(QueryBundle(ASKED))]


async def test_answers_are_rewritten(guard: Guard) -> None:
    for response in await both(GuardedQueryEngine(query_engine(), guard)):
        assert isinstance(response, Response)
        assert str(response) == MENDED
        assert response.metadata is not None
        assert response.metadata["eyelid"]["action"] == "rewrite"


async def test_harmless_answers_are_as_they_were(guard: Guard) -> None:
    plain = query_engine(CLEAN)
    raw = plain.query(ASKED)
    for response in await both(GuardedQueryEngine(plain, guard)):
        assert str(response) == CLEAN
        assert [each.node_id for each in response.source_nodes] == [each.node_id for each in raw.source_nodes]
        assert response.get_formatted_sources() == raw.get_formatted_sources()
        assert response.metadata[raw.source_nodes[1].node_id]["page"] == "3"


async def test_an_answer_may_be_blocked_or_raise(guard: Guard) -> None:
    blocked = GuardedQueryEngine(query_engine(), guard, strategy="block")
    for response in await both(blocked):
        assert str(response) == "I can't help with that. I'm glad to help with a safe side of the question."
    with pytest.raises(HarmfulContentError) as raised:
        GuardedQueryEngine(query_engine(), guard, strategy="raise").query(ASKED)
    assert BAD not in f"{raised.value!r} {raised.value}"


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
async def test_streams_hold_back(guard: Guard, stream: Any) -> None:
    engine = GuardedQueryEngine(query_engine(streaming=True), guard, stream=stream)
    response = engine.query(ASKED)
    assert isinstance(response, StreamingResponse)
    pieces = list(response.response_gen)
    assert BAD not in "".join(pieces)
    assert pieces[-1]
    assert response.metadata is not None
    assert response.metadata["eyelid"]["status"] == "flagged"
    assert str(response) == "".join(pieces)  # not "None", although it was iterated by hand
    assert str(engine.query(ASKED)) == "".join(pieces)
    assert engine.query(ASKED).get_response().response == "".join(pieces)


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
async def test_async_streams_hold_back(guard: Guard, stream: Any) -> None:
    engine = GuardedQueryEngine(query_engine(streaming=True, use_async=True), guard, stream=stream)
    response = await engine.aquery(ASKED)
    assert isinstance(response, AsyncStreamingResponse)
    pieces = [piece async for piece in response.async_response_gen()]
    assert BAD not in "".join(pieces)
    assert response.metadata is not None
    assert response.metadata["eyelid"]["status"] == "flagged"
    assert (await response.get_response()).response == "".join(pieces)


async def test_harmless_streams_are_whole_and_come_in_sentences(guard: Guard) -> None:
    long = CLEAN * 8
    engine = GuardedQueryEngine(query_engine(long, streaming=True), guard, stream="sentence")
    pieces = list(engine.query(ASKED).response_gen)
    assert "".join(pieces) == long
    assert len(pieces) > 2
    buffered = GuardedQueryEngine(query_engine(long, streaming=True), guard)
    assert list(buffered.query(ASKED).response_gen) == [long]
    response = await engine.aquery(ASKED)
    assert "".join([piece async for piece in response.async_response_gen()]) == long


def test_a_stream_may_raise_without_having_shown_anything(guard: Guard) -> None:
    response = GuardedQueryEngine(query_engine(streaming=True), guard, strategy="raise").query(ASKED)
    seen: list[str] = []
    with pytest.raises(HarmfulContentError):
        seen.extend(response.response_gen)
    assert BAD not in "".join(seen)


def test_a_stream_that_was_taken_already_is_looked_at(guard: Guard) -> None:
    taken = StreamingResponse(iter(()), nodes(), response_txt=ANSWER)  # type: ignore[arg-type]
    assert str(GuardedQueryEngine(Canned(taken), guard).query(ASKED)) == MENDED


def test_chunks_that_say_nothing_are_no_error(guard: Guard) -> None:
    chunks = iter(["Tea ", None, "", "is good."])
    response = StreamingResponse(chunks, [])  # type: ignore[arg-type]
    assert str(GuardedQueryEngine(Canned(response), guard).query(ASKED)) == "Tea is good."


def test_closing_a_stream_closes_the_source(guard: Guard) -> None:
    closed: list[bool] = []

    def source() -> Any:
        try:
            for _ in range(1000):
                yield "Tea is good and so is the water. "
        finally:
            closed.append(True)

    stream = GuardedQueryEngine(Canned(StreamingResponse(source(), [])), guard, stream="sentence").query(ASKED)
    next(stream.response_gen)
    stream.response_gen.close()
    assert closed == [True]


async def test_source_nodes_are_looked_at_with_all_their_metadata(guard: Guard) -> None:
    held = nodes(f"Add {BAD}.")
    held[0].node.metadata["hidden"] = BAD
    held[0].node.excluded_llm_metadata_keys.append("hidden")
    raw = Response(CLEAN, held, {each.node_id: dict(each.node.metadata) for each in held})
    for response in await both(GuardedQueryEngine(Canned(raw), guard)):
        assert BAD not in everything(response.source_nodes) + str(response.metadata)
        assert BAD not in response.get_formatted_sources()
        assert [each.node_id for each in response.source_nodes] == [each.node_id for each in held]
    assert BAD in held[1].node.get_content()
    unchecked = GuardedQueryEngine(Canned(raw), guard, check_sources=False).query(ASKED)
    assert unchecked.source_nodes == held


@pytest.mark.parametrize("kind", [StreamingResponse, AsyncStreamingResponse])
async def test_source_nodes_of_streams_are_looked_at_before_the_stream(guard: Guard, kind: Any) -> None:
    engine = query_engine(said=f"Add {BAD}.", streaming=True)
    guarded = GuardedQueryEngine(engine, guard)
    response = guarded.query(ASKED) if kind is StreamingResponse else await guarded.aquery(ASKED)
    assert isinstance(response, kind)
    assert BAD not in everything(response.source_nodes) + str(response.metadata) + response.get_formatted_sources()


async def test_structured_answers_are_rewritten_string_by_string(guard: Guard) -> None:
    raw = PydanticResponse(Recipe(title="Tea", steps=["Boil", f"Add {BAD}"]), nodes())
    for response in await both(GuardedQueryEngine(Canned(raw), guard)):
        assert isinstance(response, PydanticResponse)
        assert response.response == Recipe(title="Tea", steps=["Boil", "Add [removed]"])
        assert response.steps == ["Boil", "Add [removed]"]
        assert response.metadata is not None
        assert response.metadata["eyelid"]["action"] == "rewrite"
    clean = PydanticResponse(Recipe(title="Tea", steps=["Boil"]), nodes())
    assert GuardedQueryEngine(Canned(clean), guard).query(ASKED).response == clean.response


def test_structured_answers_that_cannot_be_mended_become_a_refusal(guard: Guard) -> None:
    from typing import Literal

    class Choice(BaseModel):
        word: Literal["ZQXBAD", "tea"]

    for model, strategy in ((Choice(word="ZQXBAD"), None), (Recipe(title=BAD, steps=[]), "block")):
        response = GuardedQueryEngine(Canned(PydanticResponse(model, [])), guard, strategy=strategy).query(ASKED)
        assert isinstance(response, Response)
        assert str(response).startswith("I can't help")
        assert response.metadata is not None
        assert response.metadata["eyelid"]["action"] == "block"


def test_what_an_engine_says_beside_its_answer_is_looked_at(guard: Guard) -> None:
    raw = Response(CLEAN, [], {"sql_query": "SELECT 1", "result": [(BAD,)]})
    response = GuardedQueryEngine(Canned(raw), guard).query(ASKED)
    assert set(response.metadata or {}) == {"eyelid"}
    raw = Response(CLEAN, [], {"sql_query": "SELECT 1", "rows": 1, "eyelid": {"action": BAD}})
    response = GuardedQueryEngine(Canned(raw), guard).query(ASKED)
    assert response.metadata is not None
    assert (response.metadata["sql_query"], response.metadata["rows"]) == ("SELECT 1", 1)
    assert response.metadata["eyelid"]["action"] == "allow"


@pytest.mark.parametrize("answer", [None, ""])
def test_an_empty_answer_stays_one(guard: Guard, answer: Any) -> None:
    assert str(GuardedQueryEngine(Canned(Response(answer)), guard).query(ASKED)) == "None"


def test_an_answer_of_an_unknown_kind_is_not_passed_on(guard: Guard) -> None:
    with pytest.raises(InputError) as raised:
        GuardedQueryEngine(Canned(f"just {BAD}"), guard).synthesize(QueryBundle(ASKED), [])
    assert BAD not in str(raised.value)


async def test_a_failed_look_stops_answers_and_sources(make_guard: Callable[..., Guard]) -> None:
    with Guard([FaultyDetector(Fault.RAISES)]) as broken:
        for response in await both(GuardedQueryEngine(query_engine(CLEAN), broken)):
            assert CLEAN not in str(response)
            assert "Tea" not in everything(response.source_nodes)
        stream = GuardedQueryEngine(query_engine(CLEAN, streaming=True), broken, stream="sentence").query(ASKED)
        assert "water" not in "".join(stream.response_gen)
        with pytest.raises(UninspectedError):
            GuardedQueryEngine(query_engine(CLEAN), broken, on_error="raise").query(ASKED)
        assert str(GuardedQueryEngine(query_engine(CLEAN), broken, on_error="pass").query(ASKED)) == CLEAN


def test_prompts_stay_reachable(guard: Guard) -> None:
    engine = GuardedQueryEngine(query_engine(CLEAN), guard)
    name = "response_synthesizer:text_qa_template"
    assert engine.get_prompts().keys() == query_engine(CLEAN).get_prompts().keys()
    engine.update_prompts({name: PromptTemplate("Say tea. {context_str} {query_str}")})
    assert engine.get_prompts()[name].get_template().startswith("Say tea")


async def test_it_retrieves_and_synthesizes_too(guard: Guard) -> None:
    engine = GuardedQueryEngine(query_engine(said=f"Add {BAD}."), guard)
    retrieved = engine.retrieve(QueryBundle(ASKED))
    assert BAD not in everything(retrieved + await engine.aretrieve(QueryBundle(ASKED)))
    assert BAD not in str(engine.synthesize(QueryBundle(ASKED), nodes()))
    assert BAD not in str(await engine.asynthesize(QueryBundle(ASKED), nodes()))
    assert not hasattr(engine, "retriever")  # nothing is handed on that would go around the guard


async def test_it_serves_as_a_tool(guard: Guard) -> None:
    tool = QueryEngineTool.from_defaults(GuardedQueryEngine(query_engine(said=BAD), guard), name="tea")
    for output in (tool.call(input=ASKED), await tool.acall(input=ASKED)):
        assert BAD not in f"{output.content} {output.raw_output} {everything(output.raw_output.source_nodes)}"


def test_misspelled_or_unknown_arguments_raise(guard: Guard) -> None:
    with pytest.raises(TypeError):
        GuardedQueryEngine(query_engine(), guard, stratgy="block")  # type: ignore[call-arg]
    for wrong in ({"strategy": "blok"}, {"on_error": "ignore"}, {"stream": "words"}, {"strategy": "reask"}):
        with pytest.raises(ConfigurationError):
            GuardedQueryEngine(query_engine(), guard, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="query engine"):
        GuardedQueryEngine("engine", guard)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="Guard"):
        GuardedQueryEngine(query_engine(), Policy.preset("balanced"))  # type: ignore[arg-type]
