"""A report as Markdown: tables that GitHub, editors and converters show, with nothing but text in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from eyelid.evaluation.report import visible
from eyelid.evaluation.tables._beside import HEADS, NOTE
from eyelid.evaluation.tables._contents import Contents
from eyelid.evaluation.tables._printed import Cell, Column, Listing, Table
from eyelid.evaluation.tables._words import ABSENT, interval, number


def markdown(report: Contents, *, drawn: bool) -> str:
    """The text, in UTF-8; `drawn` says whether the page beside it has the drawings."""
    parts = [f"# {escaped(report.title)}", *(escaped(" ".join(each)) for each in report.paragraphs)]
    parts += [f"> {escaped(warning)}" for warning in report.warnings]
    parts += [
        "Drawings are on the page report.html." if drawn else "matplotlib is not installed: there are no drawings."
    ]
    for block in report.blocks:
        parts.append(f"## Judge: {escaped(block.judge)}")
        for section in block.sections:
            parts.append(section.measure.about)
            for table in (*section.tables, *section.opposites):
                parts += _table(table)
            for listing in section.listings:
                parts += _listing(listing)
        for listing in block.listings:
            parts += _listing(listing)
    if report.labels or report.label_listings:
        parts.append("## Labelled texts")
        parts += [part for listing in report.label_listings for part in _listing(listing)]
        parts += [part for table in report.labels for part in _table(table)]
    parts += ["## Cost", *_listing(report.cost_listing)]
    if report.lines or report.published:
        parts += ["## Beside published figures", NOTE]
        rows = [_marked(line.cells, ours=line.ours) for line in report.lines]
        parts += [_grid(list(HEADS), rows)] if rows else []
        parts += [part for table in report.published for part in _table(table)]
    for listing in report.examples:
        parts += _listing(listing)
    parts += ["## How it was made", *_listing(provenance(report))]
    return "\n\n".join(parts) + "\n"


def provenance(report: Contents) -> Listing:
    """What each run was made with."""
    heads = (
        "run",
        "folder",
        "benchmark",
        "rows",
        "fingerprint",
        "model",
        "defence",
        "guard",
        "seed",
        "begun",
        "eyelid",
    )
    rows = [
        (
            run.label,
            run.name,
            run.manifest.benchmark,
            f"{len(run.records):,}",
            run.manifest.fingerprint,
            run.manifest.host,
            run.manifest.defense,
            run.manifest.guard,
            str(run.manifest.seed),
            run.manifest.started,
            run.manifest.version,
        )
        for run in report.runs
    ]
    options = "; ".join(f"{name}: {_option(value)}" for name, value in report.runs[0].manifest.options.items())
    return Listing("Runs", heads, tuple(rows), f"Options of the benchmark: {options}." if options else "")


def escaped(text: str) -> str:
    """One line in which no character means anything to Markdown or to HTML."""
    line = " ".join(visible(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*\[\]|~#!$])", r"\\\1", line)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)  # between letters an underscore is only that


def _table(table: Table) -> Iterator[str]:
    yield f"### {escaped(table.name)}"
    if table.caption:
        yield escaped(table.caption)
    heads = [table.row_head, *(" ".join(filter(None, (column.group, column.head))) for column in table.columns)]
    rows = [[_row_name(table, row), *(number(c.cells.get(row), c) for c in table.columns)] for row in table.rows]
    for average in table.averages:
        cells = [_with_interval(average.cells.get(column.key), column) for column in table.columns]
        rows.append([average.name, *cells])
    yield _grid(heads, rows)


def _listing(listing: Listing) -> Iterator[str]:
    yield f"### {escaped(listing.name)}"
    if listing.caption:
        yield escaped(listing.caption)
    yield _grid(list(listing.heads), listing.rows)


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(heads), "|" + " --- |" * len(heads), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escaped(cell) or " " for cell in cells) + " |"


def _row_name(table: Table, row: str) -> str:
    size = table.sizes.get(row)
    return row if size is None else f"{row} (n = {size:,})"


def _with_interval(cell: Cell | None, column: Column) -> str:
    span = interval(cell)
    return f"{number(cell, column)} ({span})" if span else number(cell, column)


def _marked(cells: Sequence[str], *, ours: bool) -> list[str]:
    return [f"{cells[0]}, ours" if ours else cells[0], *cells[1:]]


def _option(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or ABSENT)
