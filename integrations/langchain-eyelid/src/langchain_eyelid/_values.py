"""Values of any kind as text that can be looked at, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AnySet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel

#: Their `str` says all there is to them.
_TELLING = (date, time, timedelta, Decimal, Enum, PurePath, UUID, complex)


def readable(value: Any) -> tuple[str, bool]:
    """The text of a value, and whether that is all there is to it.

    Pydantic models and dataclasses are read field by field; of other objects nobody knows what else they hold.
    """
    if isinstance(value, str):
        return value, True
    opaque: list[type] = []

    def plain(item: Any) -> Any:
        if isinstance(item, _TELLING):
            return str(item)
        if (named := members(item)) is not None:
            return named
        if isinstance(item, Mapping):
            return dict(item)
        if isinstance(item, AnySet):
            return list(item)
        opaque.append(type(item))
        return str(item)

    try:
        return json.dumps(value, ensure_ascii=False, default=plain), not opaque
    except (TypeError, ValueError, RecursionError):  # keys that are no strings, circles, nesting without end
        return str(value), False


def as_json(named: dict[str, Any]) -> dict[str, Any]:
    """A dict of JSON alone; what is no JSON stands as its text."""
    text, _ = readable(named)
    try:
        return dict(json.loads(text))
    except ValueError:
        return {"text": text}


def members(value: Any) -> dict[str, Any] | None:
    """The fields of a model or a dataclass by name; None for anything else."""
    if isinstance(value, BaseModel):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return None


def restored(text: str, value: Any) -> Any:
    """A rewritten text as a value of the same kind; without content where it does not fit the old one any more."""
    if isinstance(value, str):
        return text
    try:
        changed = json.loads(text)
    except ValueError:
        return emptied(value)
    return changed if _alike(changed, value) else emptied(value)


def emptied(value: Any) -> Any:
    """The least of its kind, for where something has to stand."""
    for kind in (str, list, dict, tuple):
        if type(value) is kind:
            return kind()
    return None


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and type(other) is dict:
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and type(other) is list:
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and (isinstance(one, str) or one == other)
