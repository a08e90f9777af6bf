"""Which messages were looked at: the very objects, so that no copy and nothing a provider says passes for one."""

from __future__ import annotations

import weakref
from typing import Any, TypeAlias

from eyelid import Guard
from langchain_core.messages import BaseMessage

from langchain_eyelid._settings import Settings

#: By whom and by which rules something was looked at.
Rules: TypeAlias = tuple[Any, ...]

_marks: dict[int, tuple[weakref.ref[BaseMessage], Rules]] = {}


def rules(guard: Guard, settings: Settings) -> Rules:
    """What tells one look from another."""
    return (guard, settings.strategy, settings.on_error, settings.image_loader)


def mark(message: BaseMessage, by: Rules) -> None:
    """Note that a message was looked at, by whom and under which rules."""
    place = id(message)
    _marks[place] = (weakref.ref(message, lambda _: _marks.pop(place, None)), by)


def is_marked(message: BaseMessage, by: Rules | None) -> bool:
    """Whether this object was looked at in the same way."""
    reference, marked_by = _marks.get(id(message), (None, None))
    return reference is not None and reference() is message and bool(marked_by == by)
