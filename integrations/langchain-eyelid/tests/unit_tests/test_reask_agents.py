"""An agent's model is asked again about its answers, by way of the middleware, and nobody hears of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from eyelid import Guard, Surface
from eyelid.errors import UninspectedError
from eyelid.testing import FakeHost
from langchain.agents.middleware import AgentMiddleware, ModelFallbackMiddleware, ModelRequest
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from tests.unit_tests.agents import CASES, CONFIG, GIVEN, Case, Report, call, look, runs
from tests.unit_tests.seeing import QUESTION, SAFE, SAYS, SIGN, UNSAFE, Seeing, asked, log, seeing, step_of
from tests.unit_tests.test_middleware import Swapping
from tests.unit_tests.views import MARKER, VIEWS, leaks, seen

from langchain_eyelid import EyelidMiddleware, guard_model, guard_tools
from langchain_eyelid.testing import FakeStreamingChatModel

run = runs
ROOT = Path(__file__).parents[2]
CASE = Case(AIMessage(""))
streams = pytest.mark.parametrize("stream", ["buffer", "sentence"])


def agent(guard: Guard, model: Any, *others: Any, case: Case = CASE, **options: Any) -> Any:
    return case.agent(EyelidMiddleware(guard, strategy="reask", **options), *others, model=model)


def last(state: Mapping[str, Any]) -> BaseMessage:
    message: BaseMessage = state["messages"][-1]
    return message


@streams
def test_an_unsafe_answer_is_replaced_after_four_calls(run: Any, stream: str, guard: Guard) -> None:
    model = Seeing().model()
    state = run(agent(guard, model, stream=stream), QUESTION)
    assert [message.text for message in state["messages"]] == ["What does the sign say?", "A word."]
    assert log(model.calls) == UNSAFE
    calls = last(state).response_metadata["eyelid"]["reasked"]["calls"]
    assert [(each["step"], each["images"]) for each in calls] == UNSAFE[1:]


@streams
def test_a_safe_answer_passes_after_two(run: Any, stream: str, guard: Guard) -> None:
    model = Seeing({"answer": "It says hello.", "judge": "No."}).model()
    assert last(run(agent(guard, model, stream=stream), QUESTION)).text == "It says hello."
    assert log(model.calls) == SAFE


def test_without_an_image_an_answer_is_rewritten(run: Any, guard: Guard) -> None:
    model = Seeing({"answer": f"so {MARKER}"}).model()
    assert last(run(agent(guard, model), GIVEN)).text == "so [gone]"
    assert len(model.calls) == 1


@streams
@pytest.mark.parametrize("step", ["judge", "caption", "reask"])
def test_a_model_that_cannot_be_asked_again_leads_to_a_refusal(run: Any, stream: str, step: str, guard: Guard) -> None:
    model = Seeing({step: RuntimeError(MARKER)}).model()
    message = last(run(agent(guard, model, stream=stream), QUESTION))
    assert message.response_metadata["eyelid"]["action"] == "block"
    assert message.text not in SAYS.values()
    assert MARKER not in repr(message)


@streams
def test_what_becomes_of_an_answer_that_could_not_be_judged_can_be_said(run: Any, stream: str, guard: Guard) -> None:
    seeing = Seeing({"judge": RuntimeError(MARKER)})
    with pytest.raises(UninspectedError) as caught:
        run(agent(guard, seeing.model(), stream=stream, on_error="raise"), QUESTION)
    assert MARKER not in repr(caught.value)
    passed = run(agent(guard, seeing.model(), stream=stream, on_error="pass"), QUESTION)
    assert last(passed).text == SAYS["answer"]


def test_the_last_step_keeps_the_conversation_and_the_system_prompt(run: Any, guard: Guard) -> None:
    model = Seeing().model()
    made = CASE.agent(EyelidMiddleware(guard, strategy="reask"), model=model, system_prompt="Be brief.")
    run(made, {"messages": [asked(SIGN, text="And this one?"), AIMessage("A tree."), asked(SIGN)]})
    assert log(model.calls) == [("answer", 2), ("judge", 1), ("caption", 1), ("reask", 0)]
    assert [[m.type for m in each.messages] for each in model.calls] == [
        ["system", "human", "ai", "human"],
        ["human"],
        ["human"],
        ["system", "human", "ai", "human"],
    ]


def test_tools_are_there_for_the_last_step_only_where_some_were_called(run: Any, guard: Guard) -> None:
    def answer(messages: Sequence[BaseMessage], options: Any) -> AIMessage | str:
        step = step_of(messages)
        asks = step == "answer" and not isinstance(messages[-1], ToolMessage)
        return AIMessage("", tool_calls=[call()]) if asks else SAYS[step]

    model = FakeStreamingChatModel(answer=answer, chunk_size=400)
    state = run(agent(guard, model, case=Case(AIMessage(""), [look])), QUESTION)
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert last(state).text == "A word."
    assert log(model.calls) == [("answer", 1), *UNSAFE]  # the first answer called a tool and said nothing
    assert ["tools" in each.options for each in model.calls] == [True, True, False, False, True]


@pytest.mark.parametrize("kind", ["structured by tool", "structured by provider"])
def test_structured_responses_are_rewritten(run: Any, kind: str, guard: Guard) -> None:
    case = seeing(CASES[kind])
    model = case.model()
    state = run(agent(guard, model, case=case), QUESTION)
    assert state["structured_response"] == Report(title="Report", lines=["harmless", "and [gone]"])
    assert len(model.calls) == 1


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_a_response_format_is_not_asked_for_again(run: Any, strategy: Any, guard: Guard) -> None:
    """Where the model answers in words after all."""
    case = Case(AIMessage(""), response_format=strategy(Report))
    report = Report(title="Report", lines=[]).model_dump()
    right = AIMessage("", tool_calls=[call("Report", **report)])
    if strategy is ProviderStrategy:
        right = AIMessage(Report(**report).model_dump_json())
    model = Seeing({"answer": right}).model()
    assert run(agent(guard, model, case=case), QUESTION)["structured_response"] == Report(**report)
    assert len(model.calls) == 1


@streams
def test_the_model_that_another_middleware_puts_in_its_place_is_the_one_asked(
    run: Any, stream: str, guard: Guard
) -> None:
    first, other = Seeing({"answer": "Fine."}).model(), Seeing().model()
    assert last(run(agent(guard, first, Swapping(other), stream=stream), QUESTION)).text == "A word."
    assert (log(first.calls), log(other.calls)) == ([], UNSAFE)


def test_a_fallback_answers_where_the_model_fails_to_judge(run: Any, guard: Guard) -> None:
    first = Seeing({"judge": RuntimeError(MARKER)}).model()
    other = Seeing({"judge": "No"}).model()
    message = last(run(agent(guard, first, ModelFallbackMiddleware(other)), QUESTION))
    assert message.text == SAYS["answer"]
    assert (log(first.calls), log(other.calls)) == (SAFE, [("judge", 1)])


def test_others_see_each_call_and_tokens_are_counted_with_them(guard: Guard) -> None:
    class Audit(BaseCallbackHandler):
        said: list[str] = []  # noqa: RUF012

        def on_llm_end(self, response: Any, **_: Any) -> None:
            self.said.append(response.generations[0][0].text)

    with get_usage_metadata_callback() as counted:
        agent(guard, Seeing().model()).invoke(QUESTION, {**CONFIG, "callbacks": [Audit()]})
    assert Audit.said == list(SAYS.values())
    words = sum(len(said.split()) for said in SAYS.values())
    assert counted.usage_metadata["fake-streaming"]["output_tokens"] == words


def test_runs_at_the_same_time_do_not_cross(guard: Guard) -> None:
    def answer(messages: Sequence[BaseMessage], options: Any) -> str:
        number = next(w for w in "".join(m.text for m in messages).split() if w.startswith("number"))
        return f"{SAYS[step_of(messages)]} {number} "

    made = agent(guard, FakeStreamingChatModel(answer=answer, chunk_size=400))
    given = [{"messages": [asked(SIGN, text=f"which number{n} ?")]} for n in range(20)]
    config: list[Any] = [{"configurable": {"thread_id": str(n)}} for n in range(20)]

    async def everybody() -> list[Any]:
        return await asyncio.gather(*(made.ainvoke(g, c) for g, c in zip(given, config, strict=True)))

    for states in (asyncio.run(everybody()), made.batch(given, config)):
        assert [last(state).text.strip() for state in states] == [f"A word. number{n}" for n in range(20)]


async def test_on_an_event_loop_the_handler_is_awaited_there(guard: Guard) -> None:
    loops = []

    class Noting(AgentMiddleware[Any, Any, Any]):
        async def awrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
            loops.append(asyncio.get_running_loop())
            return await handler(request)

    state = await agent(guard, Seeing().model(), Noting()).ainvoke(QUESTION, CONFIG)
    assert last(state).text == "A word."
    assert loops == [asyncio.get_running_loop()] * 4


@pytest.mark.parametrize("at", ["judge", "caption", "reask"])
async def test_cancelling_lets_go_of_the_model(at: str, guard: Guard) -> None:
    reached, let_go = asyncio.Event(), asyncio.Event()

    class Hanging(FakeStreamingChatModel):
        async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            if step_of(messages) == at:
                reached.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    let_go.set()
            return await super()._agenerate(messages, *args, **kwargs)

    made = agent(guard, Hanging(answer=Seeing().model().answer))
    task = asyncio.create_task(made.ainvoke(QUESTION, CONFIG))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(let_go.wait(), 10)


# --- nobody hears of it (the leak matrix has the rest)


@pytest.mark.parametrize("kind", ["text", "reasoning", "structured by tool"])
def test_nothing_is_seen_in_sentences_either(kind: str, guard: Guard) -> None:
    case = seeing(CASES[kind])
    made = agent(guard, case.model(chunk_size=3), case=case, stream="sentence")
    assert [view for view in VIEWS if leaks(seen(view, made, QUESTION))] == []


def test_nothing_is_seen_of_another_model_in_its_place(guard: Guard) -> None:
    made = agent(guard, Seeing({"answer": "Fine."}).model(), Swapping(seeing(CASES["text"]).model()))
    assert [view for view in VIEWS if leaks(seen(view, made, QUESTION))] == []


def test_a_model_guarded_twice_is_asked_by_the_inner_guard(run: Any, guard: Guard) -> None:
    inner = Seeing().model()
    state = run(agent(guard, guard_model(inner, guard, strategy="reask")), QUESTION)
    assert last(state).text == "A word."
    assert log(inner.calls)[:4] == UNSAFE


def test_without_a_guard_the_views_show_it() -> None:
    made = seeing(CASES["text"]).agent()
    blind = {view for view in VIEWS if not leaks(seen(view, made, QUESTION))}
    assert blind <= {"stream custom", "astream custom", "stream tools", "astream tools"}


def test_a_system_prompt_with_an_image_is_without_it_too(run: Any, guard: Guard) -> None:
    model = Seeing().model()
    told = SystemMessage([{"type": "text", "text": "Be brief."}, SIGN])
    run(CASE.agent(EyelidMiddleware(guard, strategy="reask"), model=model, system_prompt=told), QUESTION)
    assert log(model.calls) == [("answer", 2), ("judge", 1), ("caption", 1), ("reask", 0)]


_WITHOUT = """
import sys
import langchain.agents, langgraph.pregel, langchain_core.tracers.event_stream
sys.modules["langchain_core.tracers._streaming"] = None
from langchain_eyelid import _quiet
assert not _quiet.AVAILABLE
from eyelid import Guard
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader
from langchain_eyelid import EyelidMiddleware, guard_tools
from tests.unit_tests.agents import CASES, Case
from tests.unit_tests.seeing import QUESTION, UNSAFE, Seeing, log, seeing
from tests.unit_tests.test_middleware import Swapping
from tests.unit_tests.views import MARKER, VIEWS, leaks, seen
from langchain_core.messages import AIMessage
with Guard(
    [FakeDetector({MARKER: 0.9})],
    detoxifier=FakeDetoxifier({MARKER: "[gone]"}),
    decoder=FakeDecoder(),
    reader=FakeReader(),
) as guard:
    for kind in ("text", "reasoning", "structured by tool", "structured by provider"):
        case = seeing(CASES[kind])
        agent = case.agent(EyelidMiddleware(guard, strategy="reask"), tools=guard_tools(case.tools, guard))
        leaking = [view for view in VIEWS if leaks(seen(view, agent, QUESTION))]
        assert not leaking, (kind, leaking)
    for others in ((), (Swapping(Seeing({"answer": "ok"}).model()),)):
        model = Seeing().model()
        agent = Case(AIMessage("")).agent(EyelidMiddleware(guard, strategy="reask"), *others, model=model)
        agent.invoke(QUESTION, {"configurable": {"thread_id": "a"}})
        assert log(model.calls) == (UNSAFE[1:] if others else UNSAFE), log(model.calls)
"""


def test_it_holds_where_streams_cannot_be_silenced() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_policy_that_asks_again_is_enough(run: Any, guard: Guard) -> None:
    other = FakeHost()
    asking = guard.under(guard.policy.adjust(Surface.OUTPUT, strategy="reask"), host=other)
    model = Seeing().model()
    assert last(run(CASE.agent(EyelidMiddleware(asking), model=model), QUESTION)).text == "A word."
    assert (log(model.calls), other.asked) == (UNSAFE, [])


def test_tools_results_are_rewritten(run: Any, guard: Guard) -> None:
    case = CASES["result"]
    made = case.agent(EyelidMiddleware(guard, strategy="reask"), tools=guard_tools(case.tools, guard))
    state = run(made, {"messages": [HumanMessage("What is on the page?")]})
    assert [m.text for m in state["messages"] if isinstance(m, ToolMessage)] == ["page: [gone], do as I say"]
