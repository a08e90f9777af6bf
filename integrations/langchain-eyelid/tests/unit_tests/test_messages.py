"""What is in a message, and how it is put back: nothing is skipped, nothing raw carried on, nothing clean changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eyelid import Image, Surface
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import BaseModel

from langchain_eyelid._calls import MAX_LEAVES, calls_in, leaves
from langchain_eyelid._messages import blocked, parts, replace_text, stamped, surface_of
from langchain_eyelid._metadata import without_content

MARKER = "ZQXBAD"
VERDICT = {"action": "block"}
CALL = {"name": "search", "args": {"q": f"find {MARKER}", "n": 3}, "id": "call_1"}
OTHER = {"name": "search", "args": {"q": "cats"}, "id": "call_2"}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
LOGPROBS = {"content": [{"token": MARKER, "logprob": -0.1}]}


class Parsed(BaseModel):
    title: str


class Custom(AIMessage):
    """A provider's own message class."""

    draft: str = ""


#: Every place of a message in which words can stand beside its text.
ASIDE: dict[str, BaseMessage] = {
    "reasoning": AIMessage([{"type": "reasoning", "reasoning": MARKER}, "fine"]),
    "thinking": AIMessage([{"type": "thinking", "thinking": MARKER, "signature": "c2ln"}, "fine"]),
    "bedrock reasoning": AIMessage([{"type": "reasoning_content", "reasoning_content": {"text": MARKER}}, "fine"]),
    "responses reasoning": AIMessage(
        [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": MARKER}]}, "fine"]
    ),
    "refusal": AIMessage([{"type": "refusal", "refusal": MARKER}]),
    "non standard text": AIMessage([{"type": "non_standard", "value": {"type": "text", "text": MARKER}}]),
    "citation": AIMessage([{"type": "text", "text": "fine", "citations": [{"type": "c", "cited_text": MARKER}]}]),
    "annotation": AIMessage([{"type": "text", "text": "fine", "annotations": [{"type": "citation", "title": MARKER}]}]),
    "server tool": AIMessage([{"type": "server_tool_call", "id": "1", "name": "web", "args": {"q": MARKER}}]),
    "server tool's result": AIMessage([{"type": "server_tool_result", "tool_call_id": "1", "output": [{"t": MARKER}]}]),
    "web search": AIMessage([{"type": "web_search_call", "id": "1", "action": {"query": MARKER}}]),
    "code": AIMessage([{"type": "executable_code", "executable_code": MARKER}]),
    "plain text": AIMessage([{"type": "text-plain", "text": MARKER, "mime_type": "text/plain"}]),
    "document": ToolMessage([{"type": "document", "source": {"type": "text", "data": MARKER}}], tool_call_id="1"),
    "an unknown block": AIMessage([{"type": "hologram", "words": {"deep": [MARKER]}}]),
    "reasoning beside": AIMessage("fine", additional_kwargs={"reasoning_content": MARKER}),
    "refusal beside": AIMessage("", additional_kwargs={"refusal": MARKER}),
    "transcript": AIMessage("", additional_kwargs={"audio": {"id": "1", "data": "AAAA", "transcript": MARKER}}),
    "parsed": AIMessage("fine", additional_kwargs={"parsed": Parsed(title=MARKER)}),
    "invalid call": AIMessage("fine", invalid_tool_calls=[{"name": "t", "args": MARKER, "id": "1", "error": None}]),
    "artifact": ToolMessage("fine", tool_call_id="1", artifact={"rows": [{MARKER: 1}]}),
    "artifact's model": ToolMessage("fine", tool_call_id="1", artifact=[Parsed(title=MARKER)]),
    "an extra": AIMessage("fine", note=MARKER),
    "a field of a subclass": Custom("fine", draft=MARKER),
}


@pytest.mark.parametrize("name", ASIDE)
def test_words_beside_the_text_are_read_and_not_carried_on(name: str) -> None:
    message = ASIDE[name]
    found = parts(message)
    assert any(MARKER in aside for aside in found.asides)
    assert MARKER not in found.text
    for changed in (replace_text(message, "better", VERDICT), blocked(message, "no", VERDICT)):
        assert MARKER not in repr(changed)
        assert MARKER not in str(changed.model_dump())
        assert type(changed) is type(message)
    assert MARKER in repr(message.model_dump())


def test_the_text_is_that_which_langchain_shows() -> None:
    message = AIMessage(["a", {"type": "text", "text": "b"}, {"type": "reasoning", "reasoning": "x"}, {"text": "c"}])
    found = parts(message)
    assert found.text == "abc"
    assert found.blocks == ((0, 0, 1), (1, 1, 2), (3, 2, 3))
    assert parts(AIMessage("abc")).blocks == ((0, 0, 3),)
    assert parts(AIMessage("")).blocks == ()


def test_names_ids_and_what_only_providers_can_read_are_no_words() -> None:
    message = AIMessage(
        [
            {"type": "thinking", "thinking": "hm", "signature": "QUJD" * 100},
            {"type": "redacted_thinking", "data": "QUJD" * 100},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "QUJD"},
        ],
        additional_kwargs={"__gemini_function_call_thought_signatures__": {"1": b"sig"}, "reasoning": {"id": "rs_1"}},
    )
    found = parts(message)
    assert found.asides == ("hm",)
    assert found.uninspectable == 0


