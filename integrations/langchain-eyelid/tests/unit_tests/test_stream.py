"""Nothing is released that was not looked at; what is released adds up; streams end and close as they should."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Image
from eyelid.errors import UninspectedError
from eyelid.testing import FakeDetector
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, HumanMessageChunk
from langchain_core.messages.tool import ToolMessageChunk

from langchain_eyelid._check import Checker, Context
from langchain_eyelid._settings import Settings
from langchain_eyelid._stream import Sum, add_up, astream_message, stream_message
from langchain_eyelid.testing import chunks_of

MARKER = "ZQXBAD"
CLEAN = "The cat sat on the mat and looked at the sea for a long while. " * 8
PICTURE = b"a picture that says it"
IMAGE = {"type": "image", "base64": b64encode(b"a cat").decode(), "mime_type": "image/png"}
HARMFUL_IMAGE = {**IMAGE, "base64": b64encode(PICTURE).decode()}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
NOT_CALLED = "The tool was not called: its arguments were stopped by a safety check."
REFUSAL = "I can't help with that. I'm glad to help with a safe side of the question."
MODES = ("buffer", "sentence")


def call(argument: str, name: str = "1") -> dict[str, Any]:
    return {"name": "search", "args": {"q": argument}, "id": name}


class Source:
    """Chunks, of which it notes how many were taken and whether it was closed."""

    def __init__(self, chunks: Sequence[Any], *, fails: bool = False) -> None:
        self.chunks, self.fails, self.taken, self.closed = chunks, fails, 0, False

    def __iter__(self) -> Iterator[Any]:
        try:
            for chunk in self.chunks:
                self.taken += 1
                yield chunk
            if self.fails:
                raise RuntimeError("the model failed")
        finally:
            self.closed = True

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            for chunk in self.chunks:
                await asyncio.sleep(0)
                self.taken += 1
                yield chunk
            if self.fails:
                raise RuntimeError("the model failed")
        finally:
            self.closed = True


def chunks(message: AIMessage, size: int = 5) -> Source:
    return Source(list(chunks_of(message, size)))


async def both(checker: Checker, source: Source, context: Context | None = None) -> list[BaseMessage]:
    """What comes of a stream, which must be the same with and without `async`."""
    said = list(stream_message(checker, source, context=context))
    asaid = [chunk async for chunk in astream_message(checker, source, context=context)]
    assert said == asaid
    assert source.closed
    return said


def total(said: Sequence[Any]) -> Any:
    return add_up(said)


def message(content: Any, **fields: Any) -> AIMessage:
    metadata = {"model_name": "m", "logprobs": {"content": [{"token": MARKER}]}}
    return AIMessage(content=content, id="msg_1", usage_metadata=USAGE, response_metadata=metadata, **fields)


ANSWERS: dict[str, AIMessage] = {
    "short": message("Fine."),
    "long": message(CLEAN),
    "blocks": message([{"type": "text", "text": CLEAN}]),
    "two texts": message([{"type": "text", "text": CLEAN}, {"type": "text", "text": CLEAN}]),
    "strings": message([CLEAN]),
    "thinking first": message(
        [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": CLEAN}]
    ),
    "reasoning beside": message(CLEAN, additional_kwargs={"reasoning_content": "hm, hm"}),
    "calls": message(CLEAN, tool_calls=[call("cats"), call("dogs", "2")]),
    "nothing but calls": message("", tool_calls=[call("cats")]),
    "an image": message([{"type": "text", "text": CLEAN}, IMAGE]),
    "an image first": message([IMAGE, {"type": "text", "text": CLEAN}]),
    "json": message('{"title": "cats", "lines": []}'),
    "blank": message("  \n"),
    "empty": message(""),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ANSWERS)
async def test_what_is_harmless_adds_up_to_what_was_said(guard: Guard, mode: Any, name: str) -> None:
    source = chunks(ANSWERS[name])
    whole = add_up(source.chunks)
    said = await both(Checker(guard, Settings(stream=mode)), source)
    result = total(said)
    verdict = result.response_metadata.pop("eyelid")
    assert verdict["action"] == "allow"
    if name == "two texts":  # which of the two a sentence belonged to is not known any more
        assert mode == "buffer" or result.content == [{"type": "text", "text": CLEAN * 2, "index": 0}]
        result.content = whole.content
    if name == "strings":  # LangChain keeps as many as there were chunks
        assert result.text == CLEAN
        result.content = whole.content
    assert result == whole
    assert result.usage_metadata == USAGE


HARMFUL: dict[str, AIMessage] = {
    "at once": message(f"so {MARKER}"),
    "late": message(f"{CLEAN} so {MARKER} it is. {CLEAN}"),
    "late in blocks": message([{"type": "text", "text": f"{CLEAN} so {MARKER} it is."}]),
    "in a second text": message([{"type": "text", "text": CLEAN}, {"type": "text", "text": MARKER}]),
    "thinking": message([{"type": "thinking", "thinking": MARKER}, {"type": "text", "text": CLEAN}]),
    "reasoning beside": message(CLEAN, additional_kwargs={"reasoning_content": MARKER}),
    "refusal": message("", additional_kwargs={"refusal": MARKER}),
    "a call": message(CLEAN, tool_calls=[call("cats"), call(MARKER, "2")]),
    "a call in blocks": message([{"type": "text", "text": CLEAN}], tool_calls=[call(MARKER)]),
    "nothing but a call": message("", tool_calls=[call(MARKER)]),
    "an image": message([{"type": "text", "text": CLEAN}, HARMFUL_IMAGE]),
    "an image first": message([HARMFUL_IMAGE, {"type": "text", "text": CLEAN}]),
    "json": message('{"title": "' + MARKER + '"}'),
    "a citation": message([{"type": "text", "text": CLEAN}, {"type": "text", "text": "", "citations": [MARKER]}]),
    "text and call": message(f"{CLEAN} so {MARKER}.", tool_calls=[call(MARKER)]),
}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", HARMFUL)
async def test_harm_comes_out_in_no_chunk_and_in_no_sum(guard: Guard, mode: Any, name: str, size: int) -> None:
    said = await both(Checker(guard, Settings(stream=mode)), chunks(HARMFUL[name], size))
    shown = repr(said) + repr(total(said)) + str([chunk.model_dump() for chunk in said]) + total(said).text
    assert MARKER not in shown
    assert HARMFUL_IMAGE["base64"] not in shown
    assert [chunk.response_metadata.get("eyelid") is not None for chunk in said] == [False] * (len(said) - 1) + [True]
    assert total(said).response_metadata["eyelid"]["action"] != "allow"
    assert total(said).usage_metadata == USAGE
    assert {chunk.id for chunk in said} == {"msg_1"}
    assert {type(chunk) for chunk in said} == {AIMessageChunk}


async def test_a_buffered_answer_is_one_chunk(guard: Guard) -> None:
    (only,) = await both(Checker(guard), chunks(ANSWERS["long"]))
    assert only.text == CLEAN
    assert isinstance(only, AIMessageChunk)
    assert only.chunk_position == "last"


async def test_sentences_come_before_the_end(guard: Guard) -> None:
    source = chunks(ANSWERS["long"])
    stream = stream_message(Checker(guard, Settings(stream="sentence")), source)
    first = next(stream)
    assert first.text
    assert CLEAN.startswith(first.text)
    assert source.taken < len(source.chunks) / 2
    assert (first.response_metadata, first.usage_metadata) == ({}, None)  # type: ignore[attr-defined]
    stream.close()


async def test_after_what_was_released_comes_the_rewrite_or_a_refusal(make_guard: Callable[..., Guard]) -> None:
    settings = Settings(stream="sentence")
    answer = message(f"{CLEAN}So {MARKER} it is.", tool_calls=[call("cats")])
    said = total(await both(Checker(make_guard(), settings), chunks(answer)))
    assert said.text == f"{CLEAN}So [gone] it is."
    assert said.tool_calls == answer.tool_calls
    stopped = total(await both(Checker(make_guard(rewrites=False), settings), chunks(answer)))
    released, refusal = stopped.text.split("\n\n")
    assert CLEAN.startswith(released)
    assert refusal == REFUSAL
    assert stopped.tool_calls == []


async def test_a_stopped_call_is_told_after_the_text_that_was_released(guard: Guard) -> None:
    said = total(await both(Checker(guard, Settings(stream="sentence")), chunks(HARMFUL["a call"])))
    assert said.text == f"{CLEAN}\n\n{NOT_CALLED}"
    assert said.tool_calls == [{**call("cats"), "type": "tool_call"}]
    assert [chunk["id"] for chunk in said.tool_call_chunks] == ["1"]


async def test_thinking_that_is_stopped_does_not_stop_the_answer(guard: Guard) -> None:
    for name in ("thinking", "reasoning beside"):
        said = total(await both(Checker(guard, Settings(stream="sentence")), chunks(HARMFUL[name])))
        assert said.text == CLEAN
        assert said.response_metadata["eyelid"]["action"] == "rewrite"


async def test_calls_reasoning_and_images_wait_for_the_end(guard: Guard) -> None:
    answer = message(
        [{"type": "text", "text": CLEAN}, IMAGE],
        tool_calls=[call("cats")],
        additional_kwargs={"reasoning_content": "hm"},
    )
    *early, last = await both(Checker(guard, Settings(stream="sentence")), chunks(answer))
    assert early
    for chunk in early:
        assert isinstance(chunk, AIMessageChunk)
        assert not chunk.tool_call_chunks
        assert not chunk.additional_kwargs
        assert not chunk.usage_metadata
        assert "image" not in repr(chunk.content)
    assert last.tool_calls  # type: ignore[attr-defined]


async def test_images_that_came_with_the_request_hold_everything_back(guard: Guard) -> None:
    context = Context("what is it?", images=(Image(b"a cat"),))
    said = await both(Checker(guard, Settings(stream="sentence")), chunks(ANSWERS["long"]), context)
    assert [chunk.text for chunk in said] == [CLEAN, ""]
    said = await both(Checker(guard), chunks(ANSWERS["long"]), Context("what?", images=(Image(PICTURE),)))
    assert total(said).text == REFUSAL


async def test_an_empty_stream_stays_empty(guard: Guard) -> None:
    for mode in MODES:
        assert await both(Checker(guard, Settings(stream=mode)), Source([])) == []


async def _take(stream: AsyncIterator[Any], said: list[Any]) -> None:
    async for chunk in stream:
        said.append(chunk)


# --- failures


@pytest.mark.parametrize("mode", MODES)
async def test_raising_is_after_what_was_released(guard: Guard, mode: Any) -> None:
    checker = Checker(guard, Settings(stream=mode, strategy="raise"))
    for name in ("late", "a call", "json", "an image"):
        said: list[Any] = []
        source = chunks(HARMFUL[name])
        with pytest.raises(HarmfulContentError) as caught:
            said.extend(stream_message(checker, source))
        assert MARKER not in repr(said) + repr(caught.value)
        assert source.closed
        with pytest.raises(HarmfulContentError):
            await _take(astream_message(checker, source), said)


async def test_failed_looks_at_the_end_stop_what_is_left(guard: Guard) -> None:
    answer = message([{"type": "text", "text": CLEAN}, {"type": "audio", "base64": "AAAA"}])
    said = total(await both(Checker(guard, Settings(stream="sentence")), chunks(answer)))
    assert said.text.startswith(CLEAN + "\n\nThis could not be checked")
    assert "AAAA" not in repr(said)
    assert said.response_metadata["eyelid"]["failures"] == ["content: uninspectable"]
    passed = total(await both(Checker(guard, Settings(stream="sentence", on_error="pass")), chunks(answer)))
    assert "AAAA" in repr(passed)
    with pytest.raises(UninspectedError):
        list(stream_message(Checker(guard, Settings(stream="sentence", on_error="raise")), chunks(answer)))


@pytest.mark.parametrize("mode", MODES)
async def test_an_error_of_the_model_comes_after_what_was_released(guard: Guard, mode: Any) -> None:
    checker = Checker(guard, Settings(stream=mode))
    source = Source(chunks(HARMFUL["late"]).chunks[:-1], fails=True)
    said: list[Any] = []
    with pytest.raises(RuntimeError, match="the model failed"):
        said.extend(stream_message(checker, source))
    with pytest.raises(RuntimeError, match="the model failed"):
        await _take(astream_message(checker, source), said)
    assert MARKER not in repr(said)
    assert bool(said) is (mode == "sentence")
    assert source.closed


@pytest.mark.parametrize("mode", MODES)
async def test_closing_a_stream_closes_its_source(guard: Guard, mode: Any) -> None:
    checker = Checker(guard, Settings(stream=mode))
    source = chunks(ANSWERS["long"])
    stream = stream_message(checker, source)
    next(stream)
    stream.close()
    assert source.closed
    source = chunks(ANSWERS["long"])
    astream = astream_message(checker, source)
    await anext(astream)
    await astream.aclose()
    assert source.closed


@pytest.mark.parametrize("mode", MODES)
async def test_cancelling_a_stream_closes_its_source(guard: Guard, mode: Any) -> None:
    begun = asyncio.Event()
    source = Source([])

    async def endless() -> AsyncIterator[Any]:
        try:
            while True:
                yield AIMessageChunk(content="The cat sat on the mat. ")
                begun.set()
                await asyncio.sleep(0.001)
        finally:
            source.closed = True

    async def consume() -> None:
        async for _ in astream_message(Checker(guard, Settings(stream=mode)), endless()):
            pass

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


# --- adding up


def test_chunks_add_up_as_langchain_adds_them() -> None:
    assert add_up(["a", "b"]) == "ab"
    assert add_up(chunks_of(message("hello"), 1)).text == "hello"
    assert add_up([AIMessage("whole")]) == AIMessage("whole")
    assert add_up([HumanMessageChunk(content="a"), HumanMessageChunk(content="b")]).content == "ab"
    with pytest.raises(ValueError, match="empty"):
        add_up([])
    assert not Sum()


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ([AIMessage(MARKER), AIMessage(MARKER)], "more than one whole AIMessage"),
        ([AIMessageChunk(content=MARKER), AIMessage(MARKER)], "a AIMessage after a AIMessageChunk"),
        ([AIMessage(MARKER), AIMessageChunk(content=MARKER)], "a AIMessageChunk after a AIMessage"),
        ([AIMessageChunk(content=MARKER), HumanMessageChunk(content=MARKER)], "a HumanMessageChunk after"),
        ([HumanMessage(MARKER), AIMessage(MARKER)], "more than one whole"),
        (["a", AIMessageChunk(content=MARKER)], "a AIMessageChunk after a str"),
        ([{"answer": MARKER}, {"answer": MARKER}], "a dict; only strings and message chunks"),
        ([7], "a int; only"),
    ],
)
def test_what_does_not_add_up_is_named(guard: Guard, pair: list[Any], said: str) -> None:
    with pytest.raises(TypeError, match=said) as caught:
        add_up(pair)
    assert MARKER not in str(caught.value)
    with pytest.raises(TypeError, match=said):
        list(stream_message(Checker(guard), pair))


def test_chunks_that_contradict_each_other_are_not_quoted() -> None:
    """LangChain's own error holds both values."""
    pair = [
        ToolMessageChunk(content="a", tool_call_id="1", artifact=MARKER),
        ToolMessageChunk(content="b", tool_call_id="1", artifact=[MARKER]),
    ]
    with pytest.raises(TypeError, match="contradict each other") as caught:
        add_up(pair)
    assert MARKER not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_adding_is_not_quadratic(guard: Guard, detector: FakeDetector) -> None:
    """A sum for each chunk would take minutes here."""
    many = [AIMessageChunk(content="word ") for _ in range(10_000)]
    (only,) = list(stream_message(Checker(guard), many))
    assert len(only.text) == 50_000
