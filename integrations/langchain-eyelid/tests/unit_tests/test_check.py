"""One call to the guard for a batch; what becomes of a message; failures that stop; errors without content."""

from __future__ import annotations

import json
import pickle
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Image, Policy, Strategy, Surface
from eyelid.errors import ConfigurationError, PolicyError, UninspectedError
from eyelid.testing import FakeDetector, FakeHost
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_eyelid._check import Checker, Context
from langchain_eyelid._settings import Settings

MARKER = "ZQXBAD"
PICTURE = b"a picture that says it"
HARMFUL_IMAGE = {"type": "image", "base64": b64encode(PICTURE).decode(), "mime_type": "image/png"}
IMAGE = {"type": "image", "base64": b64encode(b"a cat").decode(), "mime_type": "image/png"}
AUDIO = {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}
REFUSAL = "I can't help with that. I'm glad to help with a safe side of the question."
NOT_CALLED = "The tool was not called: its arguments were stopped by a safety check."
FAILED = "This could not be checked for safety, so it is not shown. Please try again."


def call(argument: str, name: str = "1") -> dict[str, Any]:
    return {"name": "search", "args": {"q": argument}, "id": name}


async def test_a_batch_of_messages_is_one_call(guard: Guard, detector: FakeDetector) -> None:
    messages = [AIMessage(f"number {number}", tool_calls=[call("cats")]) for number in range(20)]
    for rulings in (Checker(guard).check_messages(messages), await Checker(guard).acheck_messages(messages)):
        assert [ruling.message.text for ruling in rulings] == [message.text for message in messages]
        assert all(ruling.allowed for ruling in rulings)
    assert len(detector.log.batches) == 2
    assert Checker(guard).check_messages([]) == []


def test_an_answer_is_judged_in_the_light_of_its_request(guard: Guard, detector: FakeDetector) -> None:
    message = AIMessage("fine", tool_calls=[call("cats")], additional_kwargs={"reasoning_content": "hm"})
    Checker(guard).check_message(message, context=Context("the question"))
    (asked,) = detector.log.batches
    assert {(request.text, request.surface) for request in asked} == {
        ("fine", Surface.OUTPUT),
        ("hm", Surface.OUTPUT),
        ('{"q": "cats"}', Surface.TOOL_CALL),
        ("cats", Surface.TOOL_CALL),
    }
    assert {request.prompt for request in asked} == {"the question"}


def test_the_context_is_the_last_human_message_and_not_its_images(guard: Guard) -> None:
    messages: list[BaseMessage] = [
        HumanMessage("first"),
        AIMessage("x"),
        HumanMessage(["what does ", {"type": "text", "text": "it say?"}, HARMFUL_IMAGE]),
        AIMessage("", tool_calls=[call("cats")]),
        ToolMessage("y", tool_call_id="1"),
    ]
    context = Context.of(messages)
    assert context == Context("what does it say?")
    assert Checker(guard).check_message(AIMessage("It says hello."), context=context).allowed
    assert Context.of([SystemMessage("x")]) == Context()


