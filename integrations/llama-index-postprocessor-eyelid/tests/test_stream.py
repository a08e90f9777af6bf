"""Streams: what is released, when, and that no two of them know of each other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from eyelid import Guard, Outcome
from eyelid.testing import FakeDetector, FakeDetoxifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ThinkingBlock

from llama_index.llms.eyelid import guard_llm
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._stream import astream_text, stream_chat, stream_text
from llama_index.postprocessor.eyelid.testing import FakeLLM, calls_tool

BAD = "ZQXBAD"
ASKED = [ChatMessage("what is it?")]


def by_sentences(guard: Guard, said: Any, **options: Any) -> tuple[FakeLLM, Any]:
    inner = FakeLLM(responses=[said], **options)
    return inner, guard_llm(inner, guard, stream="sentence")


def test_sentences_come_before_the_end(guard: Guard) -> None:
    inner, llm = by_sentences(guard, "A first sentence. " * 40)
    stream = llm.stream_chat(ASKED)
    next(stream)
    assert 0 < inner.calls[0].chunks < 240
    stream.close()


def test_message_holds_all_that_was_said_and_delta_what_is_new(guard: Guard) -> None:
    _, llm = by_sentences(guard, "One thing here. Another thing there. " * 9)
    so_far = ""
    chunks = list(llm.stream_chat(ASKED))
    assert len(chunks) > 2
    for chunk in chunks:
        so_far += chunk.delta
        assert chunk.message.content == so_far
    assert chunks[-1].additional_kwargs["eyelid"]["action"] == "allow"


def test_nothing_of_a_flagged_part_is_released(guard: Guard) -> None:
    _, llm = by_sentences(guard, f"A good start it is. Then {BAD} follows. And more.")
    chunks = list(llm.stream_chat(ASKED))
    assert BAD not in repr(chunks)
    assert chunks[0].delta.startswith("A good start")
    assert chunks[-1].additional_kwargs["eyelid"]["status"] == "flagged"


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
def test_calls_wait_for_the_end_and_are_looked_at(guard: Guard, stream: Any) -> None:
    for said, calls in (
        (calls_tool("find", "Let me look it up.", q="a"), 1),
        (calls_tool("find", "Let me.", q=BAD), 0),
    ):
        llm = guard_llm(FakeLLM(responses=[said]), guard, stream=stream)
        chunks = list(llm.stream_chat(ASKED))
        assert BAD not in repr(chunks)
        for chunk in chunks[:-1]:
            assert not llm.get_tool_calls_from_response(chunk, error_on_no_tool_call=False)
        assert len(llm.get_tool_calls_from_response(chunks[-1], error_on_no_tool_call=False)) == calls
        assert (chunks[-1].message.content or "").startswith("Let me")


def test_a_flagged_text_takes_its_calls_along(guard: Guard) -> None:
    _, llm = by_sentences(guard, calls_tool("find", f"Something {BAD} this way comes.", q="a"))
    last = list(llm.stream_chat(ASKED))[-1]
    assert not llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
def test_thinking_is_looked_at(guard: Guard, stream: Any) -> None:
    blocks = [ThinkingBlock(content=f"I think {BAD}"), TextBlock(text="A harmless answer it is.")]
    llm = guard_llm(FakeLLM(responses=[ChatMessage(role="assistant", blocks=blocks)]), guard, stream=stream)
    chunks = list(llm.stream_chat(ASKED))
    assert BAD not in repr(chunks)
    assert "harmless answer" in chunks[-1].message.content


@pytest.mark.parametrize("said", ['{"a": "One. Two. Three."}', "Thought: One. Two.\nAnswer: Three. Four."])
def test_what_has_a_form_is_one_chunk(guard: Guard, said: str) -> None:
    _, llm = by_sentences(guard, said)
    assert [chunk.delta for chunk in llm.stream_chat(ASKED)] == [said]


def test_whoever_is_asked_as_a_react_agent_is_buffered(guard: Guard) -> None:
    _, llm = by_sentences(guard, "I need to look. I do.\nAction: find\nAction Input: {}")
    asked = [ChatMessage(role="system", content="Action: tool\nAction Input: {}"), *ASKED]
    assert len(list(llm.stream_chat(asked))) == 1


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
async def test_an_error_of_the_model_is_raised_after_what_was_released(guard: Guard, stream: Any) -> None:
    inner = FakeLLM(responses=["A first sentence. " * 9], fail_after=20)
    llm = guard_llm(inner, guard, stream=stream)
    with pytest.raises(RuntimeError, match="told to fail"):
        list(llm.stream_chat(ASKED))
    with pytest.raises(RuntimeError, match="told to fail"):
        _ = [chunk async for chunk in await llm.astream_chat(ASKED)]
    assert all(call.closed for call in inner.calls)


def test_closing_closes_the_model(guard: Guard) -> None:
    source_closed = []

    def source() -> Iterator[ChatResponse]:
        text = ""
        try:
            for _ in range(99):
                text += "A sentence. "
                yield ChatResponse(message=ChatMessage(role="assistant", content=text), delta="A sentence. ")
        finally:
            source_closed.append(True)

    stream = stream_chat(Checker(guard, Settings(stream="sentence")), source())
    next(stream)
    stream.close()
    assert source_closed == [True]


def test_a_model_that_only_gives_deltas_is_understood(guard: Guard) -> None:
    chunks = [ChatResponse(message=ChatMessage(role="assistant"), delta=piece) for piece in ("so ", "ZQX", "BAD it is")]
    for mode in ("buffer", "sentence"):
        found = list(stream_chat(Checker(guard, Settings(stream=mode)), iter(chunks)))  # type: ignore[arg-type]
        assert BAD not in "".join(chunk.delta or "" for chunk in found)
        assert found[-1].additional_kwargs["eyelid"]["status"] == "flagged"


def test_a_stream_of_nothing_is_nothing(guard: Guard) -> None:
    assert list(stream_chat(Checker(guard), iter([]))) == []


async def test_texts_are_streamed_too(guard: Guard) -> None:
    checker, seen = Checker(guard, Settings(stream="sentence", strategy="rewrite")), list[Outcome]()
    pieces = ["A good", " start. ", "Then ZQX", "BAD."]
    assert BAD not in "".join(stream_text(checker, pieces, done=seen.append))

    async def coming() -> Any:
        for piece in pieces:
            yield piece

    found = [text async for text in astream_text(checker, coming(), context=Context("q"), done=seen.append)]
    assert "".join(found).startswith("A good start. ")
    assert [outcome.status for outcome in seen] == ["flagged", "flagged"]


_WORDS = st.sampled_from(["good", "fine", f"{BAD}", "thing", "end.", "Next.", "so"])
_ANSWERS = st.lists(st.lists(_WORDS, min_size=1, max_size=12).map(" ".join), min_size=2, max_size=4)


def _echo(messages: Any, options: Any) -> str:
    return str(messages[-1].content)


@pytest.fixture(scope="module")
def shared() -> Iterator[Guard]:
    with Guard([FakeDetector({BAD: 0.99})], detoxifier=FakeDetoxifier({BAD: "[removed]"})) as guard:
        yield guard


@given(_ANSWERS, st.sampled_from(["buffer", "sentence"]), st.lists(st.integers(0, 3), max_size=30))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_interleaved_streams_never_share_state(shared: Guard, said: list[str], mode: Any, order: list[int]) -> None:
    llm = guard_llm(FakeLLM(answer=_echo, chunk_size=2), shared, stream=mode, strategy="rewrite")
    alone = ["".join(chunk.delta for chunk in llm.stream_chat([ChatMessage(text)])) for text in said]
    streams = [llm.stream_chat([ChatMessage(text)]) for text in said]
    found = [""] * len(said)
    for turn in order:
        which = turn % len(said)
        found[which] += "".join(chunk.delta for chunk in [next(streams[which], None)] if chunk is not None)
    for which, stream in enumerate(streams):
        found[which] += "".join(chunk.delta for chunk in stream)
    assert found == alone
    assert BAD not in "".join(found)


async def test_many_at_once_never_cross(guard: Guard) -> None:
    llm = guard_llm(FakeLLM(answer=_echo), guard, stream="sentence", strategy="rewrite")

    async def ask(number: int) -> str:
        said = f"Answer number {number} it is. And {BAD if number % 3 == 0 else 'nothing'} else {number}."
        last = ""
        async for chunk in await llm.astream_chat([ChatMessage(said)]):
            last = chunk.message.content
        return last

    found = await asyncio.gather(*map(ask, range(40)))
    for number, text in enumerate(found):
        assert text.startswith(f"Answer number {number} it is.")
        assert BAD not in text
        if number % 3:
            assert text.endswith(f"And nothing else {number}.")
