"""Braille, a letter to a cell, as in uncontracted (grade 1) English."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eyelid.text._judge import judge
from eyelid.text._origin import Edit

_RUN = re.compile("[\u2800-\u28ff]+(?:[ \t\r\n]{1,4}[\u2800-\u28ff]+)*")
_CELL = re.compile("(\u283c)([\u2801-\u281f]+)|[\u2800-\u28ff]")
_LETTERS = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", "abcdefghijklmnopqrstuvwxyz", strict=True))
_SIGNS = dict(zip("⠂⠆⠒⠲⠦⠖⠄⠤", ",;:.?!'-", strict=True))
# Five words that many spell with one cell; capitals and letters are announced by a cell that says nothing else.
_OTHERS = {"⠯": "and", "⠿": "for", "⠷": "of", "⠮": "the", "⠾": "with", "⠠": "", "⠰": "", "⠀": " "}
_CELLS = _LETTERS | _SIGNS | _OTHERS
_DIGITS = {ord(cell): str((ord(letter) - ord("a") + 1) % 10) for cell, letter in _LETTERS.items() if letter <= "j"}
_SIX_DOTS = 0x3F


def braille(text: str) -> Iterator[Edit]:
    """Runs of cells that read as English; pictures made of cells stay."""
    if text.isascii():
        return
    runs = list(_RUN.finditer(text))
    plain = [_CELL.sub(_cell, match.group()) for match in runs]
    together = bool(runs) and judge(" ".join(plain), strict=True) == "text"
    for match, letters in zip(runs, plain, strict=True):
        if letters.strip() and (together or judge(letters, strict=True) == "text"):
            yield Edit(match.start(), match.end(), letters, "braille", payload=True)


def _cell(match: re.Match[str]) -> str:
    if match.group(1):
        return match.group(2).translate(_DIGITS)
    # The two lowest dots of computer braille mark capitals and the like.
    return _CELLS.get(chr(0x2800 | ord(match.group()) & _SIX_DOTS), "\ufffd")