CASES: dict[str, tuple[BaseMessage, str, str, str]] = {
    "text": (AIMessage(f"so {MARKER}"), "so [gone]", "rewrite", "output"),
    "reasoning": (AIMessage("fine", additional_kwargs={"reasoning_content": MARKER}), "fine", "rewrite", "output"),
    "nothing but a refusal": (AIMessage("", additional_kwargs={"refusal": MARKER}), REFUSAL, "block", "output"),
    "an image": (AIMessage(["look", HARMFUL_IMAGE]), REFUSAL, "block", "output"),
    "an image alone": (AIMessage([HARMFUL_IMAGE]), REFUSAL, "block", "output"),
    "audio": (AIMessage(["listen", AUDIO]), FAILED, "block", "output"),
    "a tool call": (AIMessage("hm", tool_calls=[call(MARKER)]), f"hm\n\n{NOT_CALLED}", "block", "tool_call"),
    "nothing but a call": (AIMessage("", tool_calls=[call(MARKER)]), NOT_CALLED, "block", "tool_call"),
    "two calls": (AIMessage("", tool_calls=[call(MARKER), call(MARKER, "2")]), NOT_CALLED, "block", "tool_call"),
    "a tool's result": (
        ToolMessage(f"so {MARKER}", tool_call_id="1"), "so [gone]", "rewrite", "tool_result",
    ),
    "a tool's screenshot": (ToolMessage(["see", HARMFUL_IMAGE], tool_call_id="1"), "see", "rewrite", "tool_result"),
    "an artifact": (ToolMessage("ok", tool_call_id="1", artifact=[MARKER]), "ok", "rewrite", "tool_result"),
    "a request": (
        HumanMessage(f"so {MARKER}"), REFUSAL, "block", "input",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_what_becomes_of_a_message(guard: Guard, name: str) -> None:
    message, text, action, surface = CASES[name]
    before = message.model_dump_json()
    rulings = [Checker(guard).check_message(message), await Checker(guard).acheck_message(message)]
    for ruling in rulings:
        assert not ruling.allowed
        assert ruling.message.text == text
        assert (ruling.verdict["action"], ruling.verdict["surface"]) == (action, surface)
        assert ruling.message.response_metadata["eyelid"] == ruling.verdict
        assert MARKER not in repr(ruling)
        assert HARMFUL_IMAGE["base64"] not in repr(ruling.message)
    assert message.model_dump_json() == before


def test_a_verdict_is_plain_json_and_holds_no_content(guard: Guard) -> None:
    for message, *_ in CASES.values():
        verdict = Checker(guard).check_message(message).verdict
        assert json.loads(json.dumps(verdict)) == verdict
        assert set(verdict) == {"action", "status", "surface", "category", "score", "reason", "failures"}
        assert all(type(value) in (str, float, list) for value in verdict.values())
        assert MARKER not in json.dumps(verdict)


def test_calls_that_are_harmless_are_made_and_the_others_not(guard: Guard) -> None:
    message = AIMessage("hm", tool_calls=[call("cats", "1"), call(MARKER, "2"), call("dogs", "3")])
    passed = Checker(guard).check_message(message).message
    assert passed.tool_calls == [message.tool_calls[0], message.tool_calls[2]]


def test_a_call_is_looked_at_leaf_by_leaf(guard: Guard) -> None:
    hidden = json.dumps({"cmd": f"echo {MARKER}"}).replace("Z", "\\u005a")
    message = AIMessage("", tool_calls=[{"name": "run", "args": {"script": hidden}, "id": "1"}])
    assert Checker(guard).check_message(message).message.tool_calls == []


def test_an_answer_that_is_stopped_calls_no_tools(make_guard: Callable[..., Guard]) -> None:
    """A call without its answer would be left hanging, and the agent would go on."""
    message = AIMessage(f"so {MARKER}", tool_calls=[call("cats")])
    assert Checker(make_guard(rewrites=False)).check_message(message).message.tool_calls == []
    assert Checker(make_guard(), Settings(strategy="block")).check_message(message).message.tool_calls == []
    assert Checker(make_guard()).check_message(message).message.tool_calls == message.tool_calls


# --- structured output


def test_structured_output_is_mended_string_by_string_and_looked_at_again(guard: Guard, detector: FakeDetector) -> None:
    text = json.dumps({"title": "cats", "lines": ["one", f"so {MARKER}"], "n": 3}, indent=1)
    ruling = Checker(guard).check_message(AIMessage(text))
    assert json.loads(ruling.message.text) == {"title": "cats", "lines": ["one", "so [gone]"], "n": 3}
    assert ruling.verdict["action"] == "rewrite"
    assert detector.log.batches[-1][0].text == ruling.message.text


@pytest.mark.parametrize("text", [f'{{"{MARKER}": 1}}', f'{{"a": "{MARKER}", "{MARKER}": 1}}'])
def test_json_that_cannot_be_mended_is_refused(text: str) -> None:
    with Guard([FakeDetector({MARKER: 0.9})], detoxifier=_Prose()) as guard:
        ruling = Checker(guard).check_message(AIMessage(text))
    assert ruling.message.text == REFUSAL
    assert ruling.verdict["action"] == "block"


class _Prose:
    """Makes prose of everything."""

    name = "prose"

    def rewrite(self, batch: Any, /) -> list[str]:
        return ["Something was left out." for _ in batch]


def test_json_is_refused_as_a_whole_where_nothing_is_rewritten(make_guard: Callable[..., Guard]) -> None:
    ruling = Checker(make_guard(), Settings(strategy="block")).check_message(AIMessage(f'{{"a": "{MARKER}"}}'))
    assert ruling.message.text == REFUSAL


# --- settings


def test_raising_is_without_content(guard: Guard) -> None:
    for message, *_ in (case for name, case in CASES.items() if name != "audio"):
        with pytest.raises(HarmfulContentError) as caught:
            Checker(guard, Settings(strategy="raise")).check_message(message)
        assert MARKER not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
    with pytest.raises(UninspectedError):
        Checker(guard, Settings(strategy="raise")).check_message(AIMessage(["listen", AUDIO]))
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), HarmfulContentError)


