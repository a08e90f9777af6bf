"""English words, and whether a text reads as if it were made of them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Set
from functools import cache
from importlib.resources import files
from itertools import islice, product

_WORD = re.compile(r"[a-z]+")
#: Letters that `segment` takes at most; longer runs stay as they are.
MAX_GLUED = 4000
_LONGEST = 20
_START = 3
_NEVER = float("inf")
#: Of the words of each tier.
_COSTS = (7.0, 9.0, 12.0, 14.0)


@cache
def _costs() -> dict[str, float]:
    """What each word costs a segmentation: the file has the words in tiers, the commonest first."""
    data = gzip.decompress(files("eyelid.text.data").joinpath("lexicon.gz").read_bytes()).decode("ascii")
    tiers = zip(reversed(data.split("\n")), reversed(_COSTS), strict=True)
    return {word: cost for tier, cost in tiers for word in tier.split()}


def lexicon() -> Set[str]:
    """All words, in lower case: about 58,000, most common English among them."""
    return _costs().keys()


@cache
def common() -> frozenset[str]:
    """The words of everyday texts, about 11,000."""
    return frozenset(word for word, cost in _costs().items() if cost <= _COSTS[1])


def known_share(text: str, *, shortest: int = 1) -> float:
    """The share of the ASCII letters of a text that stand in words of the lexicon; 0.0 without letters.

    Args:
        text: any text.
        shortest: letters that a word has at least, to count as known.
    """
    words = _WORD.findall(text.lower())
    total = sum(map(len, words))
    known = lexicon()
    return sum(len(word) for word in words if len(word) >= shortest and word in known) / total if total else 0.0


def segment(letters: str) -> str | None:
    """The words that were glued together into `letters` (lower case), or None if they are not words.

    The cheapest cover by words, rarer ones and every further one costing more (a unigram model in three
    lines); in time proportional to the length.
    """
    if not 0 < len(letters) <= MAX_GLUED:
        return None
    costs = _costs()
    best = [0.0] + [_NEVER] * len(letters)
    back = [0] * (len(letters) + 1)
    for start in range(len(letters)):
        here = best[start]
        if here == _NEVER:
            continue
        for end in range(start + 1, min(start + _LONGEST, len(letters)) + 1):
            cost = here + costs.get(letters[start:end], _NEVER)
            if cost < best[end]:
                best[end], back[end] = cost, start
    if best[-1] == _NEVER:
        return None
    words: list[str] = []
    end = len(letters)
    while end:
        words.append(letters[back[end] : end])
        end = back[end]
    return " ".join(reversed(words))


@cache
def _starts() -> frozenset[str]:
    return frozenset(word[:_START] for word in lexicon())


def word_among(word: str, choices: Mapping[str, str], limit: int = 64) -> str | None:
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