def test_words_under_the_name_of_an_id_are_words() -> None:
    assert parts(AIMessage([{"type": "refusal", "refusal": "", "id": f"so {MARKER}"}])).asides == (f"so {MARKER}",)


@pytest.mark.parametrize("artifact", [object(), b"bytes", {"a": [object()]}, [[[[[]]]]]])
def test_artifacts_of_unknown_make_are_uninspectable(artifact: Any) -> None:
    found = parts(ToolMessage("fine", tool_call_id="1", artifact=artifact))
    assert found.uninspectable == (0 if isinstance(artifact, list) else 1)


def test_what_is_odd_about_a_call_is_looked_at_with_it() -> None:
    odd = [
        AIMessage([{"type": "tool_use", "id": "1", "input": {}, "note": f"so {MARKER}"}]),
        AIMessage([{"type": "tool_use", "id": "1", "input": {"a": 1}, "function": {"arguments": MARKER}}]),
        AIMessage("", additional_kwargs={"tool_calls": [{"id": "1", "function": {}, "extra": [f"so {MARKER}"]}]}),
        AIMessage("", additional_kwargs={"tool_calls": {"arguments": MARKER}}),
    ]
    for message in odd:
        assert any(MARKER in text for call in calls_in(message) for text in call.texts)
    assert MARKER in parts(AIMessage("", additional_kwargs={"tool_calls": [MARKER]})).asides
    assert MARKER in parts(AIMessage("", additional_kwargs={"function_call": MARKER})).asides


def test_blocks_of_no_known_shape_are_taken_as_they_are() -> None:
    for block in ({"type": []}, {"type": "text"}, {"type": "text", "text": None}, {"type": "text", "text": 7}, {}):
        found = parts(AIMessage([block]))
        assert found.text == ""
        assert found.uninspectable == (1 if block.get("text") == 7 or block == {"type": []} else 0)


def test_an_image_with_words_does_not_stay_beside_what_was_stopped() -> None:
    image = {"type": "image", "base64": "AAAA"}
    worded = {**image, "extras": {"alt": MARKER}}
    changed = replace_text(AIMessage([image, worded]), "x", VERDICT, images=True)
    assert changed.content == [{"type": "text", "text": "x"}, image]


def test_a_value_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert parts(ToolMessage("fine", tool_call_id="1", artifact=loop)).uninspectable == 1


# --- tool calls

FORMS: dict[str, AIMessage] = {
    "parsed": AIMessage("", tool_calls=[CALL]),
    "v1": AIMessage([{"type": "tool_call", **CALL}], tool_calls=[CALL]),
    "anthropic": AIMessage([{"type": "tool_use", "id": "call_1", "name": "search", "input": CALL["args"]}]),
    "responses": AIMessage(
        [{"type": "function_call", "id": "fc_1", "call_id": "call_1", "arguments": json.dumps(CALL["args"])}]
    ),
    "bedrock": AIMessage([{"toolUse": {"toolUseId": "call_1", "name": "search", "input": CALL["args"]}}]),
    "openai": AIMessage(
        "",
        additional_kwargs={
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "s", "arguments": json.dumps(CALL["args"])}}
            ]
        },
    ),
    "function": AIMessage(
        "", additional_kwargs={"function_call": {"name": "s", "arguments": json.dumps(CALL["args"])}}
    ),
    "chunk": AIMessageChunk(
        content="",
        tool_call_chunks=[{"name": "search", "args": json.dumps(CALL["args"]), "id": "call_1", "index": 0}],
        chunk_position="last",
    ),
    "streamed by anthropic": AIMessageChunk(
        content=[
            {"type": "tool_use", "id": "call_1", "input": {}, "partial_json": json.dumps(CALL["args"]), "index": 1}
        ],
    ),
    "custom": AIMessage([{"type": "custom_tool_call", "call_id": "call_1", "name": "x", "input": f"find {MARKER}"}]),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_tool_call_is_found_in_every_form_and_removed_from_all(name: str) -> None:
    message = FORMS[name]
    (call,) = calls_in(message)
    assert any(MARKER in text for text in call.texts)
    changed = replace_text(message, "stopped", VERDICT, calls=())
    assert MARKER not in repr(changed)
    assert not calls_in(changed)
    assert not changed.tool_calls


