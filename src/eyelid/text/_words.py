"""Words under a disguise that can be lifted word by word: rot13, mirror writing, upside-down letters.

Which words are meant is decided by the lexicon: a word that is none, but is one after the disguise is
lifted. A stretch of such words is undone as a whole, so that the names between them are undone too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eyelid.text._lexicon import lexicon
from eyelid.text._origin import Edit

_WORD = re.compile(r"[A-Za-z]+")
_GAP = 3  # words that are neither, between two that are meant
_REACH = 6  # words that a stretch is extended by at most, on either side
_EDGE = re.compile(r"[^\w\s]*")

_UPRIGHT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.,!?'\"_&()[]{}<>"
_TURNED = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz∀ᗺƆᗡƎℲ⅁HIſʞ˥WNOԀΌᴚS⊥∩ΛMX⅄ZƖᄅƐㄣϛ9ㄥ860˙'¡¿,„‾⅋)(][}{><"
# Other characters in use for the same letters; several are what NFKC makes of them.
_ALSO = {
    "ı": "i", "ᵷ": "g", "ɓ": "g", "ɡ": "g", "ҕ": "g", "ʃ": "l", "ן": "l", "˥": "L", "⅂": "L", "Γ": "L", "ꓶ": "L",
    "ɺ": "l", "ꞁ": "l", "ſ": "j", "ɿ": "r", "ᴎ": "n", "Ɐ": "A", "𐐒": "B", "ꓭ": "B", "Ǝ": "E", "∃": "E", "ꓱ": "E",
    "Ⅎ": "F", "ꓞ": "F", "פ": "G", "⅁": "G", "ᴋ": "K", "Ʞ": "K", "ꓘ": "K", "⋊": "K", "ꓤ": "R", "ᴚ": "R", "ɹ": "R",
    "Ʇ": "T", "┴": "T", "ꓕ": "T", "⊥": "T", "Ո": "U", "ꓵ": "U", "Ʌ": "V", "ꓥ": "V", "Λ": "V", "λ": "y", "⅄": "Y",
    "Ꙅ": "S", "ɔ": "c", "ʎ": "y", "ᴐ": "c", "ᴧ": "v", "ᴟ": "m", "Ɔ": "C", "ꓛ": "C", "ꓷ": "D", "p": "d", "ꓒ": "P",
    "Ό": "Q", "Ò": "Q", "ᄅ": "2", "Ⴁ": "2", "⇂": "1", "ː": ":", "⸮": "?", "؛": ";", "۔": ".", "`": ",", "ĸ": "k",
}  # fmt: skip
_FLIP = {ord(turned): upright for upright, turned in zip(_UPRIGHT, _TURNED, strict=True)} | {
    ord(turned): upright for turned, upright in _ALSO.items()
}
_IS_TURNED = re.compile("[" + "".join(re.escape(chr(code)) for code in _FLIP if code > 0x7F) + "]")


@dataclass(frozen=True, slots=True)
class _Disguise:
    """A way of writing words.

    Args:
        kind: its name.
        word: lifts it from one word.
        stretch: lifts it from a stretch of text.
        alone: letters of a word that is taken to be meant although it stands alone.
        together: letters of several different words.
    """

    kind: str
    word: Callable[[str], str]
    stretch: Callable[[str], str]
    alone: int
    together: int


def _rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def _mirror(text: str) -> str:
    return text[::-1]


def _mirror_each(text: str) -> str:
    return _WORD.sub(lambda match: match.group()[::-1], text)


def _upright(text: str) -> str:
    return text[::-1].translate(_FLIP)


def _flip(text: str) -> str:
    return text.translate(_FLIP)


_PLAIN = (
    _Disguise("rot13", _rot13, _rot13, 6, 8),
    _Disguise("reversed", _mirror, _mirror, 8, 10),
    _Disguise("reversed-words", _mirror, _mirror_each, 8, 10),
)
_TURNED_WAYS = (_Disguise("upside-down", _upright, _upright, 3, 4), _Disguise("turned-letters", _flip, _flip, 3, 4))


def disguised(text: str) -> Iterator[Edit]:
    """Stretches in rot13, in mirror writing (whole or word by word), or upside down."""
    words = [(match.start(), match.end(), match.group().lower()) for match in _WORD.finditer(text)]
    unknown = {word for _, _, word in words} - lexicon()
    if unknown:
        for disguise in _PLAIN:
            meant = {word for word in unknown if disguise.word(word) in lexicon()}
            if meant:
                yield from _undo(text, words, meant, disguise)
    if _IS_TURNED.search(text):
        yield from _turned(text)


def _turned(text: str) -> Iterator[Edit]:
    words = [(match.start(), match.end(), match.group()) for match in re.finditer(r"\S+", text)]
    for disguise in _TURNED_WAYS:
        meant = {
            word
            for word in {word for _, _, word in words if _IS_TURNED.search(word)}
            if any(part in lexicon() for part in _WORD.findall(disguise.word(word).lower()))
        }
        yield from _undo(text, words, meant, disguise)


_Word = tuple[int, int, str]


def _undo(text: str, words: list[_Word], meant: set[str], disguise: _Disguise) -> Iterator[Edit]:
    floor = 0
    for core_first, core_last in _stretches(words, meant, disguise):
        first, last = _extend(words, core_first, core_last, floor, disguise)
        floor = last + 1
        start, end = words[first][0], words[last][1]
        if disguise.kind != "rot13":  # a mirrored sentence starts with its full stop
            before = _EDGE.match(text[max(0, start - 8) : start][::-1])
            after = _EDGE.match(text, end, end + 8)
            start -= len(before.group()) if before else 0
            end = after.end() if after else end
        yield Edit(start, end, disguise.stretch(text[start:end]), disguise.kind, payload=True)


def _stretches(words: list[_Word], meant: set[str], disguise: _Disguise) -> Iterator[tuple[int, int]]:
    """First and last word of stretches that are mostly meant, by letters."""
    groups: list[list[int]] = []
    for index, (_, _, word) in enumerate(words):
        if word not in meant:
            continue
        if groups and index - groups[-1][-1] - 1 <= _GAP:
            groups[-1].append(index)
        else:
            groups.append([index])
    for group in groups:
        if _counts(words, group, disguise):
            yield group[0], group[-1]


def _counts(words: list[_Word], group: list[int], disguise: _Disguise) -> bool:
    """Whether the words speak for the disguise: enough different ones, and few around them speak against it."""
    known = lexicon()
    letters = sum(len(words[index][2]) for index in group)
    against = sum(
        len(word)
        for _, _, word in words[group[0] : group[-1] + 1]
        if word in known and disguise.word(word) not in known
    )
    lengths = [len(word) for word in {words[index][2] for index in group}]
    several = len(lengths) > 1 and max(lengths) >= 4 and sum(lengths) >= disguise.together
    return (several or max(lengths) >= disguise.alone) and letters >= 2 * against


def _extend(words: list[_Word], first: int, last: int, floor: int, disguise: _Disguise) -> tuple[int, int]:
    """Take in some neighbours that could be meant as well: ambiguous words and unknown names."""
    known = lexicon()

    def could_be(index: int) -> bool:
        word = words[index][2].lower()
        plain = disguise.word(word).strip(".,;:!?'\"()")
        return plain in known or (word.isalpha() and word not in known)

    lowest, highest = max(floor, first - _REACH), min(len(words) - 1, last + _REACH)
    while first > lowest and could_be(first - 1):
        first -= 1
    while last < highest and could_be(last + 1):
        last += 1
    return max(first, floor), last
