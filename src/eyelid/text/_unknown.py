"""Text in characters that Unicode gives no meaning: private use, and those not assigned.

A single one is an icon of some font, or a sign newer than our tables. A run of them is writing that a model
may read although no reader does: mostly each stands for the character at its place in the block.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from eyelid.text._judge import judge, readable
from eyelid.text._origin import Edit

_RUN = re.compile(r"x[ x]*x|x")  # over the marks that `_marks` gives
_PRINTABLE = re.compile(r"[\t\n\r -~]+\Z")
# Where a block that starts with a space or a letter has its first character.
_SHIFTS = (32, 64, 65, 96, 97)
#: Characters of a run that are too many for icons, and how many of them differ.
LONG, _DIFFERENT, _ADJACENT = 8, 4, 3
#: The same for a run of very few signs, such as a row of stars or of bits.
_VERY_LONG = 32
_JAPANESE = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """What the characters without a meaning spell.

    Args:
        payload: what they were found to stand for, and the range they are in.
        unreadable: whether a run that is too long for icons stands for nothing that was found.
    """

    payload: Edit | None = field(default=None, repr=False)
    unreadable: bool = False


def unknown(text: str) -> Unknown:
    """Read the characters that have no meaning of their own, in time proportional to the length."""
    if text.isascii():
        return Unknown()
    marks = _marks(text)
    if marks is None:
        return Unknown()
    runs = [(match.start(), match.end()) for match in _RUN.finditer(marks)]
    pieces = [_piece(text[start:end], marks[start:end]) for start, end in runs]
    if len(pieces) > 1:  # words among others, or one behind each visible character
        whole = _decode(" ".join(pieces)) or _decode("".join("".join(pieces).split()))
        if whole is not None:
            return Unknown(Edit(runs[0][0], runs[-1][1], whole, "unassigned"))
    read = [_decode(piece, guess=_is_writing(piece)) for piece in pieces]
    found = [(run, plain) for run, plain in zip(runs, read, strict=True) if plain is not None]
    unreadable = any(plain is None and _is_writing(piece) for piece, plain in zip(pieces, read, strict=True))
    if not found:
        return Unknown(None, unreadable)
    payload = Edit(found[0][0][0], found[-1][0][1], " ".join(plain for _, plain in found), "unassigned")
    return Unknown(payload, unreadable)


def _marks(text: str) -> str | None:
    """`x` for each character without a meaning, a space for what may stand inside a run; None if there are none."""
    table = {char: _mark(char) for char in set(text)}
    return "".join(map(table.__getitem__, text)) if "x" in table.values() else None


def _mark(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Co", "Cn"):
        return "x"
    return " " if char.isspace() or category in ("Cf", "Cc", "Mn") else "-"


def _piece(run: str, marks: str) -> str:
    """The run without the invisible characters inside."""
    return "".join(char for char, mark in zip(run, marks, strict=True) if mark == "x" or char.isspace())


def _decode(run: str, *, guess: bool = False) -> str | None:
    """What reads as English, else as another script, else (a guess) what could have been typed."""
    readings = [plain for plain in _readings(run) if plain is not None]
    typed = [plain for plain in readings if _PRINTABLE.match(plain)]
    texts = [plain for plain in typed if judge(plain, strict=True) == "text"]
    texts = texts or [plain for plain in readings if judge(plain, strict=True) == "text" and _one_script(plain)]
    return next(iter(texts or (typed if guess else [])), None)


def _readings(run: str) -> Iterator[str | None]:
    yield "".join(char if char.isspace() else chr(_place(ord(char))) for char in run)
    low = bytes(32 if char.isspace() else ord(char) & 0xFF for char in run)
    yield readable(low)
    top = max((code for code, char in zip(low, run, strict=True) if not char.isspace()), default=0)
    for shift in _SHIFTS:
        if top + shift <= 0x7E:
            yield "".join(char if char.isspace() else chr((ord(char) & 0xFF) + shift) for char in run)


def _place(code: int) -> int:
    """The character that stands where `code` does in its block; 0 if there is none."""
    if code > 0xFFFF:
        place = code & 0xFFFF
        return 0 if 0xD800 <= place <= 0xF8FF else place
    return code - 0xE000 if 0xE000 <= code < 0xE800 else 0


def _one_script(plain: str) -> bool:
    """Whether the letters are Latin and of one script more at most; in noise they are of many."""
    letters = {char for char in plain if char > "\x7f" and char.isalpha()}
    scripts = {unicodedata.name(char, "?").split(" ")[0] for char in letters} - {"LATIN"}
    return len(scripts) <= 1 or scripts <= _JAPANESE


def _is_writing(run: str) -> bool:
    words = run.split()
    count, different, longest = sum(map(len, words)), len(set("".join(words))), max(map(len, words))
    if count >= LONG and different >= _DIFFERENT and longest >= _ADJACENT:
        return True
    return count >= _VERY_LONG and different > 1 and longest >= LONG
