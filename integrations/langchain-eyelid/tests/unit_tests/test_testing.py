"""The fake streams what it answers, tools and all, where LangChain's own fakes do not."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool

from langchain_eyelid._stream import add_up
from langchain_eyelid.testing import FakeStreamingChatModel, chunks_of

CALL = {"name": "search", "args": {"q": "cats", "n": [1, 2]}, "id": "1"}
BLOCKS = [{"type": "thinking", "thinking": "hm, hm"}, {"type": "text", "text": "Good morning"}]
SAID = AIMessage(
    "Good morning", tool_calls=[CALL, {**CALL, "id": "2"}], additional_kwargs={"reasoning_content": "hm, hm"}
)


@tool
def search(q: str) -> str:
    """Search."""
    return q


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize("said", [SAID, AIMessage(BLOCKS, tool_calls=[CALL]), AIMessage("")])
async def test_chunks_add_up_to_the_answer(said: AIMessage, size: int) -> None:
    model = FakeStreamingChatModel(responses=[said], chunk_size=size)
    whole = model.invoke("hi")
    for chunks in (list(model.stream("hi")), [chunk async for chunk in model.astream("hi")]):
        total = add_up(chunks)
        assert total.text == whole.text
        for name in ("tool_calls", "usage_metadata", "additional_kwargs", "response_metadata"):
            assert getattr(total, name) == getattr(whole, name)
    assert len(list(chunks_of(SAID, 1))) > 40


def test_it_answers_in_turn_and_notes_what_it_was_asked() -> None:
    model = FakeStreamingChatModel(responses=["one", "two"])
    bound = model.bind_tools([search], tool_choice="any")
    assert [model.invoke("a").text, bound.invoke("b").text, model.invoke("c").text] == ["one", "two", "one"]
    assert [call.method for call in model.calls] == ["_generate"] * 3
    assert model.calls[1].options["tool_choice"] == "any"
    assert "hello" not in repr(model.calls)


def test_it_answers_what_it_is_told() -> None:
    def echo(messages: object, options: object) -> str:
        assert isinstance(messages, tuple)
        last: BaseMessage = messages[-1]
        return str(last.text).upper()

    assert FakeStreamingChatModel(answer=echo).invoke("hello").text == "HELLO"


def test_it_fails_when_it_is_told_to() -> None:
    model = FakeStreamingChatModel(fail_after=2)
    said = []
    with pytest.raises(RuntimeError, match="told to fail"):
        said.extend(model.stream("hi"))
    assert model.calls[0].chunks == 2
    assert model.calls[0].closed
