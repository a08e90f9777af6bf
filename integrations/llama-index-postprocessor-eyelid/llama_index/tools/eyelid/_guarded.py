"""Tools whose runs are looked at: what LlamaIndex calls, and what it takes from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.tools import AsyncBaseTool, FunctionTool, ToolMetadata, ToolOutput

from llama_index.tools.eyelid._flow import acalled, called
from llama_index.tools.eyelid._protection import Protection

try:  # how a workflow pauses a tool that waits for an event; not public, and agents look for it at the same place
    from workflows.runtime.types.results import WaitingForEvent as _Waiting

    PAUSES: tuple[type[Exception], ...] = (_Waiting,)
except ImportError:
    PAUSES = ()


class GuardedTool(AsyncBaseTool):
    """A tool that is looked at; `guard_tool` makes one."""

    def __init__(self, tool: AsyncBaseTool, protection: Protection) -> None:
        self._tool = tool
        self._protection = protection

    @property
    def metadata(self) -> ToolMetadata:
        """The tool's."""
        return self._tool.metadata

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """What the tool returns, as far as it may be passed on."""
        run = functools.partial(self._tool.call, *args, **kwargs)
        return called(self._protection, self.metadata.get_name(), (args, kwargs), run, PAUSES)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """As `call`, without ever blocking the event loop."""
        run = functools.partial(self._tool.acall, *args, **kwargs)
        return await acalled(self._protection, self.metadata.get_name(), (args, kwargs), run, PAUSES)


class GuardedFunctionTool(FunctionTool):
    """A function tool that is looked at. Agents give it a context as they gave it to the tool it was made of."""

    def __init__(self, tool: FunctionTool, protection: Protection) -> None:
        self.__dict__.update(tool.__dict__)
        self._tool = tool
        self._protection = protection

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """What the tool returns, as far as it may be passed on."""
        run = functools.partial(self._tool.call, *args, **kwargs)
        return called(self._protection, self.metadata.get_name(), (args, self._asked(kwargs)), run, PAUSES)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """As `call`, without ever blocking the event loop."""
        run = functools.partial(self._tool.acall, *args, **kwargs)
        return await acalled(self._protection, self.metadata.get_name(), (args, self._asked(kwargs)), run, PAUSES)

    @property
    def fn(self) -> Callable[..., Any]:
        """The function; what it returns is looked at as well."""
        own = self._tool.fn

        def guarded(*args: Any, **kwargs: Any) -> Any:
            run = functools.partial(self._run, own, *args, **kwargs)
            return _value(called(self._protection, self.metadata.get_name(), (args, self._asked(kwargs)), run, PAUSES))

        return _like(guarded, own)

    @property
    def async_fn(self) -> Callable[..., Any]:
        """The function for event loops; what it returns is looked at as well."""
        own = self._tool.async_fn

        async def guarded(*args: Any, **kwargs: Any) -> Any:
            run = functools.partial(self._arun, own, *args, **kwargs)
            asked = (args, self._asked(kwargs))
            return _value(await acalled(self._protection, self.metadata.get_name(), asked, run, PAUSES))

        return _like(guarded, own)

    @property
    def real_fn(self) -> Callable[..., Any]:
        """As `fn` or `async_fn`, whichever the tool was made of: what a `CodeActAgent` hands to generated code."""
        own = self._tool.real_fn
        mine = self.async_fn if own is self._tool.async_fn else self.fn
        return _like(mine, own)

    def _run(self, own: Callable[..., Any], *args: Any, **kwargs: Any) -> ToolOutput:
        return self._wrapped(own(*args, **kwargs))

    async def _arun(self, own: Callable[..., Any], *args: Any, **kwargs: Any) -> ToolOutput:
        return self._wrapped(await own(*args, **kwargs))

    def _wrapped(self, value: Any) -> ToolOutput:
        blocks = self._parse_tool_output(value)
        return ToolOutput(tool_name=self.metadata.get_name(), blocks=blocks, raw_input={}, raw_output=value)

    def _asked(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """What the model asked: not the context, nor what was set by whoever made the tool."""
        own = self.partial_params
        return {
            key: value
            for key, value in kwargs.items()
            if key != self.ctx_param_name and not (key in own and own[key] is value)
        }


def _like(guarded: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    """The function under the name and signature of the other, which cannot be reached by `__wrapped__`."""
    functools.update_wrapper(guarded, own)
    with suppress(TypeError, ValueError):
        guarded.__signature__ = inspect.signature(own)  # type: ignore[attr-defined]  # where `inspect` looks
    del guarded.__wrapped__  # type: ignore[attr-defined]  # set above
    return guarded


def _value(output: ToolOutput) -> Any:
    if isinstance(output.raw_output, str) or not output.is_error:
        return output.raw_output
    return "\n".join(block.text for block in output.blocks if isinstance(block, TextBlock))
