"""Guarded tools: what a model asks of a tool, and what the tool returns, looked at inside the tool's run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from eyelid import Guard
from eyelid.errors import ConfigurationError
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as make_tool

from langchain_eyelid._protection import Protection
from langchain_eyelid._settings import ImageLoader, OnError, Settings
from langchain_eyelid._watched import Watched, watched

ToolT = TypeVar("ToolT", bound=BaseTool)


@overload
def guard_tool(
    tool: ToolT,
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    check_arguments: bool = True,
    image_loader: ImageLoader | None = None,
) -> ToolT: ...


@overload
def guard_tool(
    tool: Callable[..., Any],
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    check_arguments: bool = True,
    image_loader: ImageLoader | None = None,
) -> BaseTool: ...


def guard_tool(
    tool: Any,
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    check_arguments: bool = True,
    image_loader: ImageLoader | None = None,
) -> Any:
    """The tool with its arguments, results and exceptions looked at, for agents and for whoever calls it.

    It is a tool of the same class (a copy; yours is not changed) with the same schemas, and injected state, store,
    runtime and call ids reach it as before. Since the look is a part of its run, whoever watches it sees only what was
    looked at: `on_tool_start`, `on_tool_end`, `on_tool_error` and LangGraph's "tools" stream included.

    - **Arguments** (surface "tool_call") that are flagged, or could not be looked at, never reach the tool; the model
      is told so in a `ToolMessage` of status "error".
    - **Results** (surface "tool_result"): text, JSON, content blocks and images, artifacts, messages and commands, or
      lists of them. What is flagged is replaced by its rewrite or, with status "error", by a refusal; its artifact is
      dropped. An artifact that is flagged or cannot be read is dropped alone.
    - **Exceptions**: agents put their text into the conversation. One that is flagged is replaced by one of the same
      class, or a `ToolException`, which says the refusal.

    What a tool writes to a stream itself while it runs (`runtime.stream_writer`, `emit_output_delta`, custom events,
    a model that it calls) is not its result, and is not seen.

    Args:
        tool: a LangChain tool, or a function that is to become one.
        guard: looks.
        strategy: what becomes of flagged results: "rewrite", "block" or "raise"; as the policy says if left out.
            There is no model to ask again here, so "reask" is refused.
        on_error: what becomes of results after a failed look: "block", "raise" or "pass".
        check_arguments: whether arguments are looked at.
        image_loader: fetches images that are given by address; without one they cannot be looked at.

    Raises:
        ConfigurationError: an unknown choice, a tool that is guarded already, one that a provider runs, or one whose
            class has its own `invoke`, past which nothing could be looked at.
    """
    settings = Settings(strategy=strategy, on_error=on_error, image_loader=image_loader)
    return watched(_as_tool(tool), Protection(guard, settings, check_arguments=check_arguments))


def guard_tools(
    tools: Iterable[BaseTool | Callable[..., Any]],
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    check_arguments: bool = True,
    image_loader: ImageLoader | None = None,
) -> list[BaseTool]:
    """As `guard_tool`, for each of them; functions become tools."""
    return [
        guard_tool(
            tool,
            guard,
            strategy=strategy,
            on_error=on_error,
            check_arguments=check_arguments,
            image_loader=image_loader,
        )
        for tool in tools
    ]


def _as_tool(tool: Any) -> BaseTool:
    if isinstance(tool, Watched):
        raise ConfigurationError(f"the tool {tool.name!r} is guarded already; guard the tool it was made of")
    made = tool if isinstance(tool, BaseTool) else make_tool(tool) if callable(tool) else None
    if not isinstance(made, BaseTool):
        raise ConfigurationError(
            f"guard_tool takes a tool or a function, not {type(tool).__name__}; what a provider runs itself can only "
            "be looked at in the model's message, by guard_model or EyelidMiddleware"
        )
    for name in ("invoke", "ainvoke"):
        if not getattr(type(made), name).__module__.startswith("langchain_core."):
            raise ConfigurationError(
                f"{type(made).__name__} has its own {name}, so that not all of its runs could be looked at; "
                "overwrite _run and _arun instead, or let EyelidMiddleware look at its results"
            )
    return made
