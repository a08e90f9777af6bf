"""The canonical form of a text: what a reader sees, in plain characters.

Invisible characters are dropped, compatibility forms folded (NFKC), marks taken off Latin letters. Other
scripts stay themselves: an `й`, a vowel sign or a voicing mark is part of the letter.
"""

from __future__ import annotations

import re
import unicodedata

from eyelid.text._origin import Edit, OffsetMap, rewrite

#: Combining marks kept on one letter. NFKC sorts each run of marks in quadratic time, so longer ones are cut
#: first; Unicode's own stream-safe format allows 30.
MAX_MARKS = 8
_MAX_PASSES = 4
_CACHED = 20_000

# Everything but printable ASCII, tab and line breaks; escape sequences of terminals first.
_ODD = re.compile(r"(?:\x1b\[[0-9;?]{0,32}[@-~]|[^\t\n\r\x20-\x7e])+")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]{0,32}[@-~]")

# Marks that sit on letters of any script: the combining-diacritics blocks, joiners and enclosing marks.
_DIACRITICS = ((0x300, 0x36F), (0x483, 0x489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
# Letters in boxes and circles that NFKC leaves alone or puts in brackets: first code, first letter.
_ENCLOSED = ((0x249C, "a"), (0x1F110, "A"), (0x1F150, "A"), (0x1F170, "A"), (0x1F1E6, "A"))
# Characters that show nothing although their category says letter or symbol.
_BLANK = frozenset({0x115F, 0x1160, 0x3164, 0xFFA0, 0x17B4, 0x17B5, 0x034F, 0x180B, 0x180C, 0x180D, 0x180F})
# Marks that stand alone. NFKC would turn them into a space and a loose mark.
_SPACING = {0xA8: '"', 0xAF: "-", 0xB4: "'", 0xB8: ",", 0x2D9: ".", 0x2DA: "°", 0x2DC: "~", 0x2017: "_", 0x203E: "-"}


class _Visible(dict[int, "str | int | None"]):
    """Translation table that drops what shows nothing."""

    def __missing__(self, code: int) -> str | int | None:
        value = _visible(code)
        if len(self) < _CACHED:
            self[code] = value
        return value


class _Plain(dict[int, "str | int | None"]):
    """Translation table, after NFKC, that takes marks off Latin letters."""

    def __missing__(self, code: int) -> str | int | None:
        value = _plain(code)
        if len(self) < _CACHED:
            self[code] = value
        return value


def _visible(code: int) -> str | int | None:
    if code < 0x7F:
        return code if code >= 0x20 or code in (9, 10, 13) else None
    if code in _BLANK or 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF:
        return None
    if code in _SPACING:
        return _SPACING[code]
    for first, letter in _ENCLOSED:
        if first <= code < first + 26:
            return chr(ord(letter) + code - first)
    category = unicodedata.category(chr(code))
    if code == 0x85 or category in ("Zl", "Zp"):
        return "\n"
    if code == 0x2800 or category == "Zs":
        return " "
    return None if category in ("Cf", "Cc", "Co", "Cn") else code


def _plain(code: int) -> str | int | None:
    char = chr(code)
    if code < 0x7F:
        return code
    if any(first <= code <= last for first, last in _DIACRITICS):
        return None
    base = unicodedata.normalize("NFD", char)[0]
    if base != char and base.isascii() and base.isalpha():
        return base
    return _visible(code)


_VISIBLE = _Visible()
_PLAIN = _Plain()


def _is_mark(char: str) -> bool:
    return unicodedata.combining(char) != 0 or unicodedata.category(char)[0] == "M"


def _cap_marks(run: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in run:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _clean(run: str) -> str:
    seen = _ESCAPE.sub("", run).translate(_VISIBLE)
    if len(seen) > MAX_MARKS:
        seen = _cap_marks(seen)
    return unicodedata.normalize("NFKC", seen).translate(_PLAIN)


def _clusters(run: str) -> list[str]:
    """The run cut before every character that starts a new one, so that edits stay small."""
    pieces: list[str] = []
    start = 0
    for index, char in enumerate(run):
        if index > start and not _joins(char):
            pieces.append(run[start:index])
            start = index
    pieces.append(run[start:])
    return pieces


def _joins(char: str) -> bool:
    return _is_mark(char) or _VISIBLE[ord(char)] is None


def _edits(text: str) -> list[Edit]:
    edits: list[Edit] = []
    for match in _ODD.finditer(text):
        run, start = match.group(), match.start()
        cleaned = _clean(run)
        if cleaned == run:
            continue
        pieces = _clusters(run)
        memo: dict[str, str] = {}
        results = [memo[piece] if piece in memo else memo.setdefault(piece, _clean(piece)) for piece in pieces]
        if "".join(results) != cleaned:  # neighbours compose with each other
            edits.append(Edit(start, match.end(), cleaned, "canonical"))
            continue
        for piece, result in zip(pieces, results, strict=True):
            if piece != result:
                edits.append(Edit(start, start + len(piece), result, "canonical"))
            start += len(piece)
    return edits


def canonicalise(text: str, origin: OffsetMap | None = None) -> tuple[str, OffsetMap]:
    """The canonical form and where its characters came from. Applied twice it changes nothing more.

    In time proportional to the length; the result has at most 18 characters for each one of the original.
    """
    origin = origin or OffsetMap.identity(len(text))
    for _ in range(_MAX_PASSES):
        edits = _edits(text)
        if not edits:
            break
        # The first pass may bring together what an invisible character held apart.
        text, origin = rewrite(text, edits, origin)
    return text, origin
