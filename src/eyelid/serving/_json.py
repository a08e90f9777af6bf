"""JSON from strangers: bounded before it is built, and with every key once."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from eyelid.serving._problem import Problem

#: Values of one document, and bytes of it outside its strings; far above what any request here needs.
MAX_VALUES = 50_000
MAX_STRUCTURE = 1024 * 1024


def parse(body: bytes) -> Any:
    """A JSON document.

    Nesting is bounded by the parser, at 200. What there is outside of strings is counted before any of it becomes an
    object, since `[[],[],` takes twenty times its size in memory.

    Raises:
        Problem: it is none, it has too many parts, or an object has a key twice: of two values only one would be
            looked at, and whoever reads the document elsewhere may take the other. The message holds no content.
    """
    structure = _outside_of_strings(body)
    try:
        document = from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        # The parser's messages are fixed texts and positions.
        raise Problem(400, "json", f"the body is not JSON that can be read: {error}") from None
    if structure.count(b":") != _keys(document):
        raise Problem(400, "json", "the body has an object with the same key twice")
    return document


def _outside_of_strings(body: bytes) -> bytes:
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")  # what is left of the quotes are ends of strings
    if plain.count(b'"') > 2 * MAX_VALUES:
        raise Problem(413, "json", f"the body has more than {MAX_VALUES} values")
    structure = b"".join(plain.split(b'"')[::2])
    if len(structure) > MAX_STRUCTURE or sum(structure.count(sign) for sign in (b"[", b"{", b",")) > MAX_VALUES:
        raise Problem(413, "json", f"the body has more than {MAX_VALUES} values")
    return structure


def _keys(document: Any) -> int:
    """Keys of all objects in a document."""
    count, left = 0, [document]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            count += len(value)
            left += value.values()
        elif isinstance(value, list):
            left += value
    return count