async def test_failed_looks_block_raise_or_pass(guard: Guard) -> None:
    message = AIMessage(["listen", AUDIO], tool_calls=[call("cats")])
    blocked = Checker(guard, Settings(on_error="block")).check_message(message)
    assert blocked.message.text == FAILED
    assert blocked.verdict["failures"] == ["content: uninspectable"]
    with pytest.raises(UninspectedError):
        Checker(guard, Settings(on_error="raise")).check_message(message)
    with pytest.raises(UninspectedError):
        await Checker(guard, Settings(on_error="raise")).acheck_message(message)
    passed = Checker(guard, Settings(on_error="pass")).check_message(message)
    assert passed.allowed
    assert passed.message.content is message.content
    assert (passed.verdict["action"], passed.verdict["status"]) == ("allow", "failed")


def test_passing_on_failures_does_not_pass_on_harm(guard: Guard) -> None:
    ruling = Checker(guard, Settings(on_error="pass")).check_message(AIMessage([f"so {MARKER}", AUDIO]))
    assert not ruling.allowed
    assert MARKER not in repr(ruling.message)
    assert "AAAA" not in repr(ruling.message)


def test_the_policy_says_what_the_settings_do_not(make_guard: Callable[..., Guard]) -> None:
    policy = Policy.preset().adjust(Surface.OUTPUT, strategy="block")
    text = AIMessage(f"so {MARKER}")
    assert Checker(make_guard(policy)).check_message(text).message.text == REFUSAL
    assert Checker(make_guard(policy), Settings(strategy="rewrite")).check_message(text).message.text == "so [gone]"
    assert Checker(make_guard(Policy.preset("monitor"))).check_message(text).message.text == text.text
    rules = Settings(strategy="block").rules(make_guard(), Surface.TOOL_RESULT).policy
    assert rules.for_surface(Surface.TOOL_RESULT).strategy is Strategy.BLOCK
    assert rules.for_surface(Surface.OUTPUT).strategy is Strategy.REWRITE


def test_asking_again_needs_somebody_to_ask(guard: Guard) -> None:
    with pytest.raises(ConfigurationError, match="give the guard a host"):
        Checker(guard, Settings(strategy="reask"))
    with pytest.raises(ConfigurationError, match="use guard_model or EyelidMiddleware"):
        Checker(guard, Settings(strategy="reask"), Surface.TOOL_RESULT, host=FakeHost())
    with pytest.raises(ConfigurationError, match='under the strategy "reask" only'):
        Checker(guard, Settings(strategy="block"), host=FakeHost())
    with pytest.raises(ConfigurationError, match="not str"):
        Checker(guard, Settings(strategy="reask"), host="model")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"strategy": "rewite"}, {"on_error": "pas"}, {"stream": "sentences"}])
def test_a_wrong_choice_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="did you mean"):
        Settings(**wrong)


def test_a_guard_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="not str"):
        Checker("guard")  # type: ignore[arg-type]


def test_guards_are_told_apart_by_what_they_would_pass_on(make_guard: Callable[..., Guard]) -> None:
    one, other = make_guard(), make_guard()
    assert Settings().identity(one) == Settings().identity(one)
    assert len({Settings().identity(one), Settings().identity(other), Settings(strategy="block").identity(one)}) == 3


# --- images that are elsewhere


async def test_a_loader_is_asked_outside_of_the_event_loop(guard: Guard) -> None:
    where: list[str] = []

    def fetch(address: str) -> bytes:
        where.append(threading.current_thread().name)
        return PICTURE

    message = ToolMessage([{"type": "image_url", "image_url": "https://example.com/a.png"}], tool_call_id="1")
    checker = Checker(guard, Settings(image_loader=fetch))
    assert not checker.check_message(message).allowed
    assert not (await checker.acheck_message(message)).allowed
    assert where[0] == threading.main_thread().name
    assert where[1] != threading.main_thread().name
    unread = Checker(guard).check_message(message)
    assert unread.verdict["failures"] == ["content: uninspectable"]


def test_images_that_were_handed_over_are_looked_at_with_the_text(guard: Guard) -> None:
    ruling = Checker(guard).check_message(AIMessage("fine"), context=Context("what?", images=(Image(PICTURE),)))
    assert ruling.message.text == REFUSAL
