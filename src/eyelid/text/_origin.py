"""Texts made from other texts, and where each of their characters came from."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `[start, end)` of a text by `text`.

    Args:
        start: first character replaced.
        end: the character after the last one replaced.
        text: what stands there instead.
        kind: how it was found: "base64", "leet", ...
        plausible: whether the result reads as text; if not it is only looked into further.
        payload: whether the result is worth a look without what surrounds it.
    """

    start: int
    end: int
    text: str = field(repr=False)
    kind: str
    plausible: bool = True
    payload: bool = False


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """Where the characters of a derived text stood in the original, as a list of runs.

    A run either kept its characters one by one (`exact`) or was replaced as a whole, and then each of its
    characters stands for the whole source range.
    """

    starts: array[int]  # of each run, in the derived text
    sources: array[int]  # where each run starts in the parent
    ends: array[int]  # where each run ends in the parent
    exact: bytearray
    length: int
    parent: OffsetMap | None = None

    @classmethod
    def identity(cls, length: int) -> OffsetMap:
        """The map of a text that was not changed."""
        return cls(array("L", [0]), array("L", [0]), array("L", [length]), bytearray(b"\1"), length)

    def locate(self, start: int, end: int) -> tuple[int, int] | None:
        """The range of the original text that `[start, end)` of the derived text came from."""
        if not 0 <= start < end <= self.length:
            return None
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end - 1) - 1
        source = self.sources[first] + (start - self.starts[first]) * self.exact[first]
        stop = self.sources[last] + (end - self.starts[last]) if self.exact[last] else self.ends[last]
        if stop <= source:
            return None
        return self.parent.locate(source, stop) if self.parent else (source, stop)


def rewrite(text: str, edits: Iterable[Edit], parent: OffsetMap | None) -> tuple[str, OffsetMap]:
    """Apply edits that are in order and do not overlap; text and map of the result."""
    pieces: list[str] = []
    starts, sources, ends, exact = array("L"), array("L"), array("L"), bytearray()
    here = length = 0

    def add(piece: str, source: int, end: int, *, kept: bool) -> None:
        nonlocal length
        if not piece:
            return
        pieces.append(piece)
        starts.append(length)
        sources.append(source)
        ends.append(end)
        exact.append(kept)
        length += len(piece)

    for edit in edits:
        add(text[here : edit.start], here, edit.start, kept=True)
        add(edit.text, edit.start, edit.end, kept=False)
        here = edit.end
    add(text[here:], here, len(text), kept=True)
    return "".join(pieces), OffsetMap(starts, sources, ends, exact, length, parent)