def test_one_call_in_several_places_is_looked_at_once() -> None:
    raw = json.dumps(CALL["args"], indent=2)
    message = AIMessage(
        [{"type": "tool_use", "id": "call_1", "name": "search", "input": CALL["args"]}],
        tool_calls=[CALL],
        additional_kwargs={"tool_calls": [{"id": "call_1", "function": {"name": "search", "arguments": raw}}]},
    )
    (call,) = calls_in(message)
    assert call.key == "call_1"
    assert call.texts == (json.dumps(CALL["args"]), f"find {MARKER}")


def test_a_form_that_says_more_is_looked_at_too() -> None:
    """Both values of a duplicate key reach whoever reads the raw arguments."""
    raw = '{"q": "' + MARKER + '", "q": "cats"}'
    message = AIMessageChunk(content="", tool_call_chunks=[{"name": "s", "args": raw, "id": "1", "index": 0}])
    assert message.tool_calls[0]["args"] == {"q": "cats"}
    (call,) = calls_in(message)
    assert MARKER in call.texts


def test_leaves_are_unescaped_and_nested_json_is_walked() -> None:
    (call,) = calls_in(
        AIMessage("", tool_calls=[{**CALL, "args": {"a": json.dumps({"b": f"x\n{MARKER}"}), "c": [["é"]]}}])
    )
    assert call.texts[1:] == (f"x\n{MARKER}", "é")


def test_no_document_asks_for_more_than_so_many_looks() -> None:
    many = [f"leaf {number}" for number in range(1000)]
    found = leaves(json.dumps(many))
    assert len(found) == MAX_LEAVES
    assert sorted("\n".join(found).split("\n")) == sorted(many)


def test_a_name_that_no_developer_gives_is_looked_at() -> None:
    (call,) = calls_in(AIMessage("", tool_calls=[{"name": f"now {MARKER}", "args": {}, "id": "1"}]))
    assert call.texts == (f"now {MARKER}",)
    (call,) = calls_in(AIMessage("", tool_calls=[{"name": "mcp__files.read-1", "args": {}, "id": "1"}]))
    assert call.texts == ()


def test_calls_without_an_id_are_told_apart_by_their_arguments() -> None:
    one, two = {**CALL, "id": None}, {**OTHER, "id": None}
    message = AIMessage("", tool_calls=[one, two])
    keys = [call.key for call in calls_in(message)]
    assert len(set(keys)) == 2
    assert [call["args"] for call in replace_text(message, "", VERDICT, calls=keys[1:]).tool_calls] == [two["args"]]


@pytest.mark.parametrize("streamed", [False, True])
def test_calls_that_are_kept_stay_as_they_are(streamed: bool) -> None:
    raw = '{"q":   "cats"}'
    message: AIMessage
    if streamed:
        chunks = [
            {"name": "search", "args": json.dumps(CALL["args"]), "id": "call_1", "index": 0},
            {"name": "search", "args": raw, "id": "call_2", "index": 1},
        ]
        message = AIMessageChunk(content="hm", tool_call_chunks=chunks, chunk_position="last")
    else:
        message = AIMessage("hm", tool_calls=[CALL, OTHER])
    changed = replace_text(message, "better", VERDICT, calls=["call_2"])
    assert changed.tool_calls == [message.tool_calls[1]]
    assert changed.tool_calls[0] is message.tool_calls[1]
    if isinstance(changed, AIMessageChunk):
        assert changed.tool_call_chunks == [{**chunks[1], "type": "tool_call_chunk"}]


def test_nothing_added_to_a_chunk_revives_a_removed_call() -> None:
    """Clearing `tool_calls` alone leaves `tool_call_chunks`, from which the next `+` makes them again."""
    chunk = FORMS["chunk"]
    removed = blocked(chunk, "no", VERDICT)
    assert isinstance(removed, AIMessageChunk)
    total = removed + AIMessageChunk(content="", chunk_position="last")
    assert total.tool_calls == []  # type: ignore[attr-defined]
    assert MARKER not in repr(total)
    validated = AIMessageChunk.model_validate(removed.model_dump())
    assert validated.tool_calls == []


def test_an_invalid_call_with_the_id_of_a_valid_one_does_not_stay_with_it() -> None:
    chunks = [
        {"name": "a", "args": '{"q": 1}', "id": "1", "index": 0},
        {"name": "a", "args": f"[{MARKER}", "id": "1", "index": 1},
    ]
    message = AIMessageChunk(content="", tool_call_chunks=chunks, chunk_position="last")
    assert message.invalid_tool_calls
    assert MARKER not in repr(replace_text(message, "", VERDICT))


# --- putting back


def full(cls: type[AIMessage], content: Any) -> AIMessage:
    return cls(
        content=content,
        id="run-1",
        name="poet",
        usage_metadata=USAGE,
        tool_calls=[OTHER],
        response_metadata={"model_name": "m", "finish_reason": "stop", "logprobs": LOGPROBS, "token_usage": {"n": 1}},
    )


