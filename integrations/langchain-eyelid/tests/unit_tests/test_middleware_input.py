"""What the user says, looked at before the model is asked."""

from __future__ import annotations

from typing import Any

import pytest
from eyelid import Guard, Policy, Surface
from eyelid.errors import HarmfulContentError
from eyelid.testing import FakeDetector, FakeDetoxifier
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage
from tests.unit_tests.agents import Case, runs
from tests.unit_tests.views import MARKER, PICTURE_BASE64

from langchain_eyelid import EyelidMiddleware
from langchain_eyelid.testing import FakeStreamingChatModel

PICTURE_BLOCK = {"type": "image", "base64": PICTURE_BASE64, "mime_type": "image/png"}


run = runs


def agent(model: FakeStreamingChatModel, guard: Guard, **options: Any) -> Any:
    middleware = EyelidMiddleware(guard, apply_to_input=True, **options)
    return Case(AIMessage("")).agent(middleware, model=model)


def fresh() -> FakeStreamingChatModel:
    return FakeStreamingChatModel(responses=["Hello."])


@pytest.mark.parametrize(
    "asked",
    [
        HumanMessage(f"Please {MARKER}", id="one"),
        HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE_BLOCK], id="one"),
        HumanMessage([{"type": "image_url", "image_url": f"data:image/png;base64,{PICTURE_BASE64}"}], id="one"),
        HumanMessage([{"type": "image", "url": "https://example.org/a.png"}], id="one"),
        ChatMessage(f"Please {MARKER}", role="user", id="one"),
    ],
    ids=["text", "picture", "picture as a string", "picture elsewhere", "role"],
)
def test_a_refused_request_never_reaches_the_model(asked: Any, run: Any, guard: Guard) -> None:
    model = fresh()
    state = run(agent(model, guard), {"messages": [asked]})
    request, answer = state["messages"]
    assert model.calls == []
    assert (request.id, type(answer), answer.response_metadata["eyelid"]["action"]) == ("one", AIMessage, "block")
    assert MARKER not in repr(state)
    assert PICTURE_BASE64 not in repr(state)
    assert "safe" in answer.text


def test_a_harmless_request_does(run: Any, guard: Guard) -> None:
    model = fresh()
    state = run(agent(model, guard), {"messages": [HumanMessage("Hello?", id="one")]})
    assert [message.text for message in state["messages"]] == ["Hello?", "Hello."]
    assert state["messages"][0].response_metadata == {}


def test_a_request_is_rewritten_where_the_policy_says_so(run: Any) -> None:
    policy = Policy.preset().adjust(Surface.INPUT, strategy="rewrite")
    guard = Guard([FakeDetector({MARKER: 0.9})], detoxifier=FakeDetoxifier({MARKER: "that"}), policy=policy)
    model = fresh()
    state = run(agent(model, guard), {"messages": [HumanMessage(f"Tell me of {MARKER}", id="one")]})
    assert model.calls[0].messages[0].text == "Tell me of that"
    assert [message.text for message in state["messages"]] == ["Tell me of that", "Hello."]


def test_what_was_refused_before_does_not_end_a_later_turn(run: Any, guard: Guard) -> None:
    """Callers without a checkpoint send the conversation anew each time."""
    model = fresh()
    earlier = [HumanMessage(f"Please {MARKER}", id="one"), AIMessage("No.", id="two")]
    state = run(agent(model, guard), {"messages": [*earlier, HumanMessage("Hello?", id="three")]})
    assert [message.text for message in state["messages"][-2:]] == ["Hello?", "Hello."]
    assert MARKER not in repr(model.calls[0].messages)


def test_raising(run: Any, guard: Guard) -> None:
    with pytest.raises(HarmfulContentError) as raised:
        run(agent(fresh(), guard, strategy="raise"), {"messages": [HumanMessage(f"Please {MARKER}")]})
    assert MARKER not in repr(raised.value)


def test_it_is_not_looked_at_unless_asked_for(run: Any, guard: Guard) -> None:
    model = fresh()
    run(Case(AIMessage("")).agent(EyelidMiddleware(guard), model=model), {"messages": [HumanMessage(MARKER)]})
    assert len(model.calls) == 1
