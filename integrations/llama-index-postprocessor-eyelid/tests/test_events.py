"""Audit through LlamaIndex's instrumentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eyelid import Guard
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent

from llama_index.postprocessor.eyelid import (
    EyelidEventHandler,
    EyelidNodePostprocessor,
    EyelidOutputParser,
    EyelidVerdictEvent,
    GuardedChatEngine,
    GuardedQueryEngine,
)
from tests.engines_of import ANSWER, ASKED, chat_engine, query_engine
from tests.nodes_of import BAD, scored, text


@pytest.fixture
def audit() -> Iterator[EyelidEventHandler]:
    root, handler = get_dispatcher(), EyelidEventHandler(keep=50)
    root.add_event_handler(handler)
    yield handler
    root.event_handlers.remove(handler)


def test_it_is_a_handler_of_events() -> None:
    assert issubclass(EyelidEventHandler, BaseEventHandler)
    assert issubclass(EyelidVerdictEvent, BaseEvent)
    assert EyelidEventHandler.class_name() == "EyelidEventHandler"
    assert EyelidVerdictEvent.class_name() == "EyelidVerdictEvent"


async def test_it_hears_of_every_verdict(guard: Guard, audit: EyelidEventHandler) -> None:
    EyelidNodePostprocessor(guard).postprocess_nodes(scored(text("tea"), text(BAD)))
    assert [event.verdict["action"] for event in audit.verdicts] == ["allow", "block"]
    assert {event.where for event in audit.verdicts} == {"postprocessor"}
    GuardedQueryEngine(query_engine(), guard).query(ASKED)
    str(await GuardedQueryEngine(query_engine(streaming=True), guard).aquery(ASKED))
    GuardedChatEngine(chat_engine("context")[0], guard).chat(ASKED)
    EyelidOutputParser(guard).parse(ANSWER)
    assert {event.where for event in audit.verdicts} == {
        "postprocessor", "query_engine", "chat_engine", "memory", "output_parser"
    }  # fmt: skip
    assert BAD not in "".join(event.model_dump_json() for event in audit.verdicts)


def test_it_forgets_what_is_old_and_heeds_nothing_else(guard: Guard) -> None:
    seen: list[EyelidVerdictEvent] = []
    handler = EyelidEventHandler(on_verdict=seen.append, keep=2)
    for number in range(5):
        handler.handle(EyelidVerdictEvent(verdict={"number": number}))
        handler.handle(BaseEvent())
    assert [event.verdict["number"] for event in handler.verdicts] == [3, 4]
    assert len(seen) == 5


def test_it_cannot_stop_anything(guard: Guard, audit: EyelidEventHandler) -> None:
    """Documented: LlamaIndex swallows what a handler raises."""

    def stop(event: Any) -> None:
        raise RuntimeError("no further")

    handler = EyelidEventHandler(on_verdict=stop)
    get_dispatcher().add_event_handler(handler)
    try:
        assert str(GuardedQueryEngine(query_engine(), guard).query(ASKED))
    finally:
        get_dispatcher().event_handlers.remove(handler)
    assert handler.verdicts


def test_misspelled_arguments_raise() -> None:
    with pytest.raises(TypeError):
        EyelidEventHandler(on_verdct=print)  # type: ignore[call-arg]
