"""Everything that somebody who watches an agent could see, as text."""

from __future__ import annotations

import asyncio
import re
import warnings
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from langchain_core._api import LangChainBetaWarning, LangChainDeprecationWarning

MARKER = "ZQXBAD"
#: An image in which the marker stands, and how its bytes look in a message.
PICTURE = b"a picture that says it"
PICTURE_BASE64 = b64encode(PICTURE).decode()
MODES = ("values", "updates", "messages", "custom", "debug", "tasks", "checkpoints", "tools")

View = Callable[[Any, Any], str]


def seen(view: str, agent: Any, given: Any) -> str:
    """What that view shows of a run; pieces of a text are put together too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        warnings.simplefilter("ignore", LangChainDeprecationWarning)
        shown = VIEWS[view](agent, given)
    return shown + "".join(_PIECE.findall(shown))


def leaks(shown: str) -> bool:
    """Whether the marker, or the image it stands in, is to be seen."""
    return MARKER in shown or PICTURE_BASE64 in shown


_PIECE = re.compile(r"(?:content=|'(?:text|content|delta|args|reasoning)': )'([^']*)'")


def _config() -> dict[str, Any]:
    return {"configurable": {"thread_id": str(uuid4())}}


def _invoke(agent: Any, given: Any) -> str:
    return repr(agent.invoke(given, _config()))


def _ainvoke(agent: Any, given: Any) -> str:
    return repr(asyncio.run(agent.ainvoke(given, _config())))


def _batch(agent: Any, given: Any) -> str:
    return repr(agent.batch([given, given], [_config(), _config()]))


def _abatch(agent: Any, given: Any) -> str:
    return repr(asyncio.run(agent.abatch([given, given], [_config(), _config()])))


def _log(agent: Any, given: Any) -> str:
    async def collect() -> str:
        return repr([patch async for patch in agent.astream_log(given, _config())])

    return asyncio.run(collect())


def _streamed(mode: str) -> View:
    return lambda agent, given: repr(list(agent.stream(given, _config(), stream_mode=mode, subgraphs=True)))


def _astreamed(mode: str) -> View:
    async def collect(agent: Any, given: Any) -> str:
        return repr([part async for part in agent.astream(given, _config(), stream_mode=mode, subgraphs=True)])

    return lambda agent, given: asyncio.run(collect(agent, given))


def _history(agent: Any, given: Any) -> str:
    config = _config()
    agent.invoke(given, config)
    return repr(list(agent.get_state_history(config)))


def _ahistory(agent: Any, given: Any) -> str:
    config = _config()

    async def collect() -> str:
        await agent.ainvoke(given, config)
        return repr([state async for state in agent.aget_state_history(config)])

    return asyncio.run(collect())


def _events(version: str) -> View:
    async def collect(agent: Any, given: Any) -> str:
        return repr([event async for event in agent.astream_events(given, _config(), version=version)])

    return lambda agent, given: asyncio.run(collect(agent, given))


def _projections() -> list[Any]:
    from langgraph.stream.transformers import (
        CheckpointsTransformer,
        CustomTransformer,
        DebugTransformer,
        TasksTransformer,
        UpdatesTransformer,
    )

    return [CheckpointsTransformer, CustomTransformer, DebugTransformer, TasksTransformer, UpdatesTransformer]


def _v3(agent: Any, given: Any) -> str:
    return repr(list(agent.stream_events(given, _config(), version="v3", transformers=_projections())))


def _av3(agent: Any, given: Any) -> str:
    async def collect() -> str:
        stream = await agent.astream_events(given, _config(), version="v3", transformers=_projections())
        return repr([event async for event in stream])

    return asyncio.run(collect())


VIEWS: dict[str, View] = {
    "invoke": _invoke,
    "ainvoke": _ainvoke,
    "batch": _batch,
    "abatch": _abatch,
    **{f"stream {mode}": _streamed(mode) for mode in MODES},
    **{f"astream {mode}": _astreamed(mode) for mode in MODES},
    "history": _history,
    "ahistory": _ahistory,
    "astream_log": _log,
    "events v1": _events("v1"),
    "events v2": _events("v2"),
    "events v3": _v3,
    "aevents v3": _av3,
}
