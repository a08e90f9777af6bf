"""What callbacks can do: tell the parser what was asked, audit, stop what does not stream. And what they cannot."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest
from eyelid import Guard, HarmfulContentError
from eyelid.errors import ConfigurationError, UninspectedError
from eyelid.testing import FakeDetector, Fault, FaultyDetector
from langchain_core.documents import Document
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool

from langchain_eyelid import _runs
from langchain_eyelid._runs import Asked, Runs
from langchain_eyelid.callbacks import Audit, EyelidCallbackHandler
from langchain_eyelid.output_parsers import EyelidOutputParser
from langchain_eyelid.testing import FakeStreamingChatModel

MARKER = "ZQXBAD"
PICTURE = b64encode(b"a picture that says it").decode()
PROMPT = ChatPromptTemplate.from_messages([("system", "Be kind."), ("human", "{q}")])
MODEL = FakeStreamingChatModel(responses=["fine"])
SHAPES: dict[str, Any] = {
    "flat": MODEL,
    "in a lambda": RunnableLambda(lambda messages, config: MODEL.invoke(messages, config)),
    "with retry": MODEL.with_retry(),
    "with fallbacks": MODEL.with_fallbacks([MODEL]),
    "deep": RunnableLambda(lambda x: x) | (RunnableLambda(lambda x: x) | MODEL.with_retry()),
}


def chain_of(model: Any, guard: Guard, **options: Any) -> tuple[Any, EyelidCallbackHandler]:
    context = EyelidCallbackHandler()
    parser = EyelidOutputParser(guard, context=context, as_text=True, **options)
    return (PROMPT | model | parser).with_config(callbacks=[context]), context


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_parser_learns_what_was_asked(shape: str, guard: Guard, detector: FakeDetector) -> None:
    chain, context = chain_of(SHAPES[shape], guard)
    assert chain.invoke({"q": "invoke"}) == "fine"
    assert await chain.ainvoke({"q": "ainvoke"}) == "fine"
    assert list(chain.stream({"q": "stream"})) == ["fine"]
    assert [piece async for piece in chain.astream({"q": "astream"})] == ["fine"]
    assert chain.batch([{"q": "batch 1"}, {"q": "batch 2"}]) == ["fine", "fine"]
    assert await chain.abatch([{"q": "abatch 1"}, {"q": "abatch 2"}]) == ["fine", "fine"]
    asked = [request.prompt for batch in detector.log.batches for request in batch]
    assert sorted(asked) == [
        "abatch 1", "abatch 2", "ainvoke", "astream", "batch 1", "batch 2", "invoke", "stream",
    ]  # fmt: skip
    assert len(context._runs) == 0


async def test_images_of_the_request_are_looked_at_with_the_answer(guard: Guard) -> None:
    context = EyelidCallbackHandler()
    for mode in ("buffer", "sentence"):
        parser = EyelidOutputParser(guard, context=context, as_text=True, stream=mode)  # type: ignore[arg-type]
        chain = (MODEL | parser).with_config(callbacks=[context])
        for block in (
            {"type": "image", "base64": PICTURE, "mime_type": "image/png"},
            {"type": "image_url", "image_url": f"data:image/png;base64,{PICTURE}"},
            {"type": "image", "url": "https://example.org/a.png"},  # not fetched, so nobody looked at it
        ):
            given = [HumanMessage(["what is it?", block])]
            assert "fine" not in chain.invoke(given)
            assert "fine" not in await chain.ainvoke(given)
            assert "fine" not in "".join(chain.stream(given))


def test_an_image_loader_fetches_what_is_given_by_address(guard: Guard) -> None:
    context = EyelidCallbackHandler()
    given = [HumanMessage([{"type": "image", "url": "https://example.org/a.png"}])]
    parser = EyelidOutputParser(guard, context=context, as_text=True, image_loader=lambda _: b"a cat")
    chain = (MODEL | parser).with_config(callbacks=[context])
    assert chain.invoke(given) == "fine"
    assert asyncio.run(chain.ainvoke(given)) == "fine"


async def test_where_nobody_knows_what_was_asked_the_look_has_failed(guard: Guard) -> None:
    context = EyelidCallbackHandler()
    parser = EyelidOutputParser(guard, context=context, as_text=True, stream="sentence")
    alone: Any = PROMPT | MODEL | parser  # the handler was never attached
    for said in (
        alone.invoke({"q": "?"}), await alone.ainvoke({"q": "?"}), "".join(alone.stream({"q": "?"})),
        parser.invoke("fine", {"callbacks": [context]}), *alone.batch([{"q": "?"}]),
    ):  # fmt: skip
        assert "could not be checked" in said
    lax = EyelidOutputParser(guard, context=context, as_text=True, on_error="pass")
    assert lax.invoke("fine") == "fine"
    assert MARKER not in lax.invoke(MARKER)
    strict = EyelidOutputParser(guard, context=context, on_error="raise")
    with pytest.raises(UninspectedError):
        strict.invoke("fine")


def test_two_steps_the_last_question_counts(guard: Guard, detector: FakeDetector) -> None:
    again = ChatPromptTemplate.from_messages([("human", "again: {q}")])
    chain, _ = chain_of(MODEL | (lambda said: {"q": said.text}) | again | MODEL, guard)
    assert chain.invoke({"q": "first"}) == "fine"
    assert [request.prompt for batch in detector.log.batches for request in batch] == ["again: fine"]


def test_branches_have_each_their_own(guard: Guard, detector: FakeDetector) -> None:
    context = EyelidCallbackHandler()
    parser = EyelidOutputParser(guard, context=context, as_text=True)
    one, two = (ChatPromptTemplate.from_messages([("human", f"{name} {{q}}")]) for name in ("one", "two"))
    chain = RunnableParallel(a=one | MODEL | parser, b=two | MODEL | parser).with_config(callbacks=[context])
    assert chain.invoke({"q": "?"}) == {"a": "fine", "b": "fine"}
    assert {r.prompt for batch in detector.log.batches for r in batch} == {"one ?", "two ?"}


def test_of_several_questions_at_once_nobody_knows_which() -> None:
    runs, outer, first, second = Runs(), uuid4(), uuid4(), uuid4()
    runs.begin(outer, None)
    runs.begin(first, outer, Asked("one"))
    assert runs.asked(outer) == Asked("one")
    runs.begin(second, outer, Asked("two"))
    assert runs.asked(outer) is None
    runs.end(first)
    runs.end(second)
    runs.begin(uuid4(), outer, Asked("three"))
    assert runs.asked(outer) == Asked("three")
    assert MARKER not in repr(Asked(MARKER))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_runs, "MAX_RUNS", 10)
    runs = Runs()
    for _ in range(50):
        runs.begin(uuid4(), uuid4(), Asked("x"))
    assert len(runs) == 10


def test_the_last_messages_of_the_user_count() -> None:
    picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}
    messages = [HumanMessage("old"), AIMessage("x"), HumanMessage([picture]), HumanMessage("new"), SystemMessage("s")]
    asked = Asked.of(messages)
    assert (asked.prompt, len(asked.images)) == ("new", 1)


def test_a_model_of_texts_tells_too(guard: Guard, detector: FakeDetector) -> None:
    context = EyelidCallbackHandler(guard)
    parser = EyelidOutputParser(guard, context=context)
    chain = PromptTemplate.from_template("{q}") | FakeListLLM(responses=[MARKER]) | parser
    assert chain.invoke({"q": "why"}, {"callbacks": [context]}) == "[gone]"
    assert {request.prompt for batch in detector.log.batches for request in batch} == {"why"}


@tool
def fetch(place: str) -> str:
    """Fetch a place."""
    return f"{place} {MARKER}"


class Shelf(BaseRetriever):
    """One document."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("fine", metadata={"title": MARKER}), Document("fine")]


