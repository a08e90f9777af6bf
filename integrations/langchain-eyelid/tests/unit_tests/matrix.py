"""The leak matrix: what each entry point promises in each view; run as a module, it writes the page."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eyelid import Guard, HarmfulContentError
from langchain_core._api import LangChainBetaWarning, LangChainDeprecationWarning
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from tests.unit_tests.agents import CASES, GIVEN, Report, call
from tests.unit_tests.seeing import QUESTION, RAW, SAYS, SIGN, asked, seeing, step_of
from tests.unit_tests.views import MARKER, PICTURE_BASE64, VIEWS, View, leaks, seen

from langchain_eyelid import (
    EyelidCallbackHandler,
    EyelidDocumentFilter,
    EyelidGuard,
    EyelidMiddleware,
    EyelidOutputParser,
    guard_model,
    guard_tools,
)
from langchain_eyelid.testing import FakeStreamingChatModel

PAGE = Path(__file__).parents[4] / "docs" / "langchain" / "leak-matrix.md"
PICTURE = {"type": "image", "base64": PICTURE_BASE64, "mime_type": "image/png"}

# --- kinds of content, and the views of a chain

SAID: dict[str, AIMessage] = {
    "text": AIMessage(f"It says {MARKER}."),
    "tool-call arguments": AIMessage("", tool_calls=[call(place=f"at {MARKER}")]),
    "image text": AIMessage([{"type": "text", "text": "Here it is."}, PICTURE]),
    "structured output": AIMessage(Report(title="Report", lines=["fine", f"and {MARKER}"]).model_dump_json()),
}
FOUND: dict[str, Document] = {
    "text": Document(f"It says {MARKER}."),
    "image text": Document("fine", metadata={"picture": PICTURE}),
    "metadata": Document("fine", metadata={"title": MARKER}),
}
IN_AGENTS = {
    "text": "text",
    "tool-call arguments": "arguments",
    "tool result": "result",
    "image text": "image",
    "structured output": "structured by tool",
}


class Shelf(BaseRetriever):
    """One document."""

    document: Document

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [self.document]


def _run(collect: Callable[[], Any]) -> str:
    return repr(asyncio.run(collect()))


def _stream(runnable: Any, given: Any) -> str:
    out = []
    try:
        for piece in runnable.stream(given):
            out.append(piece)  # what was out before it was stopped counts
    except HarmfulContentError:
        pass
    return repr(out) + "".join(str(getattr(piece, "text", piece)) for piece in out)


def _watched(pieces: Callable[[Any, Any], Any]) -> View:
    """What was out before the run ended or was stopped."""

    def show(runnable: Any, given: Any) -> str:
        out: list[Any] = []

        async def collect() -> None:
            with contextlib.suppress(HarmfulContentError):
                async for piece in pieces(runnable, given):
                    out.append(piece)

        asyncio.run(collect())
        return repr(out) + "".join(str(getattr(piece, "text", "")) for piece in out)

    return show


def _cached(runnable: Any, given: Any) -> str:
    """What the model's cache holds afterwards."""
    with contextlib.suppress(HarmfulContentError):
        runnable.invoke(given)
    return repr([cache._cache for cache in CACHES])


CACHES: list[InMemoryCache] = []
CHAIN_VIEWS: dict[str, View] = {
    "invoke": lambda runnable, given: repr(runnable.invoke(given)),
    "ainvoke": lambda runnable, given: _run(lambda: runnable.ainvoke(given)),
    "batch": lambda runnable, given: repr(runnable.batch([given, given])),
    "abatch": lambda runnable, given: _run(lambda: runnable.abatch([given, given])),
    "stream": _stream,
    "astream": _watched(lambda runnable, given: runnable.astream(given)),
    "astream_log": _watched(lambda runnable, given: runnable.astream_log(given)),
    "events v1": _watched(lambda runnable, given: runnable.astream_events(given, version="v1")),
    "events v2": _watched(lambda runnable, given: runnable.astream_events(given, version="v2")),
    "LLM cache": _cached,
}

