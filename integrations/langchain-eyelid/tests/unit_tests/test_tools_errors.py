"""Exceptions of tools: their text enters the conversation, so it is content."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from eyelid import Guard
from eyelid.errors import HarmfulContentError
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import StructuredTool, ToolException
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic import BaseModel
from tests.unit_tests.agents import GIVEN, Case, call, runs
from tests.unit_tests.views import MARKER, VIEWS, leaks, seen

from langchain_eyelid import EyelidMiddleware, guard_tool

run = runs
WITHHELD = "The tool's result was withheld by a safety check."


class Strange(Exception):
    """Cannot be made without its constructor, and carries what it was told elsewhere too."""

    def __init__(self, page: str, code: int) -> None:
        super().__init__("a page")
        self.page, self.code = page, code

    def __str__(self) -> str:
        return f"{self.code}: {self.page}"


def raising(error: BaseException | type[BaseException], **options: Any) -> StructuredTool:
    def look(place: str) -> str:
        """Look at a place."""
        raise error

    async def alook(place: str) -> str:
        raise error

    return StructuredTool.from_function(look, alook, name="look", **options)


def caused() -> ValueError:
    error = ValueError("it failed")
    error.__cause__ = KeyError(MARKER)
    return error


def carrying() -> ValueError:
    error = ValueError("it failed")
    error.page = MARKER  # type: ignore[attr-defined]
    return error


def noted() -> ValueError:
    error = ValueError("it failed")
    error.add_note(f"on {MARKER}")
    return error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError(f"no {MARKER}"), ValueError, "no [gone]"),
        (ToolException(f"no {MARKER}"), ToolException, "no [gone]"),
        (ValueError("no", MARKER), ValueError, "('no', '[gone]')"),
        (caused(), ValueError, "it failed"),
        (noted(), ValueError, "it failed"),
        (carrying(), ValueError, "it failed"),
        (ExceptionGroup("several", [ValueError(MARKER)]), ToolException, "several (1 sub-exception)"),
        (
            FileNotFoundError(2, "No such file", f"/home/{MARKER}"),
            FileNotFoundError,
            "[Errno 2] No such file: '/home/[gone]'",
        ),
        (Strange(MARKER, 7), ToolException, "7: [gone]"),
        (UnicodeDecodeError("utf-8", MARKER.encode(), 0, 1, MARKER), ToolException, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_flagged_exception_is_replaced_by_one_of_its_class(
    error: Exception, kind: type, text: str | None, guard: Guard
) -> None:
    for go in (_sync, _async):
        with pytest.raises(kind) as raised:
            go(guard_tool(raising(error), guard))
        replaced = raised.value
        assert MARKER not in repr(replaced) + str(replaced) + repr(vars(replaced))
        assert (replaced.__cause__, replaced.__context__, getattr(replaced, "__notes__", [])) == (None, None, [])
        assert text is None or str(replaced) == text


def test_a_harmless_exception_is_the_same(guard: Guard) -> None:
    error = Strange("nothing", 7)
    for go in (_sync, _async):
        with pytest.raises(Strange) as raised:
            go(guard_tool(raising(error), guard))
        assert raised.value is error


@pytest.mark.parametrize("handler", [True, lambda error: f"oh: {error.args[0]}"], ids=["text", "function"])
def test_handled_tool_errors_are_clean(handler: Any, guard: Guard) -> None:
    watched = guard_tool(raising(ToolException(f"no {MARKER}"), handle_tool_error=handler), guard)
    for go in (_sync, _async):
        message = go(watched)
        assert (message.status, "no [gone]" in message.content) == ("error", True)


def test_what_is_wrong_with_arguments_is_told_as_before(guard: Guard) -> None:
    class Numbers(BaseModel):
        number: int

    bare = StructuredTool.from_function(lambda number: number, name="look", description="Count.", args_schema=Numbers)
    node = ToolNode([guard_tool(bare, guard)])
    messages = _with_runtime(node, [AIMessage("", tool_calls=[call(number="many")])])
    assert "valid integer" in messages[0].content


@pytest.mark.parametrize("handled", [True, "Something failed.", (ValueError,), lambda error: str(error)], ids=repr)
def test_what_a_tool_node_makes_of_it_is_clean(handled: Any, guard: Guard) -> None:
    node = ToolNode([guard_tool(raising(ValueError(f"no {MARKER}")), guard)], handle_tool_errors=handled)
    (message,) = _with_runtime(node, [AIMessage("", tool_calls=[call()])])
    assert isinstance(message, ToolMessage)
    assert MARKER not in repr(message)


def test_the_middleware_looks_at_exceptions_of_tools_that_are_not_guarded(guard: Guard, run: Any) -> None:
    case = Case(AIMessage("", tool_calls=[call()]), [raising(ValueError(f"no {MARKER}"))])
    with pytest.raises(ValueError, match=r"no \[gone\]") as raised:
        run(case.agent(EyelidMiddleware(guard)))
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_what_retries_say_of_it_is_clean(order: str, guard: Guard) -> None:
    both = [EyelidMiddleware(guard), ToolRetryMiddleware(max_retries=0)]
    case = Case(AIMessage("", tool_calls=[call()]), [guard_tool(raising(ValueError(f"no {MARKER}")), guard)])
    agent = case.agent(*(both if order == "outside" else reversed(both)))
    assert [view for view in VIEWS if leaks(seen(view, agent, GIVEN))] == []


def test_the_guards_own_errors_say_nothing(guard: Guard) -> None:
    for go in (_sync, _async):
        with pytest.raises(HarmfulContentError) as raised:
            go(guard_tool(raising(ValueError(MARKER)), guard, strategy="raise"))
        assert MARKER not in repr(raised.value)
        assert (raised.value.__cause__, raised.value.__context__) == (None, None)


def test_interrupts_of_people_and_processes_are_not_touched(guard: Guard) -> None:
    for error in (KeyboardInterrupt("stop"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            _async(guard_tool(raising(error), guard))


def _sync(watched: Any) -> Any:
    return watched.invoke(call())


def _async(watched: Any) -> Any:
    async def go() -> Any:
        return await watched.ainvoke(call())

    return asyncio.run(go())


def _with_runtime(node: ToolNode, messages: list[Any]) -> list[Any]:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    return list(graph.compile().invoke({"messages": messages})["messages"][len(messages) :])
