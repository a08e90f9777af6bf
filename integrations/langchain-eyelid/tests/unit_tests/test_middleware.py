"""What agents do with what the middleware hands on: answers, structured responses, calls, errors, order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from eyelid import Guard, Policy
from eyelid.errors import ConfigurationError, HarmfulContentError, UninspectedError
from eyelid.testing import FakeDetector
from langchain.agents.middleware import (
    AgentMiddleware,
    ExtendedModelResponse,
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    ModelRequest,
    ModelResponse,
    ModelRetryMiddleware,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.types import Command
from pydantic import BaseModel, Field
from tests.unit_tests.agents import CASES, CONFIG, GIVEN, Case, Report, browse, call, look, runs
from tests.unit_tests.views import MARKER, VIEWS, leaks, seen
from typing_extensions import TypedDict

from langchain_eyelid import EyelidMiddleware, guard_tools
from langchain_eyelid.testing import FakeStreamingChatModel

REFUSAL = "I can't help with that. I'm glad to help with a safe side of the question."


run = runs


def last(state: dict[str, Any]) -> BaseMessage:
    message: BaseMessage = state["messages"][-1]
    return message


def test_an_answer_is_rewritten_and_keeps_its_id_and_usage(run: Any, guard: Guard) -> None:
    said = AIMessage(
        f"It says {MARKER}.", id="answer", usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    )
    answer = last(run(Case(said).agent(EyelidMiddleware(guard))))
    assert (answer.text, answer.id, answer.usage_metadata) == ("It says [gone].", "answer", said.usage_metadata)
    assert answer.response_metadata["eyelid"]["action"] == "rewrite"
    assert answer.response_metadata["model_name"] == "fake-streaming"


def test_a_harmless_answer_is_only_stamped(run: Any, guard: Guard) -> None:
    answer = last(run(Case(AIMessage("Fine.", id="answer")).agent(EyelidMiddleware(guard))))
    assert (answer.text, answer.response_metadata["eyelid"]["action"]) == ("Fine.", "allow")


def test_the_strategy_raise_raises_without_content(run: Any, guard: Guard) -> None:
    with pytest.raises(HarmfulContentError) as raised:
        run(CASES["text"].agent(EyelidMiddleware(guard, strategy="raise")))
    assert MARKER not in repr(raised.value)


def test_a_failed_look_raises_where_that_was_asked_for(run: Any, guard: Guard) -> None:
    case = Case(AIMessage([{"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}]))
    with pytest.raises(UninspectedError):
        run(case.agent(EyelidMiddleware(guard, on_error="raise")))
    assert last(run(case.agent(EyelidMiddleware(guard, on_error="block")))).text
    passed = last(run(case.agent(EyelidMiddleware(guard, on_error="pass"))))
    assert passed.content == case.says.content


def test_a_flagged_call_is_taken_out_and_its_tool_not_run(run: Any, guard: Guard) -> None:
    case = Case(AIMessage("", tool_calls=[call(place=f"at {MARKER}")]), [look])
    state = run(case.agent(EyelidMiddleware(guard)))
    assert [type(message) for message in state["messages"]] == [HumanMessage, AIMessage]
    assert not last(state).tool_calls
    assert last(state).text == "The tool was not called: its arguments were stopped by a safety check."


def test_other_calls_of_the_same_message_are_kept(run: Any, guard: Guard) -> None:
    calls = [call(place=f"at {MARKER}"), {**call(place="home"), "id": "call-2"}]
    state = run(Case(AIMessage("", tool_calls=calls), [look]).agent(EyelidMiddleware(guard)))
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert [result.tool_call_id for result in results] == ["call-2"]


@pytest.mark.parametrize("kind", ["structured by tool", "structured by tool beside tools", "structured by provider"])
def test_a_structured_response_is_rewritten_leaf_by_leaf(kind: str, run: Any, guard: Guard) -> None:
    state = run(CASES[kind].agent(EyelidMiddleware(guard, strategy="rewrite")))
    assert state["structured_response"] == Report(title="Report", lines=["harmless", "and [gone]"])
    _no_call_without_result(state["messages"])


@dataclass
class Plain:
    """A report."""

    title: str


class Typed(TypedDict):
    """A report."""

    title: str


_SCHEMA = {"title": "Raw", "description": "A report.", "type": "object", "properties": {"title": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "made"),
    [(Plain, Plain("a [gone]")), (Typed, {"title": "a [gone]"}), (_SCHEMA, {"title": "a [gone]"})],
    ids=["dataclass", "typed dict", "schema"],
)
def test_a_structured_response_of_any_schema(schema: Any, made: Any, guard: Guard, run: Any) -> None:
    name = schema["title"] if isinstance(schema, dict) else schema.__name__
    by_tool = ToolStrategy(schema, tool_message_content="Thank you.")
    for says, wanted in (
        (AIMessage("", tool_calls=[call(name, title=f"a {MARKER}")]), by_tool),
        (AIMessage(f'{{"title": "a {MARKER}"}}'), ProviderStrategy(schema)),
    ):
        state = run(Case(says, response_format=wanted).agent(EyelidMiddleware(guard)))
        assert state["structured_response"] == made
        assert MARKER not in repr(state)
        assert wanted is not by_tool or last(state).text == "Thank you."


@pytest.mark.parametrize("kind", ["structured by tool", "structured by tool beside tools", "structured by provider"])
def test_a_blocked_structured_response_ends_the_run(kind: str, run: Any, guard: Guard) -> None:
    model = CASES[kind].model()
    state = run(CASES[kind].agent(EyelidMiddleware(guard, strategy="block"), model=model))
    assert state.get("structured_response") is None
    assert (last(state).text, last(state).tool_calls, len(model.calls)) == (REFUSAL, [], 1)
    _no_call_without_result(state["messages"])


def test_a_rewrite_that_does_not_fit_the_schema_is_a_refusal(run: Any, guard: Guard) -> None:
    class Coded(BaseModel):
        """A code."""

        code: str = Field(max_length=len(MARKER) - 1)

    class Loose(BaseModel):
        """A code."""

        code: str = Field(pattern=MARKER)

    for schema in (Coded, Loose):
        case = Case(
            AIMessage("", tool_calls=[call(schema.__name__, code=MARKER)]),
            response_format=ToolStrategy(schema, handle_errors=False),
        )
        if schema is Coded:
            with pytest.raises(Exception) as raised:  # the model's own fault: its text is content
                run(case.agent(EyelidMiddleware(guard)))
            assert MARKER not in repr(raised.value)
            assert raised.type.__name__ == "StructuredOutputValidationError"
        else:
            state = run(case.agent(EyelidMiddleware(guard)))
            assert (state.get("structured_response"), last(state).text) == (None, REFUSAL)


def test_errors_about_structured_output_are_looked_at(run: Any, guard: Guard) -> None:
    """LangChain quotes the model in what it tells the model."""
    turns = [
        AIMessage("", tool_calls=[call("Report", title=MARKER, lines="none")]),
        AIMessage("", tool_calls=[call("Report", title="fine", lines=[])]),
    ]
    model = FakeStreamingChatModel(responses=turns)
    state = run(Case(turns[0], response_format=ToolStrategy(Report)).agent(EyelidMiddleware(guard), model=model))
    assert MARKER not in repr(state)
    _no_call_without_result(state["messages"])


class Swapping(AgentMiddleware[Any, Any, Any]):
    """Puts another model in the place of the first, as fallbacks and routers do."""

    def __init__(self, model: FakeStreamingChatModel) -> None:
        super().__init__()
        self.model = model

    def wrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return handler(request.override(model=self.model))

    async def awrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return await handler(request.override(model=self.model))


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_another_model_in_its_place_is_silenced_too(order: str, guard: Guard) -> None:
    other = CASES["text"].model()
    both = [EyelidMiddleware(guard), Swapping(other)]
    agent = Case(AIMessage("Fine.")).agent(*(both if order == "outside" else reversed(both)))
    assert [view for view in VIEWS if leaks(seen(view, agent, GIVEN))] == []
    assert other.calls


def test_a_fallback_inside_is_silenced_too(guard: Guard) -> None:
    agent = Case(AIMessage("")).agent(
        EyelidMiddleware(guard), ModelFallbackMiddleware(CASES["text"].model()), model=_Broken(responses=[""])
    )
    assert [view for view in VIEWS if leaks(seen(view, agent, GIVEN))] == []


class _Broken(FakeStreamingChatModel):
    """Fails, and quotes what it was told."""

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(f"the answer was {MARKER}")

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(f"the answer was {MARKER}")


def test_what_a_models_client_raises_is_content(run: Any, guard: Guard) -> None:
    with pytest.raises(ValueError, match=r"the answer was \[gone\]") as raised:
        run(Case(AIMessage("")).agent(EyelidMiddleware(guard), model=_Broken(responses=[""])))
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


def test_what_retries_say_instead_of_the_model_is_looked_at(run: Any, guard: Guard) -> None:
    retry = ModelRetryMiddleware(max_retries=0, on_failure=lambda error: f"failed: {MARKER} {error}")
    for order in ((EyelidMiddleware(guard), retry), (retry, EyelidMiddleware(guard))):
        state = run(Case(AIMessage("")).agent(*order, model=_Broken(responses=[""])))
        assert MARKER not in repr(state)


class Adding(AgentMiddleware[Any, Any, Any]):
    """Adds a message beside the model's, past whoever wraps the call."""

    def wrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return self._more(handler(request))

    async def awrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return self._more(await handler(request))

    def _more(self, reply: ModelResponse[Any]) -> ExtendedModelResponse[Any]:
        return ExtendedModelResponse(reply, Command(update={"messages": [AIMessage(f"also {MARKER}", id="also")]}))


