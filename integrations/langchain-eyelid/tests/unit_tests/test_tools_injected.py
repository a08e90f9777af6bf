"""What agents hand tools beside the model's arguments, and commands that tools hand back."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Annotated, Any

import pytest
from eyelid import Guard
from eyelid.testing import FakeDetector
from langchain.tools import InjectedState, InjectedStore, ToolRuntime
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, Send, interrupt
from tests.unit_tests.agents import CONFIG, Case, call, runs
from tests.unit_tests.views import MARKER

from langchain_eyelid import EyelidMiddleware, guard_tool, guard_tools

run = runs


def in_graph(watched: BaseTool, *, go: str, name: str, store: Any = None, **arguments: Any) -> Any:
    """The new messages of a graph of one tool node."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([watched]))
    graph.add_edge(START, "tools")
    compiled = graph.compile(store=store)
    asked = [HumanMessage("Please.", id="h"), AIMessage("", id="a", tool_calls=[call(name, **arguments)])]
    given: Any = {"messages": asked}
    state = compiled.invoke(given) if go == "invoke" else asyncio.run(compiled.ainvoke(given))
    return state["messages"]


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_everything_injected_arrives(go: str, guard: Guard) -> None:
    got: dict[str, Any] = {}

    @tool
    def everything(
        place: str,
        state: Annotated[dict[str, Any], InjectedState],
        messages: Annotated[list[Any], InjectedState("messages")],
        store: Annotated[Any, InjectedStore()],
        runtime: ToolRuntime,
        tool_call_id: Annotated[str, InjectedToolCallId],
        config: RunnableConfig,
    ) -> str:
        """Take everything."""
        got.update(state=state, messages=messages, store=store, runtime=runtime, id=tool_call_id, config=config)
        return f"{place} {MARKER}"

    watched = guard_tool(everything, guard)
    assert watched.tool_call_schema.model_json_schema() == everything.tool_call_schema.model_json_schema()  # type: ignore[union-attr]
    store = InMemoryStore()
    messages = in_graph(watched, go=go, name="everything", store=store, place="home")
    assert messages[-1].content == "home [gone]"
    assert got["id"] == got["runtime"].tool_call_id == "call-everything"
    assert [message.id for message in got["messages"]] == ["h", "a"]
    assert got["state"]["messages"][0].text == "Please."
    assert got["store"] is store
    assert got["config"]["metadata"]


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_what_is_injected_is_not_taken_for_arguments(go: str, guard: Guard) -> None:
    @tool
    def look(place: str, state: Annotated[dict[str, Any], InjectedState], runtime: ToolRuntime) -> str:
        """Look."""
        return place

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([guard_tool(look, guard)]))
    graph.add_edge(START, "tools")
    asked: Any = {"messages": [HumanMessage(f"Not {MARKER}."), AIMessage("", tool_calls=[call()])]}
    compiled = graph.compile()
    state = compiled.invoke(asked) if go == "invoke" else asyncio.run(compiled.ainvoke(asked))
    assert state["messages"][-1].content == "page"


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_the_request_is_the_context_of_the_result(go: str, guard: Guard, detector: Any) -> None:
    @tool
    def look(place: str, runtime: ToolRuntime) -> str:
        """Look."""
        return "fine"

    in_graph(guard_tool(look, guard), go=go, name="look", place="home")
    prompts = {request.text: request.prompt for batch in detector.log.batches for request in batch}
    assert prompts["fine"] == "Please."


def commands() -> dict[str, Any]:
    """Commands with what should not be passed on, in all the places they have."""
    answer = ToolMessage(f"found {MARKER}", tool_call_id="call-act", name="act", artifact={"raw": MARKER})
    fine = ToolMessage("found it", tool_call_id="call-act", name="act")
    after = Send("after", {"messages": [HumanMessage(MARKER)], "note": MARKER})
    return {
        "messages": Command(update={"messages": [answer]}),
        "others": Command(update={"messages": [fine, AIMessage(MARKER, id="x"), HumanMessage(MARKER, id="y")]}),
        "state": Command(update={"messages": [fine], "note": f"a {MARKER}", "rows": [MARKER]}),
        "pairs": Command(update=[("messages", [answer]), ("note", MARKER)]),
        "sent": Command(update={"messages": [fine]}, goto=[after, "end"]),
        "list": [Command(update={"note": MARKER}), answer],
        "removing": Command(update={"messages": [RemoveMessage(id="asked"), fine], "note": MARKER}),
    }


@pytest.mark.parametrize("guarded", ["tool", "middleware"])
@pytest.mark.parametrize("kind", commands())
def test_commands_are_looked_at_in_all_their_places(kind: str, guarded: str, guard: Guard, run: Any) -> None:
    @tool
    def act(place: str) -> Any:
        """Act."""
        return commands()[kind]

    if kind in ("sent", "pairs"):  # places that agents of `create_agent` do not have, or do not take
        handed = guard_tool(act, guard).invoke(call("act"))
        assert MARKER not in _all(handed)
        assert type(handed) is Command
        return
    case = Case(AIMessage("", tool_calls=[call("act")]), [act])
    tools = guard_tools([act], guard) if guarded == "tool" else [act]
    middleware = [EyelidMiddleware(guard)] if guarded == "middleware" else []
    agent = case.agent(*middleware, tools=tools, state_schema=_AgentState)
    state = run(agent)
    assert MARKER not in _all(state)
    assert any(isinstance(message, ToolMessage) for message in state["messages"])
    if kind == "state":
        assert (state["note"], state["rows"]) == ("a [gone]", [])


