"""A text cut into plain and highlighted pieces."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from eyelid.types import Span


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text; `category` is "" where nothing was found."""

    text: str = field(repr=False)
    category: str = ""
    score: float = 0.0


def segments(text: str, spans: Sequence[Span], *, limit: int = 4000) -> list[Segment]:
    """Pieces that together are `text`, with the spans marked; where spans overlap the highest score wins.

    A text longer than `limit` characters is shortened around its first span, with "…" where something is
    left out.
    """
    inside = [
        Span(max(s.start, 0), min(s.end, len(text)), s.category, s.score)
        for s in spans
        if s.start < s.end and s.start < len(text) and s.end > 0
    ]
    low, high = _window(len(text), min((s.start for s in inside), default=0), limit)
    cuts = sorted({low, high, *(min(max(edge, low), high) for s in inside for edge in (s.start, s.end))})
    pieces = [_piece(text, start, end, inside) for start, end in pairwise(cuts)]
    before = [Segment("…")] if low > 0 else []
    after = [Segment("…")] if high < len(text) else []
    return before + pieces + after


def _window(length: int, first: int, limit: int) -> tuple[int, int]:
    low = max(0, min(first - limit // 8, length - limit))
    return low, min(length, low + limit)


def _piece(text: str, start: int, end: int, spans: Sequence[Span]) -> Segment:
    best = max((s for s in spans if s.start <= start and end <= s.end), key=lambda s: s.score, default=None)
    return Segment(text[start:end], best.category, best.score) if best else Segment(text[start:end])


def visible(text: str) -> str:
    """The text with control, invisible and bidirectional characters written out, so that a page shows them."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else f"⟨U+{ord(c):04X}⟩" for c in text)
