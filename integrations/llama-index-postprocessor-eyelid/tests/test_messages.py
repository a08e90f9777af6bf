"""What is in a message, and how it is put back."""

from __future__ import annotations

from typing import Any

import pytest
from eyelid import Guard, Surface
from eyelid.testing import FakeDetector
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._messages import parts
from llama_index.postprocessor.eyelid._scaffold import scaffold
from llama_index.postprocessor.eyelid._settings import Settings

BAD = "ZQXBAD"
PNG = b"\x89PNG\r\n\x1a\nnot a real one"


def said(*blocks: Any, **kwargs: Any) -> ChatMessage:
    return ChatMessage(role="assistant", blocks=list(blocks), additional_kwargs=kwargs)


def leaks(message: ChatMessage) -> bool:
    return BAD in message.model_dump_json() or BAD in repr(message)


HIDDEN = {
    "text": said(TextBlock(text=BAD)),
    "second text": said(TextBlock(text="fine"), TextBlock(text=BAD)),
    "thinking": said(TextBlock(text="fine"), ThinkingBlock(content=BAD)),
    "thinking aside": said(TextBlock(text="fine"), ThinkingBlock(additional_information={"summary": [BAD]})),
    "citable": said(CitableBlock(title="t", source="s", content=[TextBlock(text=BAD)])),
    "citable title": said(CitableBlock(title=BAD, source="s", content=[TextBlock(text="fine")])),
    "citation": said(
        CitationBlock(cited_content=TextBlock(text=BAD), source="s", title="t", additional_location_info={})
    ),
    "tool call": said(TextBlock(text="fine"), ToolCallBlock(tool_name="t", tool_kwargs={"a": [{"b": BAD}]})),
    "tool call key": said(TextBlock(text="fine"), ToolCallBlock(tool_name="t", tool_kwargs={BAD: 1})),
    "tool call text": said(TextBlock(text="fine"), ToolCallBlock(tool_name="t", tool_kwargs=f'{{"a": "{BAD}"}}')),
    "tool name": said(TextBlock(text="fine"), ToolCallBlock(tool_name=BAD, tool_kwargs={})),
    "keywords": said(TextBlock(text="fine"), reasoning={"content": BAD}),
    "raw tool call": said(
        TextBlock(text="fine"), tool_calls=[{"function": {"name": "t", "arguments": f'{{"a": "{BAD}"}}'}}]
    ),
    "only a tool call": said(ToolCallBlock(tool_name="t", tool_kwargs={"a": BAD})),
}


@pytest.mark.parametrize("strategy", ["rewrite", "block"])
@pytest.mark.parametrize("where", HIDDEN)
async def test_nothing_hides_in_a_message(guard: Guard, where: str, strategy: str) -> None:
    checker = Checker(guard, Settings(strategy=strategy))
    before = HIDDEN[where].model_dump_json()
    for ruling in (checker.check_message(HIDDEN[where]), await checker.acheck_message(HIDDEN[where])):
        assert not ruling.allowed
        assert not leaks(ruling.message)
        assert ruling.message.blocks
        assert BAD not in repr(ruling)
        assert BAD not in repr(ruling.verdict)
    assert HIDDEN[where].model_dump_json() == before


def test_a_message_that_is_allowed_is_the_very_one(guard: Guard) -> None:
    message = said(
        ThinkingBlock(content="hm"),
        TextBlock(text="fine"),
        ImageBlock(image=PNG),
        ToolCallBlock(tool_name="t", tool_kwargs={"a": "b"}),
        id="x",
    )
    assert Checker(guard).check_message(message).message is message


@pytest.mark.parametrize(
    "block",
    [AudioBlock(audio=b"some sound"), DocumentBlock(data=b"some file"), ImageBlock(url="https://example.org/a.png")],
)
def test_what_nobody_can_look_at_is_stopped(guard: Guard, block: Any) -> None:
    message = said(TextBlock(text="fine"), block)
    ruling = Checker(guard).check_message(message)
    assert not ruling.allowed
    assert ruling.verdict["status"] == "failed"
    assert [type(each) for each in ruling.message.blocks] == [TextBlock]
    assert Checker(guard, Settings(on_error="pass")).check_message(message).message is message


