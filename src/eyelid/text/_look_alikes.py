"""Letters of other scripts in the place of Latin ones (Unicode Technical Standard 39)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from eyelid.text._lexicon import lexicon, word_among
from eyelid.text._origin import Edit

_WORDS = re.compile(r"[a-z]+")
_NEAR = 4  # words


@cache
def look_alikes() -> dict[int, str]:
    """Character code → what it looks like, for use with `str.translate`."""
    table: dict[int, str] = {}
    for line in files("eyelid.text.data").joinpath("confusables.txt").read_text("ascii").splitlines():
        if not line.startswith("#"):
            target, _, sources = line.partition(";")
            plain = "".join(chr(int(code, 16)) for code in target.split())
            table.update((int(source, 16), plain) for source in sources.split())
    return table


# Not in the standard's table: it leads to other letters, or NFKC makes them of ones that are.
_ALSO = dict(zip("ςκηωεμΣкмнвпт", "cknweuEkmhbnt", strict=True))


@cache
def letter_look_alikes() -> dict[int, str]:
    """The part of the table that leads to ASCII letters and digits, and what the table lacks."""
    table = {code: plain for code, plain in look_alikes().items() if plain.isascii() and plain.isalnum()}
    return {ord(char): plain for char, plain in _ALSO.items()} | table


_TOKEN = re.compile(r"(?:\w|[^\x00-\x7f\s])+")


def skeleton(text: str) -> Iterator[Edit]:
    """Words with characters that look like Latin letters, where that makes them words.

    A word all in one other script counts only where its neighbours convert too or are Latin, so that a
    Russian or Greek text stays itself.
    """
    if text.isascii():
        return
    tokens = list(_TOKEN.finditer(text))
    looks = {token: _look(token) for token in {match.group() for match in tokens}}
    plain = [looks[match.group()] for match in tokens]
    strong = {
        index
        for index, match in enumerate(tokens)
        if plain[index] is not None and _is_meant(match.group(), plain[index] or "") and _fits(tokens, plain, index)
    }
    for index, match in enumerate(tokens):
        if plain[index] is not None and any(near in strong for near in range(index - _NEAR, index + _NEAR + 1)):
            yield Edit(match.start(), match.end(), plain[index] or "", "look-alikes")


def _look(token: str) -> str | None:
    """What the token looks like in ASCII letters, or None if nothing in it looks like one."""
    if token.isascii():
        return None
    plain = token.translate(letter_look_alikes())
    if plain == token or any(char > "\x7f" and char.isalpha() for char in plain):
        return None
    return word_among(plain.lower(), {"l": "li", "i": "il", "0": "0o", "1": "1li"}) or plain


def _is_meant(token: str, plain: str) -> bool:
    words = _WORDS.findall(plain.lower())
    if any(len(word) >= 3 and word in lexicon() for word in words):
        return True
    letters = [char for char in token if char.isalpha()]
    mixed = any(char.isascii() for char in letters) and not all(char < "\u0250" for char in letters)
    return mixed and len(letters) >= 4 and plain.isalpha()


def _fits(tokens: list[re.Match[str]], plain: list[str | None], index: int) -> bool:
    if any(char.isascii() and char.isalpha() for char in tokens[index].group()):
        return True
    near = [i for i in range(max(0, index - 2), min(len(tokens), index + 3)) if i != index]
    return all(plain[i] is not None or tokens[i].group().isascii() for i in near)
