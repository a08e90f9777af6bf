"""Digits and symbols in the place of letters."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from eyelid.text._lexicon import known_share, lexicon, word_among
from eyelid.text._origin import Edit

_WORDS = re.compile(r"[a-z]+")
_NEAR = 4  # tokens
_LONGEST = 40  # characters of a token
_LEET_GAP = 40  # characters between tokens of one group

_LEET = {
    "0": "o", "1": "ilt", "2": "z", "3": "e", "4": "a", "5": "s", "6": "gb", "7": "tl", "8": "b", "9": "gq", "@": "a",
    "$": "s", "!": "il", "|": "li", "+": "t", "€": "e", "£": "l", "¥": "y", "§": "s", "¡": "i",
}  # fmt: skip
_LEET_SYMBOLS = "@$!|+€£¥§¡"
_LEET_TOKEN = re.compile(r"[A-Za-z0-9@$!|+€£¥§¡]+")
_LEET_CHAR = re.compile(r"[0-9@$!|+€£¥§¡]")
_NUMBER_AND_UNIT = re.compile(r"[$€£¥+]?[0-9]+[A-Za-z]{0,3}[+!]?\Z")
_NAME_AND_NUMBER = re.compile(r"[A-Za-z]+[0-9!+|]+\Z")
_CODE_NEIGHBOUR = re.compile(r"[./_:=#&%\\]\w")


def leet(text: str) -> Iterator[Edit]:
    """Digits and symbols for letters, where that makes words; numbers only between such words."""
    if not _LEET_CHAR.search(text):
        return
    found = list(_unleet(text))
    yield from found
    if not found and known_share(text) < 0.5:
        # Leet put into rot13 makes no words in either order unless rot13 goes first.
        turned = list(_unleet(codecs.encode(text, "rot13")))
        if turned:
            start, end = text.rfind("\n", 0, turned[0].start) + 1, text.find("\n", turned[-1].end)
            end = len(text) if end < 0 else end
            yield Edit(start, end, codecs.encode(text[start:end], "rot13"), "rot13", plausible=False)


def _unleet(text: str) -> Iterator[Edit]:
    tokens = [match for match in _LEET_TOKEN.finditer(text) if not match.group().isalpha()]
    readings = _Readings()

    def reading(match: re.Match[str]) -> str | None:
        return None if _in_code(text, match) else readings[match.group().lower()]

    weights = [
        0 if _NUMBER_AND_UNIT.match(match.group()) else _weight(match.group(), reading(match)) for match in tokens
    ]
    for group in _near(tokens, [index for index, weight in enumerate(weights) if weight > 0]):
        if sum(weights[index] for index in group) < 4:
            continue
        for index in _with_neighbours(tokens, group[0], group[-1]):
            plain = reading(tokens[index])
            if plain is not None and plain != tokens[index].group().lower():
                yield Edit(tokens[index].start(), tokens[index].end(), plain, "leet")


def _with_neighbours(tokens: list[re.Match[str]], first: int, last: int) -> range:
    """The tokens of a group, and the next few on either side: numbers and names that stand among them."""
    lowest, highest = max(0, first - _NEAR), min(len(tokens) - 1, last + _NEAR)
    while first > lowest and tokens[first].start() - tokens[first - 1].end() <= _LEET_GAP:
        first -= 1
    while last < highest and tokens[last + 1].start() - tokens[last].end() <= _LEET_GAP:
        last += 1
    return range(first, last + 1)


def _near(tokens: list[re.Match[str]], strong: list[int]) -> list[list[int]]:
    groups: list[list[int]] = []
    for index in strong:
        if groups and tokens[index].start() - tokens[groups[-1][-1]].end() <= _LEET_GAP * 3:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _in_code(text: str, match: re.Match[str]) -> bool:
    before = match.start() > 0 and _CODE_NEIGHBOUR.match(text, match.start() - 1)
    return bool(before or _CODE_NEIGHBOUR.match(text, match.end()))


class _Readings(dict[str, "str | None"]):
    """The readings of the tokens of one text, each made once."""

    def __missing__(self, token: str) -> str | None:
        self[token] = plain = _reading(token)
        return plain


def _reading(token: str) -> str | None:
    """The word that a token stands for; the plainest spelling if it is none; None for numbers."""
    if len(token) > _LONGEST or (token != "@" and not any(char.isalnum() for char in token)):
        return None
    tail = len(token) - len(token.rstrip("!|+"))
    head = len(token) - len(token.lstrip("|"))
    body = token[head : len(token) - tail]
    spellings = [(token, "", "")] + ([(body, token[:head], token[len(token) - tail :])] if body != token else [])
    for candidate, before, after in spellings:
        word = word_among(candidate, _LEET) or _rot13_word(candidate)
        if word is not None:
            return before + word + after
    if sum(char.isalpha() for char in token) < 2:
        return None
    return token[:head] + "".join(_LEET.get(char, char)[0] for char in body) + token[len(token) - tail :]


def _rot13_word(token: str) -> str | None:
    plain = "".join(_LEET.get(char, char)[0] for char in token)
    return plain if len(plain) >= 2 and codecs.encode(plain, "rot13") in lexicon() else None


def _weight(token: str, plain: str | None) -> int:
    """How much a token speaks for leet: its letters if they make a word of a spelling that has no other use."""
    if plain is None:
        return 0
    word = "".join(_WORDS.findall(plain))
    if word not in lexicon() and (len(word) < 4 or codecs.encode(word, "rot13") not in lexicon()):
        return 0
    core = token.strip(_LEET_SYMBOLS)
    if (core.isalpha() and (core == token.rstrip("!|+") or core.lower() in lexicon())) or (
        _NAME_AND_NUMBER.match(token) and len(token) < 6
    ):
        return 0
    if _NAME_AND_NUMBER.match(token) and token.rstrip("0123456789!+|").lower() in lexicon():
        return 0
    return len(word) if len(word) >= 3 else 0
