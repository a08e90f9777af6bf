"""JSON strings, found and changed in place without building the document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

#: How deep JSON inside strings of JSON is followed.
MAX_DEPTH = 5

#: A string literal. Keys, nested values and both values of a duplicate key are all literals, at any depth.
LITERAL = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
_IS_KEY = re.compile(r"[ \t\r\n]*:")


def is_json(text: str) -> bool:
    """Whether the text is one valid JSON document, not nested too deep for the standard parser."""
    if not text.strip()[:1]:
        return False
    try:
        # Numbers are not needed, and long ones are refused by `int`.
        json.loads(text, parse_int=_nothing, parse_float=_nothing)
    except (ValueError, RecursionError):
        return False
    return True


def _nothing(_: str) -> None:
    return None


def decode_literal(literal: str) -> str:
    """The string that a literal stands for; the inside of the literal where it is malformed."""
    if "\\" not in literal:
        return literal[1:-1]
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]


def holds_json(text: str) -> bool:
    """Whether a string is itself a JSON object, array or string."""
    return text.lstrip()[:1] in ("{", "[", '"') and is_json(text)


def map_json_strings(text: str, change: Callable[[str], str]) -> str | None:
    """The document with every string value changed, or None if the text is not JSON.

    Keys, numbers, order, duplicate keys and layout are kept, and the result is valid JSON of the same
    structure. A string that is a JSON object, array or string itself is walked in the same way, five levels
    deep. A value that `change` returns as it was keeps its literal, escapes included.

    Args:
        text: a JSON document.
        change: gets a string value and returns what is to stand in its place.
    """
    return _map(text, change, MAX_DEPTH) if is_json(text) else None


def _map(text: str, change: Callable[[str], str], depth: int) -> str:
    def replace(match: re.Match[str]) -> str:
        literal = match.group()
        if _IS_KEY.match(text, match.end()):
            return literal
        value = decode_literal(literal)
        nested = depth > 0 and holds_json(value)
        changed = _map(value, change, depth - 1) if nested else change(value)
        return literal if changed == value else json.dumps(changed, ensure_ascii=literal.isascii())

    return LITERAL.sub(replace, text)
