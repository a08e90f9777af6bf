"""Words under a disguise that can be lifted word by word: rot13, mirror writing, upside-down letters.

Which words are meant is decided by the lexicon: a word that is none, but is one after the disguise is
lifted. A stretch of such words is undone as a whole, so that the names between them are undone too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eyelid.text._lexicon import known_share, lexicon
from eyelid.text._look_alikes import letter_look_alikes
from eyelid.text._origin import Edit

_WORD = re.compile(r"[A-Za-z]+")
_GAP = 3  # words that are neither, between two that are meant
_REACH = 6  # words that a stretch is extended by at most, on either side
_EDGE = re.compile(r"[^\w\s]*")
_MARKS = ".,;:!?'\"()[]{}<>*_~`“”‘’…–—-"
_READS = 0.2  # of the letters of a stretch
_MARGIN = 0.1  # in the share of letters that are in words

_UPRIGHT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.,!?'\"_&()[]{}<>"
_TURNED = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz∀ᗺƆᗡƎℲ⅁HIſʞ˥WNOԀΌᴚS⊥∩ΛMX⅄ZƖᄅƐㄣϛ9ㄥ860˙'¡¿,„‾⅋)(][}{><"
# Other characters in use for the same letters; several are what NFKC makes of them.
_ALSO = {
    "ı": "i", "ᵷ": "g", "ɓ": "g", "ɡ": "g", "ҕ": "g", "ʃ": "l", "ן": "l", "˥": "L", "⅂": "L", "Γ": "L", "ꓶ": "L",
    "ɺ": "l", "ꞁ": "l", "ſ": "j", "ɿ": "r", "ᴎ": "n", "Ɐ": "A", "𐐒": "B", "ꓭ": "B", "Ǝ": "E", "∃": "E", "ꓱ": "E",
    "Ⅎ": "F", "ꓞ": "F", "פ": "G", "⅁": "G", "ᴋ": "K", "Ʞ": "K", "ꓘ": "K", "⋊": "K", "ꓤ": "R",
    "Ʇ": "T", "┴": "T", "ꓕ": "T", "⊥": "T", "Ո": "U", "ꓵ": "U", "Ʌ": "V", "ꓥ": "V", "Λ": "V", "λ": "y", "⅄": "Y",
    "Ꙅ": "S", "ɔ": "c", "ʎ": "y", "ᴐ": "c", "ᴧ": "v", "ᴟ": "m", "Ɔ": "C", "ꓛ": "C", "ꓷ": "D", "p": "d", "ꓒ": "P",
    "Ό": "Q", "Ò": "Q", "ᄅ": "2", "Ⴁ": "2", "⇂": "1", "ː": ":", "⸮": "?", "؛": ";", "۔": ".", "`": ",", "ĸ": "k",
}  # fmt: skip
# Where a small and a capital letter turn into the same sign, the small one is meant.
_FLIP = {ord(turned): upright for upright, turned in reversed(list(zip(_UPRIGHT, _TURNED, strict=True)))} | {
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
    found: list[_Found] = []
    words = [(match.start(), match.end(), match.group().lower()) for match in _WORD.finditer(text)]
    unknown = {word for _, _, word in words} - lexicon()
    if unknown:
        for disguise in _PLAIN:
            meant = {word for word in unknown if disguise.word(word) in lexicon()}
            if meant:
                found.extend(_undo(text, words, meant, disguise))
    if _IS_TURNED.search(text):
        found.extend(_turned(text))
    yield from _best(text, found)


def _turned(text: str) -> Iterator[_Found]:
    words = [(match.start(), match.end(), match.group()) for match in re.finditer(r"\S+", text)]
    turned = {word for _, _, word in words if _IS_TURNED.search(word) and not _upright_already(word)}
    for disguise in _TURNED_WAYS:
        meant = {word for word in turned if _reads(disguise.word(word))}
        if meant:
            yield from _undo(text, words, meant, disguise)


def _upright_already(word: str) -> bool:
    """Whether look-alikes make it a word as it stands."""
    plain = word.translate(letter_look_alikes()).strip(_MARKS)
    return plain.isascii() and plain.lower() in lexicon()


def _reads(plain: str) -> bool:
    core = plain.strip(_MARKS)
    return core.isascii() and any(part in lexicon() for part in _WORD.findall(core.lower()))


@dataclass(frozen=True, slots=True)
class _Found:
    """An edit and the disguise that it undoes."""

    edit: Edit
    disguise: _Disguise


def _best(text: str, found: list[_Found]) -> Iterator[Edit]:
    """Without those whose place another disguise that was found there turns into more words."""
    ranked = sorted(found, key=lambda one: (one.edit.start, -one.edit.end))
    worse: set[int] = set()
    for index, one in enumerate(ranked):
        for further in range(index + 1, len(ranked)):
            if ranked[further].edit.start >= one.edit.end:
                break
            if _beats(text, ranked[further], one):
                worse.add(index)
            elif _beats(text, one, ranked[further]):
                worse.add(further)
    yield from (one.edit for index, one in enumerate(ranked) if index not in worse)


def _beats(text: str, better: _Found, worse: _Found) -> bool:
    edit = worse.edit
    return known_share(better.disguise.stretch(text[edit.start : edit.end])) > known_share(edit.text) + _MARGIN


_Word = tuple[int, int, str]


def _undo(text: str, words: list[_Word], meant: set[str], disguise: _Disguise) -> Iterator[_Found]:
    floor = 0
    for core_first, core_last in _stretches(words, meant, disguise):
        if core_last < floor:  # the stretch before reached over it
            continue
        first, last = _extend(words, max(core_first, floor), core_last, floor, disguise)
        floor = last + 1
        start, end = words[first][0], words[last][1]
        if disguise.kind != "rot13":  # a mirrored sentence starts with its full stop
            before = _EDGE.match(text[max(0, start - 8) : start][::-1])
            after = _EDGE.match(text, end, end + 8)
            start -= len(before.group()) if before else 0
            end = after.end() if after else end
        plain = disguise.stretch(text[start:end])
        if known_share(plain) < _READS:  # a few words by chance, in a blob of letters
            continue
        yield _Found(Edit(start, end, plain, disguise.kind, payload=True), disguise)


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
    return first, last