def test_what_others_add_to_the_turn_is_looked_at_again(run: Any, guard: Guard) -> None:
    state = run(Case(AIMessage("Fine.")).agent(EyelidMiddleware(guard), Adding()))
    assert [message.text for message in state["messages"]][1:] == ["Fine.", "also [gone]"]
    assert last(state).id == "also"


def test_each_message_is_looked_at_once(run: Any) -> None:
    detector_log = _Counting()
    agent = Case(AIMessage("", tool_calls=[call()]), [look]).agent(EyelidMiddleware(detector_log.guard))
    run(agent)
    texts = detector_log.texts()
    assert texts.count("All done.") == 1
    assert texts.count("nothing to see at page") == 1


class _Counting:
    def __init__(self) -> None:
        self.detector = FakeDetector({MARKER: 0.9})
        self.guard = Guard([self.detector], policy=Policy.preset("strict"))

    def texts(self) -> list[str]:
        return [request.text for batch in self.detector.log.batches for request in batch]


def test_what_a_guarded_tool_looked_at_is_not_looked_at_again(run: Any) -> None:
    counting = _Counting()
    agent = Case(AIMessage("", tool_calls=[call()])).agent(
        EyelidMiddleware(counting.guard), tools=guard_tools([look], counting.guard)
    )
    run(agent)
    assert counting.texts().count("nothing to see at page") == 1


