"""Nothing of it is to be seen anywhere: every kind of content, in every view of an agent."""

from __future__ import annotations

import pytest
from eyelid import Guard
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from tests.unit_tests.agents import CASES, GIVEN
from tests.unit_tests.views import VIEWS, leaks, seen

from langchain_eyelid.middleware import EyelidMiddleware
from langchain_eyelid.tools import guard_tools

#: What a tool's own run tells, which middleware cannot change.
FROM_INSIDE = ("stream tools", "astream tools", "astream_log", "events v1", "events v2", "events v3", "aevents v3")
BY_TOOLS = ("result", "image", "artifact", "command")


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [*((kind, "rewrite") for kind in CASES), *((kind, "block") for kind in ("text", "command", "structured by tool"))],
)
def test_nothing_is_seen(kind: str, strategy: str, guard: Guard) -> None:
    case = CASES[kind]
    agent = case.agent(EyelidMiddleware(guard, strategy=strategy), tools=guard_tools(case.tools, guard))
    assert [view for view in VIEWS if leaks(seen(view, agent, GIVEN))] == []


@pytest.mark.parametrize("kind", CASES)
def test_a_tools_own_events_are_raw_where_it_is_not_guarded(kind: str, guard: Guard) -> None:
    agent = CASES[kind].agent(EyelidMiddleware(guard))
    raw = {view for view in VIEWS if leaks(seen(view, agent, GIVEN))}
    assert raw == (set(FROM_INSIDE) if kind in BY_TOOLS else set())


@pytest.mark.parametrize("kind", ["text", "arguments", "image", "structured by provider"])
def test_without_a_guard_the_views_show_it(kind: str) -> None:
    agent = CASES[kind].agent()
    blind = {view for view in VIEWS if not leaks(seen(view, agent, GIVEN))}
    assert blind <= {"stream custom", "astream custom", "stream tools", "astream tools"}


@pytest.mark.parametrize("kind", ["text", "command", "structured by tool"])
def test_nothing_is_seen_of_an_agent_inside_another_graph(kind: str, guard: Guard) -> None:
    case = CASES[kind]
    graph = StateGraph(MessagesState)
    graph.add_node("agent", case.agent(EyelidMiddleware(guard), tools=guard_tools(case.tools, guard)))
    graph.add_edge(START, "agent")
    outer = graph.compile(checkpointer=InMemorySaver())
    assert [view for view in VIEWS if leaks(seen(view, outer, GIVEN))] == []


def test_it_is_not_to_be_put_together_from_small_pieces(guard: Guard) -> None:
    case = CASES["text"]
    bare, guarded = (
        case.agent(model=case.model(chunk_size=3)),
        case.agent(EyelidMiddleware(guard), model=case.model(chunk_size=3)),
    )
    for view in ("stream messages", "astream messages", "events v2", "events v3"):
        assert leaks(seen(view, bare, GIVEN))
        assert not leaks(seen(view, guarded, GIVEN))