def test_messages_a_command_hands_on_are_not_looked_at_again(guard: Guard, detector: Any) -> None:
    @tool
    def act(place: str, state: Annotated[dict[str, Any], InjectedState]) -> Any:
        """Hand the conversation on."""
        done = ToolMessage("done", tool_call_id="call-act", name="act")
        return Command(update={"messages": [*state["messages"], done]})

    in_graph(guard_tool(act, guard), go="invoke", name="act", place="home")
    looked = [request.text for batch in detector.log.batches for request in batch]
    assert "Please." not in looked
    assert "done" in looked


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_a_tool_may_interrupt_and_resume(go: str, guard: Guard) -> None:
    @tool
    def ask(place: str) -> str:
        """Ask a person."""
        return f"{interrupt(f'may I? {MARKER}')} {MARKER}"

    agent = Case(AIMessage("", tool_calls=[call("ask")]), [ask]).agent(
        EyelidMiddleware(guard), tools=guard_tools([ask], guard)
    )

    def step(given: Any) -> Any:
        return agent.invoke(given, CONFIG) if go == "invoke" else asyncio.run(agent.ainvoke(given, CONFIG))

    first = step({"messages": [HumanMessage("Please.")]})
    assert [asked.value for asked in first["__interrupt__"]] == ["may I? [gone]"]
    done = step(Command(resume="yes"))
    assert [m.content for m in done["messages"] if isinstance(m, ToolMessage)] == ["yes [gone]"]


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_calls_at_the_same_time_do_not_cross(go: str, guard: Guard) -> None:
    together = threading.Barrier(4, timeout=10)

    @tool
    def look(place: str) -> str:
        """Look at a place, all at once."""
        together.wait()
        return f"{place} {MARKER}"

    calls = [{**call(place=f"place {number}"), "id": f"call {number}"} for number in range(4)]
    case = Case(AIMessage("", tool_calls=calls), [look])
    agent = case.agent(EyelidMiddleware(guard), tools=guard_tools([look], guard))
    given: Any = {"messages": [HumanMessage("Please.")]}
    state = agent.invoke(given, CONFIG) if go == "invoke" else asyncio.run(agent.ainvoke(given, CONFIG))
    results = {m.tool_call_id: m.content for m in state["messages"] if isinstance(m, ToolMessage)}
    assert results == {f"call {number}": f"place {number} [gone]" for number in range(4)}


class Gathering(FakeDetector):
    """Asked by several within a moment it looks once, as an engine does."""

    def __init__(self) -> None:
        super().__init__({MARKER: 0.9})
        self._lock, self._waiting = threading.Lock(), []  # type: ignore[var-annotated]

    def start(self, batch: Any, /) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            self._waiting.append((batch, future))
            if len(self._waiting) == 1:
                threading.Timer(0.1, self._look).start()
        return future

    def _look(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        found = iter(self.score([request for batch, _ in waiting for request in batch]))
        for batch, future in waiting:
            future.set_result([next(found) for _ in batch])


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_calls_at_the_same_time_are_looked_at_together(go: str) -> None:
    detector = Gathering()
    calls = [{**call(place=f"place {number}"), "id": f"call {number}"} for number in range(4)]

    @tool
    def look(place: str) -> str:
        """Look at a place."""
        return f"seen at {place}"

    with Guard([detector]) as guard:
        agent = Case(AIMessage("", tool_calls=calls)).agent(tools=[guard_tool(look, guard, check_arguments=False)])
        given: Any = {"messages": [HumanMessage("Please.")]}
        if go == "invoke":
            agent.invoke(given, CONFIG)
        else:
            asyncio.run(agent.ainvoke(given, CONFIG))
    assert detector.log.sizes == [4]


def test_a_tool_that_answers_the_user_itself(guard: Guard, run: Any) -> None:
    @tool(return_direct=True)
    def look(place: str) -> str:
        """Look."""
        return f"{place} {MARKER}"

    watched = guard_tool(look, guard)
    assert watched.return_direct
    for tools, middleware in (([watched], []), ([look], [EyelidMiddleware(guard)])):
        state = run(Case(AIMessage("", tool_calls=[call()]), [look]).agent(*middleware, tools=tools))
        assert state["messages"][-1].content == "page [gone]"


def _all(value: Any) -> str:
    messages = value["messages"] if isinstance(value, dict) else ()
    return repr(value) + repr([getattr(message, "artifact", None) for message in messages])


class _AgentState(MessagesState):
    """A state with more than messages."""

    note: str
    rows: list[str]
