"""What instrumentation sees of a guarded model: guarded answers, verdicts, and the inner model's own under a tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eyelid import Guard
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMChatInProgressEvent
from llama_index_instrumentation.dispatcher import active_instrument_tags
from pydantic import PrivateAttr

from llama_index.llms.eyelid import guard_llm
from llama_index.postprocessor.eyelid._verdict import EyelidVerdictEvent
from llama_index.postprocessor.eyelid.testing import FakeLLM

BAD = "ZQXBAD"
ASKED = [ChatMessage("what is it?")]


class Listener(BaseEventHandler):
    _events: list[BaseEvent] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Listener"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self._events.append(event)


@pytest.fixture
def listener() -> Iterator[Listener]:
    root, listener = get_dispatcher(), Listener()
    root.add_event_handler(listener)
    yield listener
    root.event_handlers.remove(listener)


async def test_events_hold_what_was_looked_at(guard: Guard, listener: Listener) -> None:
    llm = guard_llm(FakeLLM(responses=[f"so {BAD} it is"]), guard, strategy="rewrite")
    llm.chat(ASKED)
    await llm.achat(ASKED)
    list(llm.stream_chat(ASKED))
    _ = [chunk async for chunk in await llm.astream_chat(ASKED)]
    llm.complete("what?")
    list(llm.stream_complete("what?"))
    raw = [event for event in listener._events if event.tags.get("eyelid") == "raw"]
    own = [event for event in listener._events if event.tags.get("eyelid") != "raw"]
    assert BAD in repr(raw)
    assert BAD not in repr(own)
    assert {LLMChatEndEvent, LLMChatInProgressEvent, EyelidVerdictEvent} <= {type(event) for event in own}
    assert all(event.class_name() for event in own)
    assert active_instrument_tags.get() == {}


async def test_the_tag_is_not_seen_between_chunks(guard: Guard) -> None:
    llm = guard_llm(FakeLLM(responses=["One thing. Another thing. A third."]), guard, stream="sentence")
    for _ in llm.stream_chat(ASKED):
        assert active_instrument_tags.get() == {}
    async for _ in await llm.astream_chat(ASKED):
        assert active_instrument_tags.get() == {}


def test_a_verdict_for_each_answer(guard: Guard, listener: Listener) -> None:
    for stream in ("buffer", "sentence"):
        listener._events.clear()
        llm = guard_llm(FakeLLM(responses=[f"Well then. {BAD} is next."]), guard, stream=stream)  # type: ignore[arg-type]
        list(llm.stream_chat(ASKED))
        verdicts = [event for event in listener._events if isinstance(event, EyelidVerdictEvent)]
        assert [event.where for event in verdicts] == ["llm"]
        assert verdicts[0].verdict["status"] == "flagged"
