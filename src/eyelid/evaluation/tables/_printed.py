"""Tables as they are printed: numbers already rounded, so that what is checked is what a reader sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eyelid.evaluation.intervals import Interval

#: Digits after the point of every percentage.
DECIMALS = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed percentage.

    Args:
        value: in percent, rounded.
        low, high: its 95 % interval, in percent; `None` where none is known.
        hits, of: the rows that it is a share of; `None` where it is none or they are not known.
    """

    value: float
    low: float | None = None
    high: float | None = None
    hits: int | None = None
    of: int | None = None

    @classmethod
    def of_share(
        cls, value: float, interval: Interval | None = None, hits: int | None = None, of: int | None = None
    ) -> Cell:
        """The cell of a share in [0, 1], or of a difference of two in [-1, 1]."""
        low, high = (None, None) if interval is None else (_percent(interval.low), _percent(interval.high))
        return cls(_percent(value), low, high, hits, of)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of numbers.

    Args:
        key: names it within its table.
        group: what stands above it and its neighbours, such as a condition.
        head: what stands above it alone.
        cells: row → number; rows may be missing.
        role: whether it is a share before the defence, after it, or their difference.
    """

    key: str
    group: str
    head: str
    cells: Mapping[str, Cell] = field(repr=False)
    role: Literal["before", "after", "difference"] = "after"


@dataclass(frozen=True, slots=True)
class Average:
    """A row of means below the others.

    Args:
        name: what stands before it.
        weighting: "macro" counts every row of the table the same, "micro" every row of the benchmark.
        rows: those it is the mean of; of a column that lacks some of them, of those it has.
        cells: column's key → number.
    """

    name: str
    weighting: Literal["macro", "micro"]
    rows: tuple[str, ...]
    cells: Mapping[str, Cell] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """Says that one column is another one less a third; by their keys."""

    column: str
    after: str
    before: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of percentages.

    Args:
        name: unique within a report.
        rows: in order.
        columns: in order.
        averages: rows of means, in order.
        differences: which columns are differences of which.
        complement: name of a table of the same shape with 100 less each number; "" where there is none.
        caption: one or two sentences for the reader.
        row_head: what stands above the rows' names.
        sizes: row → how many rows of the benchmark it counts, where that is the same in all columns.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    averages: tuple[Average, ...] = ()
    differences: tuple[Difference, ...] = ()
    complement: str = ""
    caption: str = ""
    row_head: str = "scenario"
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What stands above the columns, and over how many of them each."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = column.group, spans[-1][1] + 1
            else:
                spans.append((column.group, 1))
        return spans


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts that must add up to `total`."""

    name: str
    parts: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of anything but percentages of a column: rows of texts, ready to be shown."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def _percent(share: float) -> float:
    return round(100 * share, DECIMALS) + 0.0  # no "-0.0"
