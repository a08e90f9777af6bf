"""The leak matrix: entry point × where one can look × where harm comes from. Run as a module, it writes the page."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from eyelid import Guard
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from pydantic import PrivateAttr

from tests.nodes_of import BAD, BAD_IMAGE, SAYS, b64

PAGE = Path(__file__).parents[3] / "docs" / "llama-index" / "leak-matrix.md"
MARKS = (BAD, b64(BAD_IMAGE), BAD_IMAGE.decode())

#: What could be seen in each view, for one harm, with this guard or with none.
Seen: TypeAlias = Mapping[str, str]
Run: TypeAlias = Callable[[str, "Guard | None"], Awaitable[Seen]]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry point.

    Args:
        name: as in the documentation.
        harms: where harm may come from.
        run: asks it in every way.
        raw: views in which the raw content is known to be seen.
        note: why.
    """

    name: str
    harms: tuple[str, ...]
    run: Run
    raw: frozenset[str] = field(default=frozenset())
    note: str = ""

    async def cells(self) -> dict[str, dict[str, str]]:
        """View → harm → "clean", "raw", or "–" where the harm would not get there without a guard either."""
        table: dict[str, dict[str, str]] = {}
        for harm in self.harms:
            with _guard() as guard:
                guarded, bare = await self.run(harm, guard), await self.run(harm, None)
            for view in {**guarded, **bare}:
                shown = guarded.get(view, "")  # nothing is seen where what was stopped does not even take place
                there = "raw" if _leaks(shown) else "clean"
                table.setdefault(view, {})[harm] = there if _leaks(bare.get(view, shown)) else "–"
        return table


class _Listener(BaseEventHandler):
    _heard: list[str] = PrivateAttr(default_factory=list)
    _inside: list[str] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Listener"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        (self._inside if event.tags.get("eyelid") == "raw" else self._heard).append(f"{event!r} {vars(event)}")


@contextmanager
def listening() -> Iterator[dict[str, str]]:
    """Notes all events of LlamaIndex's instrumentation."""
    listener, root, seen = _Listener(), get_dispatcher(), {}
    root.add_event_handler(listener)
    try:
        yield seen
    finally:
        root.event_handlers.remove(listener)
        seen["instrumentation events"] = "\n".join(listener._heard)
        if listener._inside:
            seen["events tagged as raw"] = "\n".join(listener._inside)


def dump(*values: Any) -> str:
    """All that can be read of values."""
    return "\n".join(f"{each!r} {each} {vars(each) if hasattr(each, '__dict__') else ''}" for each in values)


async def settled(value: Any) -> Any:
    """A value, awaited if it has to be."""
    return await value if inspect.isawaitable(value) else value


def _leaks(shown: str) -> bool:
    return any(mark in shown for mark in MARKS)


@contextmanager
def _guard() -> Iterator[Guard]:
    detector = FakeDetector({BAD: 0.99})
    detoxifier = FakeDetoxifier({BAD: "[removed]"})
    with Guard([detector], detoxifier=detoxifier, decoder=FakeDecoder(), reader=FakeReader(SAYS)) as guard:
        yield guard


HEAD = """# The leak matrix

A marker is put into what a model says, a tool returns or a retriever finds; the tests run every entry point in every
way to ask, watch it in every view, and look for the marker. **clean**: it occurs nowhere. **raw**: it does, since
LlamaIndex shows it before or beside the entry point. **–**: it would not get there without a guard either.
This page is what was measured, and a test compares the two:
`cd integrations/llama-index-postprocessor-eyelid && python -m tests.matrix`.
"""


Tables: TypeAlias = Mapping[str, Mapping[str, Mapping[str, str]]]


async def measured(entries: Iterable[Entry]) -> Tables:
    """Entry point → its table."""
    return {entry.name: await entry.cells() for entry in entries}


def page(entries: Iterable[Entry], tables: Tables) -> str:
    """The page that says what was measured."""
    parts = [HEAD]
    for entry in entries:
        lines = [f"| view | {' | '.join(entry.harms)} |", "|---" * (len(entry.harms) + 1) + "|"]
        for view, cells in tables[entry.name].items():
            lines.append(f"| {view} | {' | '.join(cells.get(harm, '–') for harm in entry.harms)} |")
        parts.append(f"## {entry.name}\n")
        parts += [f"{entry.note}\n"] if entry.note else []
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    from tests.matrix_entries import ENTRIES

    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(ENTRIES, asyncio.run(measured(ENTRIES))), encoding="utf-8")
