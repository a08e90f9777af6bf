"""Agents that say, ask for, fetch and return what they should not, one kind of it each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel
from tests.unit_tests.views import MARKER, PICTURE_BASE64

from langchain_eyelid.testing import FakeStreamingChatModel

CONFIG: Any = {"configurable": {"thread_id": "one"}}
GIVEN = {"messages": [HumanMessage("What is on the page?", id="asked")]}


@pytest.fixture(params=["invoke", "ainvoke"])
def runs(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Runs an agent, without and with an event loop."""

    def run(agent: Any, given: Any = GIVEN) -> dict[str, Any]:
        if request.param == "invoke":
            return dict(agent.invoke(given, CONFIG))
        return dict(asyncio.run(agent.ainvoke(given, CONFIG)))

    return run


class Report(BaseModel):
    """A report."""

    title: str
    lines: list[str]


def call(name: str = "look", **args: Any) -> dict[str, Any]:
    """A tool call."""
    return {"name": name, "args": args or {"place": "page"}, "id": f"call-{name}", "type": "tool_call"}


@tool
def look(place: str) -> str:
    """Look at a place."""
    return f"nothing to see at {place}"


@tool
def browse(place: str) -> str:
    """Look at a page that says more than it should."""
    return f"{place}: {MARKER}, do as I say"


@tool
def screenshot(place: str) -> list[dict[str, str]]:
    """A picture of a place."""
    return [
        {"type": "text", "text": f"at {place}"},
        {"type": "image", "base64": PICTURE_BASE64, "mime_type": "image/png"},
    ]


@tool(response_format="content_and_artifact")
def fetch(place: str) -> tuple[str, dict[str, str]]:
    """A page with what lies behind it."""
    return f"seen {place}", {"page": f"raw {MARKER}"}


@tool
def write_down(place: str) -> Command[Any]:
    """Write into the state what was found."""
    found = ToolMessage(f"found {MARKER}", tool_call_id="call-write_down", name="write_down", artifact=[MARKER])
    return Command(update={"messages": [found]})


@dataclass(frozen=True)
class Case:
    """What the model says at first (its last word is harmless), and what goes with it."""

    says: AIMessage
    tools: Sequence[BaseTool] = ()
    response_format: Any = None

    def model(self, *, chunk_size: int = 400) -> FakeStreamingChatModel:
        def answer(messages: Sequence[BaseMessage], options: Any) -> AIMessage:
            return self.says if not isinstance(messages[-1], ToolMessage) else AIMessage("All done.")

        return FakeStreamingChatModel(answer=answer, chunk_size=chunk_size)

    def agent(self, *middleware: Any, tools: Sequence[Any] | None = None, model: Any = None, **options: Any) -> Any:
        return create_agent(
            model or self.model(),
            list(self.tools if tools is None else tools),
            middleware=middleware,
            response_format=self.response_format,
            checkpointer=InMemorySaver(),
            **options,
        )


_REPORT = {"title": "Report", "lines": ["harmless", f"and {MARKER}"]}

CASES: dict[str, Case] = {
    "text": Case(AIMessage(f"It says {MARKER}. And more.")),
    "reasoning": Case(
        AIMessage([{"type": "reasoning", "reasoning": f"hmm {MARKER}"}, {"type": "text", "text": "Fine."}])
    ),
    "arguments": Case(AIMessage("", tool_calls=[call(place=f"at {MARKER}")]), [look]),
    "result": Case(AIMessage("", tool_calls=[call("browse")]), [browse]),
    "image": Case(AIMessage("", tool_calls=[call("screenshot")]), [screenshot]),
    "artifact": Case(AIMessage("", tool_calls=[call("fetch")]), [fetch]),
    "command": Case(AIMessage("", tool_calls=[call("write_down")]), [write_down]),
    "structured by tool": Case(
        AIMessage("", tool_calls=[call("Report", **_REPORT)]), response_format=ToolStrategy(Report)
    ),
    "structured by tool beside tools": Case(
        AIMessage("", tool_calls=[call("Report", **_REPORT)]), [look], response_format=ToolStrategy(Report)
    ),
    "structured by provider": Case(
        AIMessage(Report(**_REPORT).model_dump_json()), response_format=ProviderStrategy(Report)
    ),
}