def test_cache_points_say_nothing() -> None:
    assert parts(said(CachePoint(cache_control={"type": "ephemeral"}))).uninspectable == 0


def test_a_stopped_call_leaves_the_others(guard: Guard) -> None:
    good = ToolCallBlock(tool_call_id="1", tool_name="t", tool_kwargs={"a": "b"})
    bad = ToolCallBlock(tool_call_id="2", tool_name="t", tool_kwargs={"a": BAD})
    message = Checker(guard).check_message(said(TextBlock(text="Let me see."), good, bad)).message
    assert message.blocks[1:] == [good]
    assert (message.content or "").startswith("Let me see.")
    assert "cannot" in (message.content or "") or len(message.content or "") > len("Let me see.")


def test_calls_beside_the_blocks_go_with_them(guard: Guard) -> None:
    calls = [{"function": {"arguments": '{"a": "b"}'}}, {"function": {"arguments": f'{{"a": "{BAD}"}}'}}]
    message = Checker(guard).check_message(said(TextBlock(text="fine"), tool_calls=calls)).message
    assert message.additional_kwargs == {"tool_calls": calls[:1]}


def test_json_is_mended_leaf_by_leaf(guard: Guard) -> None:
    text = f'{{"a": "good", "b": ["so {BAD} it is", 3]}}'
    ruling = Checker(guard, Settings(strategy="rewrite")).check_text(text)
    assert ruling.text == '{"a": "good", "b": ["so [removed] it is", 3]}'


def test_all_leaves_are_one_batch(guard: Guard, detector: FakeDetector) -> None:
    blocks = [ToolCallBlock(tool_name="t", tool_kwargs={"a": f"leaf {i}", "b": [f"other {i}"]}) for i in range(5)]
    Checker(guard).check_message(said(TextBlock(text='{"x": "one", "y": "two"}'), ThinkingBlock(content="hm"), *blocks))
    assert len(detector.log.sizes) == 1


def test_react_is_rewritten_after_the_answer_only(guard: Guard) -> None:
    checker = Checker(guard, Settings(strategy="rewrite"))
    ruling = checker.check_text(f"Thought: I know.\nAnswer: use {BAD} now")
    assert ruling.text == "Thought: I know.\nAnswer: use [removed] now"


@pytest.mark.parametrize(
    "text",
    [
        f"Thought: I know {BAD}.\nAnswer: fine",
        f'Thought: I know.\nAction: find\nAction Input: {{"q": "{BAD}"}}',
        f'Thought: {BAD}.\nAction: find\nAction Input: {{"q": "a"}}',
        f"Thought: only {BAD}",
    ],
)
def test_react_is_blocked_by_a_scaffold_that_parses(guard: Guard, text: str) -> None:
    from llama_index.core.agent.react.output_parser import ReActOutputParser

    ruling = Checker(guard, Settings(strategy="rewrite")).check_text(text)
    assert BAD not in ruling.text
    assert ReActOutputParser().parse(ruling.text).is_done


def test_arguments_of_a_react_action_stand_on_their_own_surface() -> None:
    form = scaffold('Thought: a\nAction: find\nAction Input: {"q": "x", "r": ["y"]}')
    assert form is not None
    assert form.arguments == ('{"q": "x", "r": ["y"]}', "x", "y")
    assert scaffold("Here is a thought: go.") is None


def test_context_is_the_last_question() -> None:
    asked = [ChatMessage("one"), ChatMessage(role="assistant", content="no"), ChatMessage("two")]
    assert Context.of(asked).prompt == "two"
    assert Context.of([]).prompt == ""


def test_surfaces_are_told_apart(guard: Guard) -> None:
    ruling = Checker(guard).check_message(HIDDEN["tool call"])
    assert ruling.verdict["surface"] == Surface.TOOL_CALL
    ruling = Checker(guard).check_message(HIDDEN["text"], surface=Surface.TOOL_RESULT)
    assert ruling.verdict["surface"] == Surface.TOOL_RESULT
