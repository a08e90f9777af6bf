"""Sentences of prose, lists, code and text without any punctuation."""

from __future__ import annotations

import re

#: The longest sentence, in characters; a longer one is cut at white space, or anywhere if there is none.
MAX_SENTENCE = 400

_ABBREVIATED = """
mr mrs ms dr prof sr jr st vs etc cf al fig figs eq eqs no nos vol pp ed eds dept inc ltd co corp approx
est jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun gen col lt capt sgt rev
hon gov sen rep ave blvd rd e.g i.e eg ie a.m p.m u.s u.k ph.d viz resp incl max min sec ch
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
# A stop followed by closing quotes or brackets and white space, or a full-width stop, or the end of a line.
_STOP = re.compile(r"[.!?…]{1,8}[\"'”’)\]}»*_]{0,4}(?=\s)|[。！？｡．][”’」』）】]{0,4}|\n(?:[ \t\r]*\n)*")
_OPENING = re.compile(r"\S")
_FENCE = re.compile(r"[ \t]{0,3}(?:```|~~~)")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Half-open ranges of the sentences, in order, that together cover every character.

    White space belongs to the sentence before it. A line ends a sentence when a blank line, a list item or a
    heading follows, when it is short and what follows starts anew, and in a fenced code block; the line breaks
    of wrapped prose do not. Sentences of more
    than `MAX_SENTENCE` characters are cut at white space.
    """
    ranges: list[tuple[int, int]] = []
    start = 0
    for cut in _cuts(text):
        if cut > start:
            ranges.extend(_bounded(text, start, cut))
            start = cut
    ranges.extend(_bounded(text, start, len(text)))
    return ranges


def _cuts(text: str) -> list[int]:
    """Where sentences end: the start of the text that follows the white space after a stop."""
    cuts: list[int] = []
    fenced = False
    line = 0
    for match in _STOP.finditer(text):
        if match.group()[0] == "\n":
            fenced ^= _FENCE.match(text, line) is not None
            line = match.end()
            if fenced or _FENCE.match(text, line) or match.group().count("\n") > 1 or _ends_block(text, line):
                cuts.append(line)
        elif not fenced and not _is_inner_stop(text, match.start(), match.group()):
            cuts.append(_next_text(text, match.end()))
    return cuts


def _next_text(text: str, position: int) -> int:
    match = _OPENING.search(text, position)
    return match.start() if match else len(text)


# Characters from which on a line counts as one that was wrapped.
_WRAPPED = 60
_BLOCK = re.compile(r"[ \t]*(?:\n|\r|[-*+•·>#|][ \t]|#{1,6}[ \t]|\(?[0-9]{1,3}[.)][ \t]|\(?[a-zA-Z][.)][ \t]|\Z)")


def _ends_block(text: str, line: int) -> bool:
    """Whether a block follows, or the line before is short and what follows does not continue it."""
    if _BLOCK.match(text, line):
        return True
    before = text.rfind("\n", max(0, line - _WRAPPED), line - 1)
    if before < 0 and line > _WRAPPED:  # a full line of hard-wrapped prose: the sentence may go on
        return False
    return not text[line].islower() or text[line - 2 : line - 1] in (":", "|", ";", "{", "}")


def _is_inner_stop(text: str, position: int, stop: str) -> bool:
    """Whether a full stop belongs to an abbreviation, an initial or the number of a list item."""
    if not stop.startswith(".") or (len(stop) > 1 and stop[1] == "."):
        return False
    begin = position
    while begin > 0 and position - begin < 8 and (text[begin - 1].isalnum() or text[begin - 1] == "."):
        begin -= 1
    word = text[begin:position].lower()
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
        return True
    # "3." at the start of a line numbers a list item.
    return word.isdigit() and len(word) <= 3 and not text[max(0, begin - 64) : begin].rpartition("\n")[2].strip()


def _bounded(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The range, cut at white space into pieces of at most `MAX_SENTENCE` characters."""
    pieces: list[tuple[int, int]] = []
    while end - start > MAX_SENTENCE:
        space = max(text.rfind(mark, start + MAX_SENTENCE // 2, start + MAX_SENTENCE) for mark in (" ", "\n", "\t"))
        cut = space + 1 if space > 0 else start + MAX_SENTENCE
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)] if end > start else pieces