# --- entry points, and what they promise

WATCHED = ("astream_log", "events v1", "events v2", "LLM cache")
TOOL_RUNS = ("stream tools", "astream tools", "astream_log", "events v1", "events v2", "events v3", "aevents v3")


@dataclass(frozen=True)
class Entry:
    """An entry point.

    Args:
        name: as it is called.
        build: makes a runnable and what it is given, for a kind of content.
        views: how it can be watched.
        kinds: of content.
        raw: kind → the views in which it is raw, since it is not in this entry point's power; all else is clean.
        why: why it is not.
    """

    name: str
    build: Callable[[str, Guard], tuple[Any, Any]]
    views: Mapping[str, View]
    kinds: tuple[str, ...]
    raw: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    why: str = ""

    def leaking(self, kind: str, guard: Guard) -> set[str]:
        """The views in which the marker is to be seen."""
        return {view for view in self.views if leaks(self._shown(view, *self.build(kind, guard)))}

    def _shown(self, view: str, runnable: Any, given: Any) -> str:
        if self.views is VIEWS:
            return seen(view, runnable, given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LangChainBetaWarning)
            warnings.simplefilter("ignore", LangChainDeprecationWarning)
            try:
                return self.views[view](runnable, given)
            except HarmfulContentError as stopped:
                return repr(stopped)


def _model(kind: str) -> FakeStreamingChatModel:
    CACHES[:] = [InMemoryCache()]
    return FakeStreamingChatModel(responses=[SAID[kind]], chunk_size=400, cache=CACHES[0])


def _agent(make: Callable[[Any, Guard], Any], **other: str) -> Callable[[str, Guard], tuple[Any, Any]]:
    names = {**IN_AGENTS, **other}
    return lambda kind, guard: (make(CASES[names[kind]], guard), GIVEN)


def _chain(make: Callable[[Any, Guard], Any]) -> Callable[[str, Guard], tuple[Any, Any]]:
    return lambda kind, guard: (make(_model(kind), guard), "What is it?")


def _seeing_agent(make: Callable[[Any, Guard], Any], **other: str) -> Callable[[str, Guard], tuple[Any, Any]]:
    """About an image, by a model that says what must not be seen when it is asked again as well."""
    names = {**IN_AGENTS, **other}
    return lambda kind, guard: (make(seeing(CASES[names[kind]]), guard), QUESTION)


def _seeing_chain(kind: str, guard: Guard) -> tuple[Any, Any]:
    says = {**SAYS, **RAW, "answer": SAID[kind]}
    model = _model(kind).model_copy(update={"answer": lambda messages, options: says[step_of(messages)]})
    return guard_model(model, guard, strategy="reask"), [asked(SIGN)]


def _shelf(kind: str, guard: Guard) -> tuple[Any, Any]:
    CACHES.clear()
    return Shelf(document=FOUND[kind]) | EyelidDocumentFilter(guard), "What is it?"


def _stopping(model: Any, guard: Guard) -> Any:
    return model.with_config(callbacks=[EyelidCallbackHandler(guard, raise_on_harm=True)])


