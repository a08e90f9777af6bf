"""An answer cut into the smallest parts worth keeping or dropping, and the blocks they belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from eyelid.text import split_sentences

Kind = Literal["plain", "bullet", "step", "heading", "code"]

_BULLET = re.compile(r"\s{0,12}[-*+•‣◦]\s")
_STEP = re.compile(
    r"\s{0,12}[*_#> ]{0,6}(?:\(?\d{1,3}[.):]|\(?[a-z][.)]\s|(?:step|phase|stage|part)\s{1,3}(?:\d{1,3}|[a-z]{3,6})\b)",
    re.I,
)
_HEADING = re.compile(r"\s{0,3}(?:#{1,6}\s|\*\*[^*\n]{1,120}\*\*:?\s*$)")
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")


@dataclass(frozen=True, slots=True)
class Segment:
    """A half-open range of a text; the segments of a text follow one another and cover all of it.

    Args:
        start: first character.
        end: one past the last character.
        kind: what it is part of.
        block: number of the paragraph, list, heading or code block it belongs to.
    """

    start: int
    end: int
    kind: Kind
    block: int


@dataclass(slots=True)
class _Chunk:
    start: int
    end: int
    kind: Kind
    blank: bool = False


def segment(text: str) -> list[Segment]:
    """Cut a text into sentences that know their block.

    A list is one block, also where blank lines stand between its items, so that it can be kept or dropped
    as a whole. A fenced code block is one segment. Blank lines belong to what stands before them.
    """
    segments: list[Segment] = []
    block, previous = -1, None
    for chunk in _chunks(text):
        joined = previous is not None and chunk.kind == previous.kind and chunk.kind in ("bullet", "step")
        block += not joined
        previous = chunk
        for start, end in _ranges(text, chunk):
            segments.append(Segment(start, end, chunk.kind, block))
    return segments


def _ranges(text: str, chunk: _Chunk) -> list[tuple[int, int]]:
    if chunk.kind == "code":
        return [(chunk.start, chunk.end)]
    ranges: list[tuple[int, int]] = []
    for start, end in split_sentences(text[chunk.start : chunk.end]):
        start, end = chunk.start + start, chunk.start + end
        if ranges and text[start:end].isspace():
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start, end))
    return ranges


def _chunks(text: str) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    fenced, end = False, 0
    for line in text.splitlines(keepends=True):
        start, end = end, end + len(line)
        fence = _FENCE.match(line) is not None
        kind = "code" if fenced or fence else _kind(line)
        last = chunks[-1] if chunks else None
        if last is not None and (not line.strip() or _continues(last, kind, opens=fence and not fenced)):
            last.blank = last.kind != "code" and (last.blank or not line.strip())
            last.end = end
        else:
            chunks.append(_Chunk(start, end, kind))
        fenced ^= fence
    return chunks


def _kind(line: str) -> Kind:
    if _STEP.match(line):
        return "step"
    if _BULLET.match(line):
        return "bullet"
    return "heading" if _HEADING.match(line) else "plain"


def _continues(last: _Chunk, kind: Kind, *, opens: bool) -> bool:
    """Whether a line goes on with the chunk before it: code, or a wrapped paragraph or item."""
    if kind == "code":
        return last.kind == "code" and not opens
    return kind == "plain" and last.kind in ("plain", "bullet", "step") and not last.blank
