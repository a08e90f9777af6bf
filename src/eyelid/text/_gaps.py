"""Letters held apart, words glued together, words broken by a mark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from eyelid.text._lexicon import known_share, lexicon, segment
from eyelid.text._origin import Edit

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