class Passing(AgentMiddleware[Any, Any, Any]):
    """Has a step of its own after the model."""

    def after_model(self, state: Any, runtime: Any) -> None:
        """Do nothing."""


class Passing2(Passing):
    """Another."""


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_blocked_structured_response_ends_the_run_whatever_comes_after(place: int, guard: Guard, run: Any) -> None:
    model = CASES["structured by tool"].model()
    others: list[Any] = [Passing(), Passing2()]
    others.insert(place, EyelidMiddleware(guard, strategy="block"))
    state = run(CASES["structured by tool"].agent(*others, model=model))
    assert (last(state).text, len(model.calls)) == (REFUSAL, 1)


def test_tokens_are_counted_once(guard: Guard) -> None:
    for stream in ("buffer", "sentence"):
        agent = CASES["text"].agent(EyelidMiddleware(guard, stream=stream))  # type: ignore[arg-type]
        with get_usage_metadata_callback() as counted:
            list(agent.stream(GIVEN, CONFIG, stream_mode="messages"))
        assert counted.usage_metadata["fake-streaming"]["output_tokens"] == 5


def test_the_safe_text_is_streamed_and_once(guard: Guard) -> None:
    agent = CASES["text"].agent(EyelidMiddleware(guard))
    parts = [part for part, _ in agent.stream(GIVEN, CONFIG, stream_mode="messages")]
    assert [part.text for part in parts] == ["It says [gone]. And more."]


def test_people_may_approve_what_was_looked_at(guard: Guard, run: Any) -> None:
    case = Case(AIMessage("", tool_calls=[call("browse")]), [browse])
    agent = case.agent(EyelidMiddleware(guard), HumanInTheLoopMiddleware({"browse": True}))
    assert run(agent)["__interrupt__"]
    state = run(agent, Command(resume={"decisions": [{"type": "approve"}]}))
    assert [m.text for m in state["messages"] if isinstance(m, ToolMessage)] == ["page: [gone], do as I say"]
    edited = {"name": "browse", "args": {"place": f"at {MARKER}"}}
    assert run(agent)["__interrupt__"]
    state = run(agent, Command(resume={"decisions": [{"type": "edit", "edited_action": edited}]}))
    assert MARKER not in repr(state)


def test_names_tell_instances_apart(guard: Guard) -> None:
    guard = guard
    one = EyelidMiddleware(guard, apply_to_input=True, apply_to_output=False, apply_to_tool_results=False)
    other = EyelidMiddleware(guard)
    assert (one.name, other.name) == ("EyelidMiddleware[input]", "EyelidMiddleware[output,tool_results]")
    Case(AIMessage("Fine.")).agent(one, other).invoke(GIVEN, CONFIG)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strateggy": "block"},
        {"strategy": "blok"},
        {"stream": "words"},
        {"on_error": "ignore"},
        {"apply_to_output": False, "apply_to_tool_results": False},
    ],
)
def test_a_misspelled_argument_raises(wrong: dict[str, Any], guard: Guard) -> None:
    with pytest.raises((TypeError, ConfigurationError)):
        EyelidMiddleware(guard, **wrong)


def test_hooks_are_where_agents_look_for_them() -> None:
    for name in ("before_agent", "abefore_agent", "after_model", "aafter_model"):
        assert getattr(EyelidMiddleware, name).__can_jump_to__ == ["end"]
    for name in ("wrap_model_call", "wrap_tool_call"):
        assert name in vars(EyelidMiddleware)
        assert f"a{name}" in vars(EyelidMiddleware)


@pytest.mark.parametrize("left_out", ["apply_to_output", "apply_to_tool_results"])
def test_what_was_left_out_is_left_alone(left_out: str, run: Any, guard: Guard) -> None:
    case = (
        CASES["text"] if left_out == "apply_to_output" else Case(AIMessage("", tool_calls=[call("browse")]), [browse])
    )
    assert MARKER in repr(run(case.agent(EyelidMiddleware(guard, **{left_out: False}))))


def _no_call_without_result(messages: Sequence[BaseMessage]) -> None:
    asked = [call["id"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    answered = [message.tool_call_id for message in messages if isinstance(message, ToolMessage)]
    assert sorted(map(str, asked)) == sorted(answered)
