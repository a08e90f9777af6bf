"""What JSON and HTML say once escapes, nesting and tags are taken off.

Keys, attributes, comments and link targets stand in the raw text, which is looked at in any case. This adds
one view, and only where the raw text hides something: escapes inside strings, JSON inside JSON, words broken
by tags, text that drowns in markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from eyelid.text._json import LITERAL, MAX_DEPTH, decode_literal, holds_json


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the structure view and the range of the text it stands for."""

    text: str = field(repr=False)
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Structure:
    """The pieces to be joined, and whether something was nested too deep to be followed."""

    kind: str
    pieces: tuple[Piece, ...] = ()
    too_deep: bool = False


def structure(text: str) -> Structure | None:
    """What the text's JSON or HTML says, or None if the raw text shows it already."""
    if "\\" in text and _IN_JSON.search(text) and _TELLING_ESCAPE.search(text):
        return _json(text)
    if "<" in text and _hides_text(text):
        return Structure("html", tuple(_html(text)))
    return None


# --- JSON

_IN_JSON = re.compile(r'\A\s*[\[{"]|[{,]\s{0,40}"[^"\\\n]{0,80}"\s{0,8}:')
# An escape that touches a word, stands for a letter, or is escaped itself.
_TELLING_ESCAPE = re.compile(r"\\(?:[ntrbf][A-Za-z]|u[0-9a-fA-F]{4}|\\)")


def _json(text: str) -> Structure:
    pieces: list[Piece] = []
    too_deep = False
    for match in LITERAL.finditer(text):
        strings: list[str] = []
        too_deep |= _strings(decode_literal(match.group()), strings, MAX_DEPTH)
        key = text[match.end() : match.end() + 1] == ":"
        end = ": " if key else "\n"
        pieces.extend(Piece(string + end, match.start(), match.end()) for string in strings if string)
    return Structure("json", tuple(pieces), too_deep)


def _strings(value: str, found: list[str], depth: int) -> bool:
    """Collect the string, or the strings of the JSON in it; whether some lie too deep."""
    if not holds_json(value):
        found.append(value)
        return False
    if depth == 0:
        found.append(value)
        return True
    too_deep = False
    for match in LITERAL.finditer(value):
        too_deep |= _strings(decode_literal(match.group()), found, depth - 1)
        if value[match.end() : match.end() + 1] == ":":
            found[-1] += ":"
    return too_deep


# --- HTML

_TAG_START = re.compile(r"<(?:!--|[A-Za-z/!?])")
_NAME = re.compile(r"/?\s{0,8}([A-Za-z][A-Za-z0-9:-]{0,30})")
_VALUE = re.compile(r"""=\s{0,8}("[^"]*"|'[^']*'|[^\s"'>]+)""")
_INLINE_TAGS = """
a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub
sup tt u var wbr
"""
_INLINE = frozenset(_INLINE_TAGS.split())
# A letter, a tag of the kind that does not end a word, a letter.
_BROKEN_WORD = re.compile(
    r"[A-Za-z](?:</?(?:" + "|".join(sorted(_INLINE)) + r")(?:\s[^<>]{0,200})?/?>|<!--[^<>]{0,200}-->)+[A-Za-z]",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
_MUCH_MARKUP = 0.3
_MIN_MARKUP = 200


def _hides_text(text: str) -> bool:
    if _BROKEN_WORD.search(text):
        return True
    markup = sum(map(len, _MARKUP.findall(text)))
    return markup >= _MIN_MARKUP and markup > _MUCH_MARKUP * len(text)


def _html(text: str) -> Iterator[Piece]:
    """Running text first, inline tags dropped and other tags as line breaks; then attributes and comments."""
    aside: list[Piece] = []
    for kind, start, end in _scan(text):
        raw = text[start:end]
        if kind == "text":
            yield Piece(html.unescape(raw), start, end)
            continue
        if kind == "comment":
            aside.append(Piece("\n" + raw, start, end))
            continue
        name = _NAME.match(raw, 1)
        if not name or name.group(1).lower() not in _INLINE:
            yield Piece("\n", start, end)
        for value in _VALUE.finditer(raw):
            aside.append(
                Piece("\n" + html.unescape(value.group(1)).strip("\"'"), start + value.start(1), start + value.end(1))
            )
    yield from aside


def _scan(text: str) -> Iterator[tuple[str, int, int]]:
    """Text, tags and comments in order. An opening without its end is text."""
    here = 0
    comments_end = text.rfind("-->")
    for match in _TAG_START.finditer(text):
        start = match.start()
        comment = match.group() == "<!--"
        if start < here or (comment and comments_end < match.end()):
            continue
        close = text.find("-->" if comment else ">", match.end())
        if close < 0:
            break
        if start > here:
            yield "text", here, start
        if comment:
            yield "comment", match.end(), close
        else:
            yield "tag", start, close + 1
        here = close + (3 if comment else 1)
    if here < len(text):
        yield "text", here, len(text)
