"""Whether decoded bytes are text, and whether a text reads as one."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from eyelid.text._lexicon import known_share

_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, 65533))
_UNLEET = str.maketrans("01345780@$!", "oieastboasi")
_LETTERS = re.compile(r"[^\W\d_]")
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_%\\.:,; \n-]+\Z")
_CLEAN = re.compile(r"[\t\n\r -~]+\Z")
_SHORT = 12
_CODE = 24


def readable(data: bytes) -> str | None:
    """The text that the bytes hold in UTF-8 or UTF-16, or None if a tenth of it or more is no text."""
    zeros = data.count(0)
    if zeros * 3 > len(data):
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        text = data.decode(encoding, "replace")
    else:
        text = data.decode("utf-8", "replace")
    bad = len(text) - len(text.translate(_CONTROLS))
    return text if text and bad * 10 <= len(text) else None


def sense(text: str) -> float:
    """The share of letters in words, also behind rot13, mirror writing and digits for letters."""
    shares = [known_share(text)]
    if shares[0] < 0.5:
        shares.append(known_share(codecs.encode(text, "rot13")))
        shares.append(known_share(text[::-1]))
        shares.append(known_share(text.translate(_UNLEET)))
    return max(shares)


Judgement = Literal["text", "opaque", "noise"]


def judge(text: str, *, strict: bool = False) -> Judgement:
    """What a decoded string is: text, something that may be a code itself, or noise.

    Args:
        text: what was decoded.
        strict: ask for English words; for codes in which noise decodes to printable characters too.
    """
    if len(text) < 4:
        return "noise"
    letters = len(_LETTERS.findall(text))
    foreign = len(text) >= 6 and letters * 4 >= len(text) * 3 and sum(char > "\x7f" for char in text) * 3 > letters
    if letters * 2 >= len(text) and letters >= 4 and (foreign or sense(text) >= (0.7 if len(text) < _SHORT else 0.4)):
        return "text"
    if len(text) < 8:
        return "noise"
    if not strict and len(text) >= _SHORT and letters * 2 >= len(text) and " " in text:
        return "text"
    # A program: few words, many marks, and nothing that could not be typed.
    if len(text) >= _CODE and letters * 3 >= len(text) and " " in text and _CLEAN.match(text) and sense(text) >= 0.2:
        return "text"
    return "opaque" if _OPAQUE.match(text) else "noise"