RUNS: dict[str, tuple[Any, Any, list[str]]] = {
    "model": (FakeStreamingChatModel(responses=[MARKER]), "?", ["block"]),
    "tool": (fetch, {"place": "x"}, ["block"]),
    "retriever": (Shelf(), "?", ["block", "allow"]),
}


@pytest.mark.parametrize("source", RUNS)
async def test_an_audit_tells_and_changes_nothing(source: str, guard: Guard) -> None:
    runnable, given, actions = RUNS[source]
    told: list[Audit] = []
    config: Any = {"callbacks": [EyelidCallbackHandler(guard, on_verdict=told.append)]}
    for result in (runnable.invoke(given, config), await runnable.ainvoke(given, config)):
        assert MARKER in str(result)
    assert [audit.verdict["action"] for audit in told] == [*actions, *actions]
    assert {audit.source for audit in told} == {source}
    assert MARKER not in repr(told)


@pytest.mark.parametrize("source", RUNS)
async def test_harm_stops_the_run_where_that_was_asked_for(source: str, guard: Guard) -> None:
    runnable, given, _ = RUNS[source]
    config: Any = {"callbacks": [EyelidCallbackHandler(guard, raise_on_harm=True)]}
    with pytest.raises(HarmfulContentError) as caught:
        runnable.invoke(given, config)
    assert MARKER not in str(caught.value)
    with pytest.raises(HarmfulContentError):
        await runnable.ainvoke(given, config)


def test_of_a_stream_everything_is_out_before_it_fails(guard: Guard) -> None:
    out: list[str] = []
    config: Any = {"callbacks": [EyelidCallbackHandler(guard, raise_on_harm=True)]}
    stream = RUNS["model"][0].stream("?", config)
    with pytest.raises(HarmfulContentError):
        out.extend(chunk.text for chunk in stream)
    assert "".join(out) == MARKER  # as its documentation says


async def test_a_listener_that_raises_changes_nothing(guard: Guard, caplog: pytest.LogCaptureFixture) -> None:
    def listen(audit: Audit) -> None:
        raise ValueError(MARKER)

    runnable, given, _ = RUNS["model"]
    with caplog.at_level(logging.WARNING):
        quiet: Any = {"callbacks": [EyelidCallbackHandler(guard, on_verdict=listen)]}
        assert runnable.invoke(given, quiet).text == MARKER
        loud: Any = {"callbacks": [EyelidCallbackHandler(guard, on_verdict=listen, raise_on_harm=True)]}
        with pytest.raises(HarmfulContentError):
            await runnable.ainvoke(given, loud)
    assert "ValueError" in caplog.text
    assert MARKER not in caplog.text


def test_a_failed_look_stops_and_is_told_too() -> None:
    told: list[Audit] = []
    with Guard([FaultyDetector(Fault.RAISES, poison=MARKER, inner=FakeDetector())]) as guard:
        handler = EyelidCallbackHandler(guard, raise_on_harm=True, on_verdict=told.append)
        with pytest.raises(UninspectedError):
            RUNS["model"][0].invoke("?", {"callbacks": [handler]})
    assert told[0].verdict["status"] == "failed"


def test_it_is_sync_and_inline_and_refuses_what_it_does_not_know(guard: Guard) -> None:
    assert EyelidCallbackHandler.run_inline
    assert EyelidCallbackHandler(guard, raise_on_harm=True).raise_error
    assert "cannot" in (EyelidCallbackHandler.__doc__ or "")
    make: Any = EyelidCallbackHandler
    with pytest.raises(TypeError):
        make(guard, raise_on_ham=True)
    with pytest.raises(ConfigurationError):
        make("guard")
