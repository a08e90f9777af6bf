"""A context in which a model's run reaches no stream.

Whoever streams an agent is told of the model's tokens by callback handlers that LangGraph and `astream_events` put
into the context. While the model runs they are taken out, so that nothing is streamed before it was looked at; what
the agent's node then returns is streamed as usual. Other handlers, tracers among them, stay and see the raw run.

There is no public way to tell those handlers from others, nor to set the context. Where LangChain has moved what is
needed, `AVAILABLE` is False and the middleware wraps the model instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig

#: The tag by which LangGraph keeps a run out of its message streams; `langgraph.constants.TAG_NOSTREAM`.
NO_STREAM = "nostream"

_current: ContextVar[RunnableConfig | None] | None
_streaming: tuple[type, ...]
try:
    from langchain_core.runnables.config import var_child_runnable_config
    from langchain_core.tracers._streaming import _StreamingCallbackHandler, _V2StreamingCallbackHandler
except ImportError:
    _current, _streaming = None, ()
else:
    _current, _streaming = var_child_runnable_config, (_StreamingCallbackHandler, _V2StreamingCallbackHandler)

#: Whether this version of LangChain still has what is needed.
AVAILABLE = _current is not None


@contextmanager
def quiet() -> Iterator[RunnableConfig | None]:
    """Runs within reach no stream; gives the config by which they would.

    Sync or async alike: the context is set for the calling thread or task.
    """
    config = _current.get() if _current is not None else None
    if _current is None or config is None:
        yield None
        return
    token = _current.set(silenced(config))
    try:
        yield config
    finally:
        _current.reset(token)


def silenced(config: RunnableConfig) -> RunnableConfig:
    """The config without the handlers that stream."""
    return {
        **config,
        "callbacks": _without_streams(config.get("callbacks")),
        "tags": [*(config.get("tags") or ()), NO_STREAM],
    }


def _without_streams(callbacks: Any) -> Any:
    if isinstance(callbacks, BaseCallbackManager):
        manager = callbacks.copy()
        manager.handlers = _others(manager.handlers)
        manager.inheritable_handlers = _others(manager.inheritable_handlers)
        return manager
    return None if callbacks is None else _others(callbacks)


def _others(handlers: list[Any]) -> list[Any]:
    return [handler for handler in handlers if not isinstance(handler, _streaming)]