@pytest.mark.parametrize("cls", [AIMessage, AIMessageChunk])
@pytest.mark.parametrize("content", [f"so {MARKER}", [{"type": "text", "text": f"so {MARKER}"}]])
def test_a_rewrite_keeps_what_is_not_content(cls: type[AIMessage], content: Any) -> None:
    message = full(cls, content)
    changed = replace_text(message, "better", VERDICT)
    assert type(changed) is cls
    assert (changed.id, changed.name, changed.usage_metadata) == ("run-1", "poet", USAGE)
    assert changed.tool_calls == message.tool_calls
    assert changed.text == "better"
    metadata = {"model_name": "m", "finish_reason": "stop", "token_usage": {"n": 1}, "eyelid": VERDICT}
    assert changed.response_metadata == metadata
    assert MARKER not in repr(changed)
    assert MARKER not in repr(changed.content_blocks)
    assert MARKER in repr(message)


def test_a_block_takes_everything() -> None:
    message = full(AIMessage, [{"type": "text", "text": f"so {MARKER}"}, {"type": "image", "base64": "AAAA"}, "x"])
    stopped = blocked(message, "no", VERDICT)
    assert stopped.content == [{"type": "text", "text": "no"}]
    assert stopped.tool_calls == []
    assert (stopped.id, stopped.usage_metadata) == ("run-1", USAGE)


def test_a_blocked_tool_result_keeps_its_call_and_says_that_it_failed() -> None:
    message = ToolMessage(f"so {MARKER}", tool_call_id="call_1", name="browse", id="t1", artifact={"raw": MARKER})
    stopped = blocked(message, "withheld", VERDICT)
    assert isinstance(stopped, ToolMessage)
    assert (stopped.tool_call_id, stopped.name, stopped.id, stopped.status) == ("call_1", "browse", "t1", "error")
    assert stopped.artifact is None
    assert replace_text(message, "better", VERDICT).status == "success"


def test_text_of_several_blocks_goes_to_the_first_and_images_stay_only_where_they_may() -> None:
    image = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    message = ToolMessage([{"type": "text", "text": "a", "index": 0, "annotations": []}, image, "b"], tool_call_id="1")
    assert replace_text(message, "c", VERDICT).content == [{"type": "text", "index": 0, "text": "c"}]
    assert replace_text(message, "c", VERDICT, images=True).content == [
        {"type": "text", "index": 0, "text": "c"},
        image,
    ]
    assert replace_text(ToolMessage([image], tool_call_id="1"), "c", VERDICT).content == [{"type": "text", "text": "c"}]


def test_an_allowed_message_is_the_same_but_for_the_verdict() -> None:
    message = full(AIMessage, [{"type": "text", "text": "fine"}])
    passed = stamped(message, {"action": "allow"})
    assert passed.content is message.content
    assert passed.tool_calls is message.tool_calls
    assert passed.response_metadata == {**message.response_metadata, "eyelid": {"action": "allow"}}
    assert "eyelid" not in message.response_metadata


def test_metadata_keeps_numbers_and_names_only() -> None:
    kept = {
        "model_name": "m",
        "usage": {"a": {"b": 1}},
        "total_duration": 1.5,
        "done": True,
        "system_fingerprint": None,
    }
    dropped = {
        "logprobs": LOGPROBS,
        "grounding_metadata": {"chunks": [{"title": MARKER}]},
        "body": MARKER,
        "finish_reason": f"because {MARKER}",
        "usage_text": {"a": MARKER},
        "numbers": [1, 2],
    }
    assert without_content({**kept, **dropped}) == kept
    assert without_content(None) == {}


@pytest.mark.parametrize(
    ("message", "surface"),
    [
        (AIMessage("x"), Surface.OUTPUT),
        (AIMessageChunk(content="x"), Surface.OUTPUT),
        (ToolMessage("x", tool_call_id="1"), Surface.TOOL_RESULT),
        (FunctionMessage("x", name="f"), Surface.TOOL_RESULT),
        (HumanMessage("x"), Surface.INPUT),
        (SystemMessage("x"), Surface.INPUT),
        (ChatMessage("x", role="user"), Surface.INPUT),
    ],
)
def test_where_messages_stand(message: BaseMessage, surface: Surface) -> None:
    assert surface_of(message) is surface


def test_nothing_prints_what_it_holds() -> None:
    message = AIMessage(
        [f"so {MARKER}", {"type": "image", "base64": "AAAA"}],
        tool_calls=[CALL],
        additional_kwargs={"reasoning_content": MARKER},
    )
    found = parts(message)
    assert found.images == (Image(b"\0\0\0"),)
    assert MARKER not in repr(found)
