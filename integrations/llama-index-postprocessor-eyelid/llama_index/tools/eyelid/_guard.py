"""`guard_tool`: the tool as it was, with its runs looked at."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, adapt_to_async_tool

from eyelid import Guard
from eyelid.errors import ConfigurationError
from llama_index.postprocessor.eyelid._settings import ImageLoader, OnError, Settings
from llama_index.tools.eyelid._guarded import GuardedFunctionTool, GuardedTool
from llama_index.tools.eyelid._protection import Protection


def guard_tool(
    tool: BaseTool | Callable[..., Any],
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    check_arguments: bool = True,
    image_loader: ImageLoader | None = None,
    allowed_root: Path | None = None,
) -> AsyncBaseTool:
    """The tool with its arguments, results and exceptions looked at, for agents and for whoever calls it.

    A `FunctionTool` stays one, so that agents give it their context and a `CodeActAgent` takes it; any other tool
    becomes an `AsyncBaseTool`. Metadata, `return_direct` included, is the tool's; yours is not changed.

    - **Arguments** (surface "tool_call") that are flagged, or could not be looked at, never reach the tool; the
      output says so and has `is_error`.
    - **Results** (surface "tool_result"): text, image blocks, citations and the raw output. What is flagged is
      replaced by its rewrite or a refusal, in `raw_output` as well.
    - **Exceptions**: agents put their text into the conversation. One that is flagged becomes a `RuntimeError` that
      says the rewrite or the refusal. A workflow's own pauses pass.

    Args:
        tool: a LlamaIndex tool, or a function that is to become one.
        guard: looks.
        strategy: what becomes of flagged results: "rewrite", "block" or "raise"; as the policy says if left out.
        on_error: what becomes of results after a failed look: "block", "raise" or "pass".
        check_arguments: whether arguments are looked at.
        image_loader: fetches images that are given by address; without one they cannot be looked at.
        allowed_root: the folder below which image files are read.

    Raises:
        ConfigurationError: an unknown choice, no tool, or one that is guarded already.
    """
    settings = Settings(strategy=strategy, on_error=on_error, image_loader=image_loader, allowed_root=allowed_root)
    protection = Protection(guard, settings, check_arguments=check_arguments)
    made = _as_tool(tool)
    return GuardedFunctionTool(made, protection) if isinstance(made, FunctionTool) else GuardedTool(made, protection)


def guard_tools(
    tools: Iterable[BaseTool | Callable[..., Any]],
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    check_arguments: bool = True,
    image_loader: ImageLoader | None = None,
    allowed_root: Path | None = None,
) -> list[AsyncBaseTool]:
    """As `guard_tool`, for each of them; functions become tools."""
    return [
        guard_tool(
            tool,
            guard,
            strategy=strategy,
            on_error=on_error,
            check_arguments=check_arguments,
            image_loader=image_loader,
            allowed_root=allowed_root,
        )
        for tool in tools
    ]


def _as_tool(tool: Any) -> AsyncBaseTool:
    if isinstance(tool, (GuardedTool, GuardedFunctionTool)):
        name = tool.metadata.name
        raise ConfigurationError(f"the tool {name!r} is guarded already; guard the tool it was made of")
    if isinstance(tool, BaseTool):
        return adapt_to_async_tool(tool)
    if inspect.iscoroutinefunction(tool):
        return FunctionTool.from_defaults(async_fn=tool)
    if callable(tool) and not isinstance(tool, type):
        return FunctionTool.from_defaults(fn=tool)
    raise ConfigurationError(f"guard_tool takes a tool or a function, not {type(tool).__name__}")
