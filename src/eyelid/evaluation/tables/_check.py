"""Whether the numbers of a table agree with each other, going only by what is printed.

Published tables do go wrong: one in circulation prints means of 31.7 and 32.1 under columns whose means are 48.1 and
48.8, and sites that copied the means copied the error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eyelid.evaluation.tables._printed import DECIMALS, Average, Cell, Column, Table, Tally

#: One unit of the last place: what rounding can add up to in a difference of two rounded numbers, or a mean of some.
UNIT = 10.0**-DECIMALS
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """One number that does not agree with the others.

    Args:
        table, column, row: where it stands; "" where it is more than one place.
        what: what is wrong, with both numbers.
        printed, expected: the numbers.
    """

    table: str
    column: str
    row: str
    what: str
    printed: float = math.nan
    expected: float = math.nan

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.table, self.row, self.column) if part)
        return f"{place}: {self.what}"


def check_report(tables: Sequence[Table], tallies: Sequence[Tally] = ()) -> list[Inconsistency]:
    """Every number that contradicts another one; an empty list where all agree.

    Macro means are the means of their printed columns within rounding, micro means follow from the counts, differences
    are differences of the printed numbers, shares follow from their counts and lie in 0 .. 100, intervals hold their
    number, both sides of a comparison count the same rows, counts add up, and complements add up to 100.
    """
    by_name = {table.name: table for table in tables}
    found = [each for table in tables for each in check_table(table)]
    for table in tables:
        if table.complement:
            found += _complements(table, by_name.get(table.complement))
    for tally in tallies:
        if sum(tally.parts.values()) != tally.total or min(tally.parts.values(), default=0) < 0:
            what = f"the counts {dict(tally.parts)} do not add up to {tally.total}"
            found.append(Inconsistency(tally.name, "", "", what, tally.total, sum(tally.parts.values())))
    return found


def check_table(table: Table) -> list[Inconsistency]:
    """As `check_report`, for one table by itself."""
    return [
        *(each for column in table.columns for each in _cells(table, column)),
        *(each for average in table.averages for each in _average(table, average)),
        *_differences(table),
    ]


def _cells(table: Table, column: Column) -> Iterator[Inconsistency]:
    below = {average.name: average.cells[column.key] for average in table.averages if column.key in average.cells}
    low, high = (-100.0, 100.0) if column.role == "difference" else (0.0, 100.0)
    for row, cell in (*column.cells.items(), *below.items()):
        if not low <= cell.value <= high:  # not a number is not within, either
            yield _wrong(table, column, row, f"{cell.value:g} is not within {low:g} .. {high:g}", cell.value)
        if not _holds(cell):
            yield _wrong(
                table, column, row, f"{cell.value:g} is outside its interval {cell.low} .. {cell.high}", cell.value
            )
    for row, cell in column.cells.items():
        share = _share(cell)
        if share is not None and not _close(cell.value, share, UNIT / 2):
            yield _wrong(table, column, row, f"{cell.value:g} is not {cell.hits} of {cell.of}", cell.value, share)
        size = table.sizes.get(row)
        if size is not None and cell.of is not None and cell.of != size:
            yield _wrong(table, column, row, f"counts {cell.of} rows where the table says {size}", cell.of, size)


def _average(table: Table, average: Average) -> Iterator[Inconsistency]:
    for column in table.columns:
        if column.key not in average.cells:
            continue
        printed = average.cells[column.key]
        cells = [column.cells[row] for row in average.rows if row in column.cells]
        expected = _macro(cells) if average.weighting == "macro" else _micro(cells)
        tolerance = UNIT if average.weighting == "macro" else UNIT / 2
        if expected is not None and not _close(printed.value, expected, tolerance):
            what = f"the {average.weighting} mean is printed as {printed.value:g}, its column has {expected:.2f}"
            yield _wrong(table, column, average.name, what, printed.value, expected)
        rows = sum(cell.of for cell in cells if cell.of is not None)
        if printed.of is not None and printed.of != rows:
            what = f"counts {printed.of} rows, its column {rows}"
            yield _wrong(table, column, average.name, what, printed.of, rows)


def _differences(table: Table) -> Iterator[Inconsistency]:
    by_key = {column.key: column for column in table.columns}
    for rule in table.differences:
        column = by_key[rule.column]
        for row in (*table.rows, *(average.name for average in table.averages)):
            values = [_at(table, by_key[key], row) for key in (rule.column, rule.after, rule.before)]
            printed, after, before = values
            if printed is None or after is None or before is None:
                continue
            expected = after.value - before.value
            if not _close(printed.value, expected, UNIT):
                what = f"the difference is printed as {printed.value:+g}, its columns have {expected:+.1f}"
                yield _wrong(table, column, row, what, printed.value, expected)
            if after.of != before.of:
                yield _wrong(table, column, row, f"compares {after.of} rows with {before.of}")


def _complements(table: Table, other: Table | None) -> Iterator[Inconsistency]:
    if other is None:
        yield Inconsistency(table.name, "", "", f"its complement {table.complement!r} is missing")
        return
    theirs = {column.key: column for column in other.columns}
    for column in table.columns:
        total = 0.0 if column.role == "difference" else 100.0
        for row in (*table.rows, *(average.name for average in table.averages)):
            here = _at(table, column, row)
            there = _at(other, theirs[column.key], row) if column.key in theirs else None
            if (here is None) != (there is None):
                yield _wrong(table, column, row, f"stands in only one of the two tables, {table.name} and {other.name}")
            elif here is not None and there is not None and not _close(here.value + there.value, total, UNIT):
                what = f"{here.value:g} and {there.value:g} do not add up to {total:g}"
                yield _wrong(table, column, row, what, here.value, total - there.value)


def _at(table: Table, column: Column, row: str) -> Cell | None:
    averages: Mapping[str, Average] = {average.name: average for average in table.averages}
    if row in averages:
        return averages[row].cells.get(column.key)
    return column.cells.get(row)


def _holds(cell: Cell) -> bool:
    if cell.low is None or cell.high is None:
        return True
    return cell.low <= cell.value <= cell.high


def _share(cell: Cell) -> float | None:
    return 100 * cell.hits / cell.of if cell.hits is not None and cell.of else None


def _macro(cells: Sequence[Cell]) -> float | None:
    return sum(cell.value for cell in cells) / len(cells) if cells else None


def _micro(cells: Sequence[Cell]) -> float | None:
    """From the counts; `None` where one is not known."""
    known = [(cell.hits, cell.of) for cell in cells if cell.hits is not None and cell.of is not None]
    hits, of = sum(hits for hits, _ in known), sum(of for _, of in known)
    return 100 * hits / of if len(known) == len(cells) and of else None


def _close(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance + _SLACK


def _wrong(
    table: Table, column: Column, row: str, what: str, printed: float = math.nan, expected: float = math.nan
) -> Inconsistency:
    head = " ".join(part for part in (column.group, column.head) if part)
    return Inconsistency(table.name, head, row, what, printed, expected)
