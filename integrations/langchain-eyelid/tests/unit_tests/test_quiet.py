"""The context in which no stream hears a model's run."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.event_stream import _AstreamEventsCallbackHandler
from langchain_core.tracers.log_stream import LogStreamCallbackHandler
from langgraph.constants import TAG_NOSTREAM
from langgraph.pregel._messages import StreamMessagesHandler, StreamMessagesHandlerV2
from langgraph.pregel._tools import StreamToolCallHandler

from langchain_eyelid import _quiet


class Plain(BaseCallbackHandler):
    """A handler that is no stream."""


def streaming() -> list[Any]:
    def take(part: Any) -> None:
        pass

    return [
        _AstreamEventsCallbackHandler(),
        LogStreamCallbackHandler(),
        StreamMessagesHandler(take, True),
        StreamMessagesHandlerV2(take, True),
        StreamToolCallHandler(take, True),
    ]


@pytest.mark.parametrize("kind", [CallbackManager, AsyncCallbackManager, list])
async def test_handlers_that_stream_are_left_out_and_others_kept(kind: Any) -> None:
    plain, streams = Plain(), streaming()
    handlers = [plain, *streams]
    given = list(handlers) if kind is list else kind(list(handlers), inheritable_handlers=list(handlers))
    config: RunnableConfig = {"callbacks": given, "tags": ["mine"], "metadata": {"a": 1}}
    quiet = _quiet.silenced(config)
    callbacks: Any = quiet["callbacks"]
    if kind is list:
        assert callbacks == [plain]
    else:
        assert (callbacks.handlers, callbacks.inheritable_handlers) == ([plain], [plain])
        assert given.handlers == given.inheritable_handlers == handlers
    assert (quiet["tags"], quiet["metadata"], config["tags"]) == (["mine", TAG_NOSTREAM], {"a": 1}, ["mine"])


def test_nothing_to_silence() -> None:
    assert _quiet.AVAILABLE
    with _quiet.quiet() as heard:
        assert heard is None
    assert _quiet.silenced({}) == {"callbacks": None, "tags": [TAG_NOSTREAM]}


@pytest.mark.parametrize("go", ["invoke", "ainvoke"])
def test_the_context_is_as_before_afterwards(go: str) -> None:
    seen: list[Any] = []

    def body(value: int, config: RunnableConfig) -> int:
        inner = RunnableLambda(lambda _, config: seen.append(config["tags"]))
        for _ in range(2):
            with suppress(ValueError), _quiet.quiet() as heard:
                inner.invoke(0)
                assert heard is not None
                raise ValueError
        inner.invoke(0)
        return value

    runnable = RunnableLambda(body).with_config(tags=["outer"])
    assert (runnable.invoke(1) if go == "invoke" else asyncio.run(runnable.ainvoke(1))) == 1
    assert [TAG_NOSTREAM in tags for tags in seen] == [True, True, False]


async def test_tasks_beside_it_are_heard() -> None:
    silent: list[bool] = []

    async def one(value: int) -> int:
        inner = RunnableLambda(lambda _, config: silent.append(TAG_NOSTREAM in config["tags"]))
        if value:
            with _quiet.quiet():
                await asyncio.sleep(0.02)
                await inner.ainvoke(0)
        else:
            await asyncio.sleep(0.01)
            await inner.ainvoke(0)
        return value

    await RunnableLambda(one).abatch([1, 0])
    assert sorted(silent) == [False, True]
