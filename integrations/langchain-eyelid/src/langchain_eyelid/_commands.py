"""LangGraph's commands, looked at: what a tool writes into the state, hands to other nodes or resumes with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from langchain_eyelid._looks import Look, nothing, together
from langchain_eyelid._results import look_at_message, look_at_value
from langchain_eyelid._values import members

#: The parts of a command that carry content. Nodes are named by code, so of `goto` only what they are called with.
_CARRIERS = ("update", "goto", "resume")


def is_command(value: Any) -> bool:
    """Whether it is a command; where LangGraph was never imported there are none."""
    types = sys.modules.get("langgraph.types")
    return types is not None and isinstance(value, types.Command)


def look_at_command(command: Any, known: Iterable[BaseMessage] = ()) -> Look[Any]:
    """A command with everything in it looked at.

    Args:
        command: it is not changed.
        known: messages that stand in the state already; handed on they are not looked at again.
    """
    by_id = {message.id: message for message in known if message.id}
    carried = [_walk(getattr(command, name), by_id, nodes=name == "goto") for name in _CARRIERS]
    return together(carried, lambda values: _changed(command, dict(zip(_CARRIERS, values, strict=True))))


def _walk(value: Any, known: Mapping[str, BaseMessage], *, nodes: bool = False) -> Look[Any]:
    if isinstance(value, BaseMessage):
        return nothing(value) if known.get(value.id or "") == value else look_at_message(value)
    if (sent := _sent(value)) is not None:
        return together([_walk(value.arg, known)], lambda values: sent(values[0]))
    if not _holds_message(value):
        return nothing(value) if nodes else look_at_value(value)
    if isinstance(value, (list, tuple)):
        return together([_walk(item, known, nodes=nodes) for item in value], lambda items: _sequence(value, items))
    named = value if isinstance(value, dict) else members(value) or {}
    looks = [_walk(item, known) for item in named.values()]
    return together(looks, lambda items: _changed(value, dict(zip(named, items, strict=True))))


def _holds_message(value: Any) -> bool:
    """Whether there is a message in it, or a node that is called with something, so that it is taken apart."""
    if isinstance(value, BaseMessage) or _sent(value) is not None:
        return True
    if isinstance(value, (list, tuple)):
        return any(map(_holds_message, value))
    named = value if isinstance(value, dict) else members(value)
    return named is not None and any(map(_holds_message, named.values()))


def _sent(value: Any) -> Callable[[Any], Any] | None:
    types = sys.modules.get("langgraph.types")
    if types is None or not isinstance(value, types.Send):
        return None

    def again(arg: Any) -> Any:
        return value if arg is value.arg else types.Send(value.node, arg)

    return again


def _sequence(old: Any, items: list[Any]) -> Any:
    if all(one is other for one, other in zip(items, old, strict=True)):
        return old
    if hasattr(old, "_fields"):
        return type(old)(*items)
    return tuple(items) if isinstance(old, tuple) else items


def _changed(old: Any, items: dict[str, Any]) -> Any:
    before = old if isinstance(old, dict) else {name: getattr(old, name) for name in items}
    changes = {name: item for name, item in items.items() if item is not before[name]}
    if not changes:
        return old
    if isinstance(old, dict):
        return {**old, **changes}
    return old.model_copy(update=changes) if isinstance(old, BaseModel) else replace(old, **changes)
