"""Audit: what was found, through LlamaIndex's instrumentation. Nothing is stopped here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from pydantic import ConfigDict, PrivateAttr

from llama_index.postprocessor.eyelid._verdict import EyelidVerdictEvent

__all__ = ["EyelidEventHandler", "EyelidVerdictEvent"]


class EyelidEventHandler(BaseEventHandler):
    """Hears of every verdict that eyelid reaches in LlamaIndex.

        audit = EyelidEventHandler(on_verdict=log.append)
        llama_index.core.instrumentation.get_dispatcher().add_event_handler(audit)

    It cannot stop anything: LlamaIndex swallows whatever a handler raises, and calls it after the fact. Verdicts never
    hold content. Beware of handlers that note other events: those of models and engines hold what was said, raw.

    Args:
        on_verdict: is given each event, on the thread that looked.
        keep: how many of the last events `verdicts` holds.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    _on_verdict: Callable[[EyelidVerdictEvent], None] | None = PrivateAttr(default=None)
    _kept: deque[EyelidVerdictEvent] = PrivateAttr()
    _lock: Lock = PrivateAttr(default_factory=Lock)

    def __init__(self, *, on_verdict: Callable[[EyelidVerdictEvent], None] | None = None, keep: int = 1000) -> None:
        super().__init__()
        self._on_verdict = on_verdict
        self._kept = deque(maxlen=keep)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "EyelidEventHandler"

    @property
    def verdicts(self) -> list[EyelidVerdictEvent]:
        """The last events, oldest first."""
        with self._lock:
            return list(self._kept)

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        """Take note of a verdict; other events are not looked at."""
        if not isinstance(event, EyelidVerdictEvent):
            return
        with self._lock:
            self._kept.append(event)
        if self._on_verdict is not None:
            self._on_verdict(event)
