"""Boxes of writing put into reading order. Pure geometry, in pixels, y pointing down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

_SAME_PLACE = 0.5  # share of the smaller box that two readings of one place have in common


@dataclass(frozen=True, slots=True)
class Line:
    """One box: what it says, how sure the reader is (0 to 1), its upright bounds, and the writing's height."""

    text: str = field(repr=False)
    score: float
    left: float
    top: float
    right: float
    bottom: float
    height: float
    mirrored: bool = False

    @classmethod
    def at(cls, corners: NDArray[np.float64], text: str, score: float) -> Line:
        """From four corners, clockwise from the top left."""
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
        height = float(min(max(sides[0], sides[2]), max(sides[1], sides[3])))
        return cls(text, score, float(left), float(top), float(right), float(bottom), height)

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def mirror(self, text: str, score: float) -> Line:
        """The same box, read in a mirror."""
        return replace(self, text=text, score=score, mirrored=True)

    def scale(self, factor: float) -> Line:
        return replace(
            self,
            left=self.left * factor,
            top=self.top * factor,
            right=self.right * factor,
            bottom=self.bottom * factor,
            height=self.height * factor,
        )

    def shift(self, right: float, down: float) -> Line:
        return replace(
            self, left=self.left + right, top=self.top + down, right=self.right + right, bottom=self.bottom + down
        )


def merge(looks: Iterable[Sequence[Line]]) -> list[Line]:
    """Of several readings of one place keep the surest, the longer one where they are about as sure."""
    best = sorted((line for look in looks for line in look), key=lambda line: (round(line.score, 1), line.area), reverse=True)
    kept: list[Line] = []
    for line in best:
        if all(_common(line, other) <= _SAME_PLACE * min(line.area, other.area) for other in kept):
            kept.append(line)
    return kept


def _common(one: Line, other: Line) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, across) * max(0.0, down)


def arrange(lines: Sequence[Line]) -> str:
    """Text in reading order: rows from top to bottom, each from left to right; letters set apart are joined.

    Where single letters stand in columns, the columns are read as well.
    """
    rows = [_row_text(row) for row in _rows(lines)]
    return "\n".join(row for row in (*rows, *_columns(lines)) if row)


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        if rows and abs(line.middle - rows[-1][0].middle) < 0.5 * min(line.bottom - line.top, _tallness(rows[-1])):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _tallness(row: Sequence[Line]) -> float:
    return min(line.bottom - line.top for line in row)


def _row_text(row: Sequence[Line]) -> str:
    ordered = sorted(row, key=lambda line: line.left, reverse=sum(line.mirrored for line in row) * 2 > len(row))
    letters = [line for line in ordered if len(line.text) == 1]
    if len(letters) < 4 or len(letters) * 2 < len(ordered):
        return " ".join(line.text for line in ordered)
    return _spaced([line.text for line in ordered], [_gap(a.left, a.right, b.left, b.right) for a, b in _pairs(ordered)])


def _columns(lines: Sequence[Line]) -> list[str]:
    letters = sorted((line for line in lines if len(line.text) == 1), key=lambda line: line.left)
    columns: list[list[Line]] = []
    for letter in letters:
        for column in columns:
            if min(letter.right, column[-1].right) - max(letter.left, column[-1].left) > 0:
                column.append(letter)
                break
        else:
            columns.append([letter])
    texts = []
    for column in columns:
        if len(column) >= 3:
            column.sort(key=lambda line: line.top)
            gaps = [_gap(a.top, a.bottom, b.top, b.bottom) for a, b in _pairs(column)]
            texts.append(_spaced([line.text for line in column], gaps))
    return [" ".join(texts)] if texts else []


def _pairs(lines: Sequence[Line]) -> list[tuple[Line, Line]]:
    return list(zip(lines, lines[1:], strict=False))


def _gap(start: float, end: float, next_start: float, next_end: float) -> float:
    """Distance of two centres: boxes of thin letters are thin, their pitch is even."""
    return abs((next_start + next_end) / 2 - (start + end) / 2)


def _spaced(texts: Sequence[str], gaps: Sequence[float]) -> str:
    """Join letters; a gap well above the usual one parts words."""
    usual = median(gaps) if gaps else 0.0
    words = texts[0]
    for text, gap in zip(texts[1:], gaps, strict=True):
        words += (" " if gap > 1.6 * usual else "") + text
    return words
