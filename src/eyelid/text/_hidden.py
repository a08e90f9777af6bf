"""Text in characters that show nothing: Unicode tags, variation selectors, zero-width characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eyelid.text._judge import judge, readable
from eyelid.text._origin import Edit

_HIDDEN = re.compile(r"[\U000E0000-\U000E01EF\uFE00-\uFE0F\u200B-\u200F\u2060-\u2064\uFEFF\u180E\u202A-\u202E]")
_TAGS = re.compile(r"[\U000E0001-\U000E007F]+")
_SELECTORS = re.compile(r"[\uFE00-\uFE0F\U000E0100-\U000E01EF]{2,}")
_SELECTOR = re.compile(r"[\uFE00-\uFE0F\U000E0100-\U000E01EF]")
_ZERO_WIDTH = re.compile(r"[\u200B-\u200F\u2060-\u2064\uFEFF\u180E\u202A-\u202E]")
_FLAG = "\U0001f3f4"  # a black flag with tags after it is the flag of a region
_MIN_BITS = 32


def hidden_payloads(text: str) -> Iterator[Edit]:
    """What invisible characters spell, with the range they stand in. The result is for a view of its own."""
    if text.isascii() or not _HIDDEN.search(text):
        return
    yield from _tags(text)
    yield from _selectors(text)
    yield from _bits(text)


def _tags(text: str) -> Iterator[Edit]:
    runs = [
        match
        for match in _TAGS.finditer(text)
        if not (text[max(0, match.start() - 1) : match.start()] == _FLAG and len(match.group()) <= 7)
    ]
    spelt = "".join(chr(ord(char) - 0xE0000) for match in runs for char in match.group())
    plain = "".join(char for char in spelt if char >= " " and char != "\x7f")
    if plain.strip():
        yield Edit(runs[0].start(), runs[-1].end(), plain, "tags")


def _byte(selector: str) -> int:
    code = ord(selector)
    return code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16


def _selectors(text: str) -> Iterator[Edit]:
    """Each selector is a byte; in runs, or one behind each visible character."""
    for matches in (list(_SELECTORS.finditer(text)), list(_SELECTOR.finditer(text))):
        data = bytes(_byte(char) for match in matches for char in match.group())
        # Some encoders leave out the sixteen selectors of the first block.
        for candidate in (data, bytes((byte - 16) % 256 for byte in data)):
            plain = readable(candidate) if len(candidate) >= 2 else None
            if plain is not None and any(char.isalpha() for char in plain):
                yield Edit(matches[0].start(), matches[-1].end(), plain, "selectors")
                return


def _bits(text: str) -> Iterator[Edit]:
    """Two kinds of zero-width characters as bits, seven or eight to a character."""
    matches = list(_ZERO_WIDTH.finditer(text))
    if len(matches) < _MIN_BITS:
        return
    marks = [match.group() for match in matches]
    kinds = sorted(set(marks), key=lambda mark: -marks.count(mark))[:2]
    if len(kinds) < 2:
        return
    for zero, one in (kinds, kinds[::-1]):
        bits = "".join("0" if mark == zero else "1" for mark in marks if mark in (zero, one))
        for width in (8, 7):
            data = bytes(int(bits[i : i + width], 2) for i in range(0, len(bits) - width + 1, width))
            plain = readable(data)
            if plain is not None and judge(plain, strict=True) == "text":
                yield Edit(matches[0].start(), matches[-1].end(), plain, "zero-width")
                return
