"""Boxes of writing put into reading order. Pure geometry, in pixels, y pointing down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

Vector = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Orientation:
    """Where writing goes: the unit vector along a line, and the one to the next line."""

    along: Vector
    onward: Vector

    def turned(self) -> Orientation:
        """Upside down."""
        return Orientation(_opposite(self.along), _opposite(self.onward))

    def mirrored(self) -> Orientation:
        """Running backwards, as in a mirror."""
        return Orientation(_opposite(self.along), self.onward)

    @property
    def kind(self) -> tuple[int, bool]:
        """The nearest quarter turn, and whether it is mirrored; what lines of one text have in common."""
        (ax, ay), (ox, oy) = self.along, self.onward
        return round(math.degrees(math.atan2(ay, ax)) / 90) % 4, ax * oy - ay * ox < 0


UPRIGHT = Orientation(along=(1.0, 0.0), onward=(0.0, 1.0))


def _opposite(vector: Vector) -> Vector:
    return -vector[0], -vector[1]


@dataclass(frozen=True, slots=True)
class Line:
    """One box: what it says, how sure the reader is (0 to 1), its corners, and where its writing goes."""

    text: str = field(repr=False)
    score: float
    corners: tuple[Vector, ...]
    orientation: Orientation

    @property
    def left(self) -> float:
        return min(x for x, _ in self.corners)

    @property
    def right(self) -> float:
        return max(x for x, _ in self.corners)

    @property
    def top(self) -> float:
        return min(y for _, y in self.corners)

    @property
    def bottom(self) -> float:
        return max(y for _, y in self.corners)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """The height of the writing, whichever way it is turned."""
        return min(self._sides)

    @property
    def length(self) -> float:
        """The length of the line."""
        return max(self._sides)

    @property
    def _sides(self) -> tuple[float, float]:
        one, two, three, _ = self.corners
        return math.dist(one, two), math.dist(two, three)

    def moved(self, change: Callable[[Vector], Vector]) -> Line:
        """The same line with `change` applied to its corners."""
        return replace(self, corners=tuple(change(corner) for corner in self.corners))

    def scale(self, factor: float) -> Line:
        return self.moved(lambda corner: (corner[0] * factor, corner[1] * factor))

    def shift(self, right: float, down: float) -> Line:
        return self.moved(lambda corner: (corner[0] + right, corner[1] + down))

    def seen_along(self, orientation: Orientation) -> Line:
        """The same line with the writing's direction as x axis and the next line's as y axis."""
        return self.moved(lambda corner: (_dot(corner, orientation.along), _dot(corner, orientation.onward)))

    def meets(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Whether its upright bounds and these have something in common."""
        return self.left < right and left < self.right and self.top < bottom and top < self.bottom

    def covers(self, x: float, y: float) -> bool:
        """Whether a point lies inside the corners."""
        turns = [
            (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            for (ax, ay), (bx, by) in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)
        ]
        return min(turns) >= 0 or max(turns) <= 0

    def holds(self, other: Line) -> bool:
        """Whether the centre of the other lies inside this one."""
        x, y = (sum(corner[axis] for corner in other.corners) / 4 for axis in (0, 1))
        return self.covers(x, y)


def _dot(one: Vector, two: Vector) -> float:
    return one[0] * two[0] + one[1] * two[1]


def merge(looks: Iterable[Sequence[Line]]) -> list[Line]:
    """Of readings of one place in several looks keep the surest, the longer one where they are about as sure."""
    numbered = [(number, line) for number, look in enumerate(looks) for line in look]
    numbered.sort(key=lambda pair: (round(pair[1].score, 1), pair[1].length * pair[1].height), reverse=True)
    kept: list[tuple[int, Line]] = []
    for number, line in numbered:
        if not any(other != number and (rival.holds(line) or line.holds(rival)) for other, rival in kept):
            kept.append((number, line))
    return [line for _, line in kept]


def arrange(lines: Sequence[Line]) -> str:
    """Text in reading order, whichever way most of it is turned; letters set apart are joined.

    Where single letters stand in columns, the columns are read as well.
    """
    if not lines:
        return ""
    orientation = _main_orientation(lines)
    turned = [line.seen_along(orientation) for line in lines]
    rows = [_row_text(row) for row in _rows(turned)]
    return "\n".join(row for row in (*rows, *_columns(turned)) if row)


def _main_orientation(lines: Sequence[Line]) -> Orientation:
    words = [line for line in lines if len(line.text) > 1]  # the direction of one letter is a guess
    if not words:
        return UPRIGHT
    letters: dict[tuple[int, bool], int] = {}
    for line in words:
        letters[line.orientation.kind] = letters.get(line.orientation.kind, 0) + len(line.text)
    kind = max(letters, key=lambda kind: letters[kind])
    return max((line for line in words if line.orientation.kind == kind), key=lambda line: line.length).orientation


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
    ordered = sorted(row, key=lambda line: line.left)
    letters = [line for line in ordered if len(line.text) == 1]
    if len(letters) < 4 or len(letters) * 2 < len(ordered):
        return " ".join(line.text for line in ordered)
    gaps = [_gap(a.left, a.right, b.left, b.right) for a, b in pairwise(ordered)]
    return _spaced([line.text for line in ordered], gaps)


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
            gaps = [_gap(a.top, a.bottom, b.top, b.bottom) for a, b in pairwise(column)]
            texts.append(_spaced([line.text for line in column], gaps))
    return [" ".join(texts)] if texts else []


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