AGENT_KINDS, CHAIN_KINDS = tuple(IN_AGENTS), tuple(SAID)
REASKED = "The marker is also in how the model judges its answer and in what it says of the user's image."
AFTER_A_MODEL = "It comes after the model, whose own run and cache show what it said. `guard_model` closes these."
ENTRIES = (
    Entry(
        "EyelidMiddleware with guard_tools",
        _agent(lambda case, guard: case.agent(EyelidMiddleware(guard), tools=guard_tools(case.tools, guard))),
        VIEWS,
        AGENT_KINDS,
    ),
    Entry(
        "EyelidMiddleware",
        _agent(lambda case, guard: case.agent(EyelidMiddleware(guard))),
        VIEWS,
        AGENT_KINDS,
        {"tool result": TOOL_RUNS, "image text": TOOL_RUNS},
        "A tool's own run tells what it returned before any middleware is asked. `guard_tools` closes it.",
    ),
    Entry(
        "guard_tools",
        _agent(lambda case, guard: case.agent(tools=guard_tools(case.tools, guard))),
        VIEWS,
        ("tool result", "image text"),
    ),
    Entry(
        "guard_model in an agent",
        _agent(
            lambda case, guard: case.agent(model=guard_model(case.model(), guard)),
            **{"structured output": "structured by provider"},
        ),
        VIEWS,
        ("text", "tool-call arguments", "structured output"),
    ),
    Entry("guard_model", _chain(guard_model), CHAIN_VIEWS, CHAIN_KINDS),
    Entry('guard_model(strategy="reask")', _seeing_chain, CHAIN_VIEWS, CHAIN_KINDS, why=REASKED),
    Entry(
        'guard_model(strategy="reask") in an agent',
        _seeing_agent(
            lambda case, guard: case.agent(model=guard_model(case.model(), guard, strategy="reask")),
            **{"structured output": "structured by provider"},
        ),
        VIEWS,
        ("text", "tool-call arguments", "structured output"),
        why=REASKED,
    ),
    Entry(
        'EyelidMiddleware(strategy="reask") with guard_tools',
        _seeing_agent(
            lambda case, guard: case.agent(
                EyelidMiddleware(guard, strategy="reask"), tools=guard_tools(case.tools, guard)
            )
        ),
        VIEWS,
        AGENT_KINDS,
        why=REASKED,
    ),
    Entry(
        "EyelidOutputParser",
        _chain(lambda model, guard: model | EyelidOutputParser(guard)),
        CHAIN_VIEWS,
        CHAIN_KINDS,
        dict.fromkeys(CHAIN_KINDS, WATCHED),
        AFTER_A_MODEL,
    ),
    Entry(
        "EyelidGuard",
        _chain(lambda model, guard: model | EyelidGuard(guard)),
        CHAIN_VIEWS,
        CHAIN_KINDS,
        dict.fromkeys(CHAIN_KINDS, WATCHED),
        AFTER_A_MODEL,
    ),
    Entry(
        "EyelidDocumentFilter",
        _shelf,
        CHAIN_VIEWS,
        tuple(FOUND),
        dict.fromkeys(FOUND, ("astream_log", "events v1", "events v2")),
        "It comes after the retriever, whose own run shows what it found.",
    ),
    Entry(
        "EyelidCallbackHandler(raise_on_harm=True)",
        _chain(_stopping),
        CHAIN_VIEWS,
        CHAIN_KINDS,
        dict.fromkeys(CHAIN_KINDS, ("stream", "astream", *WATCHED)),
        "By the time a callback is asked, a stream has been handed out, events are sent and the cache is written.",
    ),
)


def page() -> str:
    """The matrix as a page of the documentation."""
    lines = [
        "# The leak matrix",
        "",
        "A marker is put into what a model says or a tool returns; the tests run every entry point, watch it in every",
        "view and look for the marker. **clean**: it occurs nowhere. **raw**: it does, since the framework shows it",
        "before or beside the entry point. Generated from the table that the tests check:",
        "`cd integrations/langchain-eyelid && python -m tests.unit_tests.matrix`.",
        "",
        "Where a chain ends with an exception, as `EyelidCallbackHandler` lets it, that counts as clean.",
    ]
    for entry in ENTRIES:
        lines += ["", f"## {entry.name}", ""]
        lines += [*([entry.why, ""] if entry.why else [])]
        lines += [f"| view | {' | '.join(entry.kinds)} |", "|---" * (len(entry.kinds) + 1) + "|"]
        for view in entry.views:
            cells = ["raw" if view in entry.raw.get(kind, ()) else "clean" for kind in entry.kinds]
            lines.append(f"| {view} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
