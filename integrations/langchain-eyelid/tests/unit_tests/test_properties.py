"""Wherever in a message the marker stands, and however a stream is cut: it is not passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from eyelid import Guard
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from langchain_eyelid._check import Checker
from langchain_eyelid._settings import Settings
from langchain_eyelid._stream import add_up, stream_message
from langchain_eyelid.testing import chunks_of

MARKER = "ZQXBAD"
WORDS = st.sampled_from(["cats", "so it is", f"so, {MARKER}!", "", "data:image/png;base64,AAAA", '{"a": "b"}'])
_KEYS = """
type text id data base64 url source value args input output content name reasoning refusal image summary image_url
arguments status index extras json mime_type encrypted_content signature artifact anything
"""
_TYPES = """
text image reasoning thinking refusal tool_call tool_use function_call non_standard server_tool_result web_search_call
redacted_thinking text-plain document audio file media image_url hologram search_result invalid_tool_call
"""
KEYS, TYPES = st.sampled_from(_KEYS.split()), st.sampled_from(_TYPES.split())
VALUES: Any = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
BLOCKS = st.builds(lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(KEYS, VALUES, max_size=4)) | WORDS
CALLS = st.builds(
    lambda name, args, number: {"name": name, "args": args, "id": number},
    st.sampled_from(["search", f"so, {MARKER}!"]),
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.sampled_from(["1", "2", None]),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Guard]:
    detectors, detoxifier = [FakeDetector({MARKER: 0.9})], FakeDetoxifier({MARKER: "[gone]"})
    with Guard(detectors, detoxifier=detoxifier, decoder=FakeDecoder(), reader=FakeReader()) as guard:
        yield guard


def shown(message: Any) -> str:
    return repr(message) + repr(message.model_dump()) + json.dumps(message.model_dump(), default=repr) + message.text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    content=WORDS | st.lists(BLOCKS, max_size=4),
    calls=st.lists(CALLS, max_size=2),
    beside=st.dictionaries(
        KEYS | st.sampled_from(["reasoning_content", "tool_calls", "parsed", "audio"]), VALUES, max_size=2
    ),
    chunk=st.booleans(),
)
def test_wherever_it_stands_in_an_answer(shared: Guard, content: Any, calls: Any, beside: Any, chunk: bool) -> None:
    if chunk:
        pieces = [{**call, "args": json.dumps(call["args"]), "index": None} for call in calls]
        message: AIMessage = AIMessageChunk(content=content, tool_call_chunks=pieces, additional_kwargs=beside)
    else:
        message = AIMessage(content=content, tool_calls=calls, additional_kwargs=beside)
    ruling = Checker(shared).check_message(message)
    assert MARKER not in shown(ruling.message)
    if chunk:
        assert MARKER not in shown(ruling.message + AIMessageChunk(content="", chunk_position="last"))
    if ruling.allowed:
        assert ruling.message.content == message.content


@settings(max_examples=60, deadline=None, derandomize=True)
@given(content=WORDS | st.lists(BLOCKS, max_size=4), artifact=VALUES)
def test_wherever_it_stands_in_a_tools_result(shared: Guard, content: Any, artifact: Any) -> None:
    message = ToolMessage(content=content, artifact=artifact, tool_call_id="1")
    assert MARKER not in shown(Checker(shared).check_message(message).message)


SENTENCES = st.lists(
    st.sampled_from(["The cat sat on the mat and looked at the sea. ", f"So {MARKER} it is. ", "- one\n", "Oh"]),
    max_size=30,
).map("".join)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=SENTENCES, size=st.integers(1, 60), calls=st.lists(CALLS, max_size=2), listed=st.booleans())
def test_however_a_stream_is_cut(shared: Guard, text: str, size: int, calls: Any, listed: bool) -> None:
    content: Any = [{"type": "text", "text": text}] if listed else text
    message = AIMessage(content=content, tool_calls=calls)
    buffered = add_up(stream_message(Checker(shared), chunks_of(message, size)))
    released = list(stream_message(Checker(shared, Settings(stream="sentence")), chunks_of(message, size)))
    total = add_up(released)
    assert MARKER not in shown(total) + "".join(map(shown, released)) + shown(buffered)
    assert total.text == buffered.text
    assert total.tool_calls == buffered.tool_calls
