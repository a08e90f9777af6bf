"""Tools of any class with their runs looked at: a class that stands before the tool's own.

LangChain's `run` tells callbacks and streams what a tool was given and what it returned. So the arguments are looked
at before `run`, and results and exceptions inside of it, where `_run` and `_arun` hand them over.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.tools import BaseTool
from pydantic import PrivateAttr

from langchain_eyelid._errors import Failed, atried, tried
from langchain_eyelid._looks import Look, nothing
from langchain_eyelid._protection import (
    Protection,
    Refusal,
    ToolRun,
    look_at_arguments,
    look_at_error,
    look_at_returned,
)

if TYPE_CHECKING:
    _Base = BaseTool
else:
    _Base = object

ToolT = TypeVar("ToolT", bound=BaseTool)

_current: ContextVar[tuple[BaseTool, ToolRun] | None] = ContextVar("eyelid_tool_run", default=None)


class Watched(_Base):
    """What stands before a tool's own class. See `watched`."""

    _eyelid: Protection

    def run(self, tool_input: Any, *args: Any, tool_call_id: str | None = None, **kwargs: Any) -> Any:
        run, asked = self._begin(tool_input, tool_call_id)
        run.refusal = self._eyelid.look(asked, run)
        with self._under(run):
            value = super().run(_told(tool_input, run), *args, tool_call_id=tool_call_id, **kwargs)
        return value if run.looked else self._eyelid.look(look_at_returned(value, run), run)

    async def arun(self, tool_input: Any, *args: Any, tool_call_id: str | None = None, **kwargs: Any) -> Any:
        run, asked = self._begin(tool_input, tool_call_id)
        run.refusal = await self._eyelid.alook(asked, run)
        with self._under(run):
            value = await super().arun(_told(tool_input, run), *args, tool_call_id=tool_call_id, **kwargs)
        return value if run.looked else await self._eyelid.alook(look_at_returned(value, run), run)

    def _begin(self, given: Any, call: str | None) -> tuple[ToolRun, Look[Refusal | None]]:
        run = ToolRun(self.name, call, self.response_format == "content_and_artifact")
        if not self._eyelid.check_arguments:
            return run, nothing(None)
        asked = self._filter_injected_args(given) if isinstance(given, dict) else given
        return run, look_at_arguments(self._eyelid.checker, self.name, asked)

    def _to_args_and_kwargs(self, tool_input: Any, tool_call_id: str | None) -> Any:
        # Refused arguments need not fit the tool's schema: it is not run.
        return ((), {}) if self._entered().refusal else super()._to_args_and_kwargs(tool_input, tool_call_id)

    def _entered(self) -> ToolRun:
        """The run under way, or a new one where `_run` was called without `run`."""
        tool, run = _current.get() or (None, None)
        if tool is self and run is not None:
            return run
        return ToolRun(self.name, paired=self.response_format == "content_and_artifact")

    @contextmanager
    def _under(self, run: ToolRun) -> Iterator[None]:
        token = _current.set((self, run))
        try:
            yield
        finally:
            _current.reset(token)

    def _handed(self, run: ToolRun, own: Callable[[], Any]) -> Any:
        value = tried(own)
        if isinstance(value, Failed):
            raise self._eyelid.look(look_at_error(value.error), run)
        run.looked = True
        return self._eyelid.look(look_at_returned(value, run), run)

    async def _ahanded(self, run: ToolRun, own: Callable[[], Awaitable[Any]]) -> Any:
        run.waiting = True
        value = await atried(own)
        run.waiting = False
        if isinstance(value, Failed):
            raise await self._eyelid.alook(look_at_error(value.error), run)
        run.looked = True
        return await self._eyelid.alook(look_at_returned(value, run), run)


def _told(given: Any, run: ToolRun) -> Any:
    """What `run` tells callbacks and streams; of refused arguments nothing."""
    if run.refusal is None:
        return given
    return "" if isinstance(given, str) else {}


def watched(tool: ToolT, protection: Protection) -> ToolT:
    """A copy of the tool, of a class that stands before its own and has its name."""
    copy = tool.model_copy()
    copy.__class__ = _class_before(type(tool))
    if copy.__pydantic_private__ is None:
        object.__setattr__(copy, "__pydantic_private__", {})
    copy._eyelid = protection
    return copy


@functools.lru_cache(maxsize=256)
def _class_before(cls: type[ToolT]) -> type[ToolT]:
    own_run, own_arun = cls._run, cls._arun

    # LangChain reads their signatures to know what the tool takes, so they are kept.
    @functools.wraps(own_run)
    def _run(self: Watched, *args: Any, **kwargs: Any) -> Any:
        run = self._entered()
        if run.waiting:  # `_arun` has it done in a thread, and looks itself
            return own_run(self, *args, **kwargs)
        if run.refusal is not None:
            return run.refused()
        run.hears(kwargs)
        return self._handed(run, lambda: own_run(self, *args, **kwargs))

    @functools.wraps(own_run if own_arun is BaseTool._arun else own_arun)
    async def _arun(self: Watched, *args: Any, **kwargs: Any) -> Any:
        run = self._entered()
        if run.refusal is not None:
            return run.refused()
        run.hears(kwargs)
        return await self._ahanded(run, lambda: own_arun(self, *args, **kwargs))

    namespace = {
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "_arun": _arun,
        "_eyelid": PrivateAttr(),
        "_run": _run,
    }
    kind: Any = type(cls)
    made: type[ToolT] = kind(cls.__name__, (Watched, cls), namespace)
    return made
