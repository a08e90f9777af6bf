"""Words spelt so that a reader sees them and a tokenizer does not: look-alikes, leet, spacing, gluing."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, product

from eyelid.text._lexicon import known_share, lexicon, segment
from eyelid.text._origin import Edit

_WORDS = re.compile(r"[a-z]+")


# --- look-alikes (Unicode Technical Standard 39)


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
_NEAR = 4


def skeleton(text: str) -> Iterator[Edit]:
    """Words with characters that look like Latin letters, where that makes them words.

    A word all in one other script counts only where its neighbours convert too or are Latin, so that a
    Russian or Greek text stays itself.
    """
    if text.isascii():
        return
    tokens = list(_TOKEN.finditer(text))
    plain = [_look(match.group()) for match in tokens]
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
    return _word_among(plain.lower(), {"l": "li", "i": "il", "0": "0o", "1": "1li"}) or plain


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


_START = 3


@cache
def _starts() -> frozenset[str]:
    return frozenset(word[:_START] for word in lexicon())


def _word_among(word: str, choices: dict[str, str], limit: int = 64) -> str | None:
    """The first spelling in the lexicon, among those where each character has several readings."""
    known = lexicon()
    readings = [choices.get(char, char) for char in word]
    # Most tokens are no words at all, and show it by their first letters.
    starts = [start for start in map("".join, product(*readings[:_START])) if start in _starts()]
    for letters in islice(product(starts, *readings[_START:]), limit):
        candidate = "".join(letters)
        if candidate in known:
            return candidate
    return None


# --- leet

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
    weights = [0 if _NUMBER_AND_UNIT.match(match.group()) else _weight(text, match) for match in tokens]
    for group in _near(tokens, [index for index, weight in enumerate(weights) if weight > 0]):
        if sum(weights[index] for index in group) < 4:
            continue
        for index in _with_neighbours(tokens, group[0], group[-1]):
            plain = _reading(text, tokens[index])
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


_LEET_GAP = 40


def _near(tokens: list[re.Match[str]], strong: list[int]) -> list[list[int]]:
    groups: list[list[int]] = []
    for index in strong:
        if groups and tokens[index].start() - tokens[groups[-1][-1]].end() <= _LEET_GAP * 3:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _reading(text: str, match: re.Match[str]) -> str | None:
    """The word that a token stands for; the plainest spelling if it is none; None for code and numbers."""
    token = match.group().lower()
    if len(token) > 40 or (token != "@" and not any(char.isalnum() for char in token)):
        return None
    if (match.start() and _CODE_NEIGHBOUR.match(text, match.start() - 1)) or _CODE_NEIGHBOUR.match(text, match.end()):
        return None
    return _unleet_word(token)


@lru_cache(4096)
def _unleet_word(token: str) -> str | None:
    tail = len(token) - len(token.rstrip("!|+"))
    head = len(token) - len(token.lstrip("|"))
    body = token[head : len(token) - tail]
    spellings = [(token, "", "")] + ([(body, token[:head], token[len(token) - tail :])] if body != token else [])
    for candidate, before, after in spellings:
        word = _word_among(candidate, _LEET) or _rot13_word(candidate)
        if word is not None:
            return before + word + after
    if sum(char.isalpha() for char in token) < 2:
        return None
    return token[:head] + "".join(_LEET.get(char, char)[0] for char in body) + token[len(token) - tail :]


def _rot13_word(token: str) -> str | None:
    plain = "".join(_LEET.get(char, char)[0] for char in token)
    return plain if len(plain) >= 2 and codecs.encode(plain, "rot13") in lexicon() else None


def _weight(text: str, match: re.Match[str]) -> int:
    """How much a token speaks for leet: its letters if they make a word of a spelling that has no other use."""
    token, plain = match.group(), _reading(text, match)
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


# --- letters apart

# White space and marks; not the vowel signs of other scripts.
_BETWEEN = r"[\s!-#%-/:-?\[-`{-~·•–—…‐]"
_APART = re.compile(rf"(?<![^\W_])(?:[^\W_]|[@$])(?:{_BETWEEN}{{1,7}}(?:[^\W_]|[@$])){{3,}}(?![^\W_])")
_GAPS = re.compile(rf"{_BETWEEN}+")


def spaced(text: str) -> Iterator[Edit]:
    """`h e l l o`, `h-e-l-l-o`, one letter a line; the most frequent gap is the one inside words."""
    for match in _APART.finditer(text):
        run = match.group()
        gaps = _GAPS.findall(run)
        letters = _GAPS.split(run)
        if sum(letter.isdigit() for letter in letters) * 2 > len(letters):
            continue
        inside, times = Counter(gaps).most_common(1)[0]
        if times * 2 < len(gaps):
            continue
        joined = letters[0] + "".join(
            ("" if gap == inside else " ") + letter for gap, letter in zip(gaps, letters[1:], strict=True)
        )
        yield from _joined(match.start(), match.end(), joined)


def _joined(start: int, end: int, joined: str) -> Iterator[Edit]:
    glued = joined.replace(" ", "").lower()
    if known_share(joined, shortest=3) >= 0.6 and len(glued) >= 4:
        yield Edit(start, end, joined, "spaced", payload=True)
        return
    words = _segmented(glued)
    if words is not None:
        yield Edit(start, end, words, "spaced", payload=True)
    elif len(glued) >= 8 and glued.isalnum():
        yield Edit(start, end, joined, "spaced", plausible=False, payload=True)


def _segmented(glued: str) -> str | None:
    """The words in a run of letters, if they are words of a usual length."""
    words = segment(glued) if len(glued) >= 4 and glued.isascii() and glued.isalpha() else None
    return words if words is not None and len(glued) >= 2.5 * (words.count(" ") + 1) else None


# --- words glued together, and words broken

_GLUED = re.compile(r"(?<![A-Za-z0-9+/=_-])(?:[a-z]{20,}|[A-Z]{20,}|[A-Za-z]{60,})(?![A-Za-z0-9+/=_-])")


def glued(text: str) -> Iterator[Edit]:
    """Long runs of letters that are words without their spaces."""
    for match in _GLUED.finditer(text):
        if match.group().lower() not in lexicon():
            words = _segmented(match.group().lower())
            if words is not None:
                yield Edit(match.start(), match.end(), words, "glued")


_BROKEN = re.compile(r"(?<![^\W_])[A-Za-z]+(?:(?:[*.~|/^·•+=:;,]{1,2}|_{2}|-\n?|\\)[A-Za-z]+)+(?![^\W_])")
# One of these stands between names in code, addresses and choices.
_IN_CODE = re.compile(r"[./:=+,;]")
_PREFIX_WORDS = """
a anti auto bi bio co counter cross de dis e eco ex extra geo hyper in infra inter intra macro mega meta
micro mid mini mis mono multi neo non off on out over pan para photo poly post pre pro proto pseudo quasi
re self semi sub super tele trans tri ultra un under up vice wi
"""
_PREFIXES = frozenset(_PREFIX_WORDS.split())


def broken(text: str) -> Iterator[Edit]:
    """`bo-mb`, `k.ill`, `ki**ll**`: words with a mark inside, where the parts are no words."""
    known = lexicon()
    for match in _BROKEN.finditer(text):
        parts = [part.lower() for part in re.findall("[A-Za-z]+", match.group())]
        word = "".join(parts)
        if len(word) < 4 or word not in known or all(part in known for part in parts):
            continue
        if max(map(len, parts)) == 1 or ("-" in match.group() and parts[0] in _PREFIXES):
            continue
        if len(parts) == 2 and _IN_CODE.search(match.group()):
            continue
        yield Edit(match.start(), match.end(), re.sub("[^A-Za-z]", "", match.group()), "broken")


FINDERS: tuple[Callable[[str], Iterator[Edit]], ...] = (skeleton, leet, spaced, glued, broken)
