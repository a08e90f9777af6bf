"""Published figures to read one's own beside. They are data, each with where it is from and how it was obtained."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eyelid.evaluation.tables._printed import Average, Cell, Column, Difference, Table


@dataclass(frozen=True, slots=True)
class Anchor:
    """One published figure.

    Args:
        benchmark, condition: as eyelid names them, where it reads them.
        measure: "harmless_rate", "attack_success", "utility", "false_alarms", "self_judgement", "detection", "cost".
        model, defense, judge: what was measured, with what, and who judged.
        source: the paper.
        evidence: how the figure was obtained, in words.
        direct, defended: without and with the defence; `None` where it is not given.
        average: "macro", "micro", or "" where it is neither or the source does not say.
        scenarios: how many of the benchmark's; "" where it has none.
        unit: "%" or in words.
        note: what a reader has to know.
    """

    benchmark: str
    measure: str
    model: str
    defense: str
    judge: str
    source: str
    evidence: str
    condition: str = ""
    direct: float | None = None
    defended: float | None = None
    average: str = ""
    scenarios: str = ""
    unit: str = "%"
    note: str = ""

    def comparable(self, *, model: str, judge: str) -> bool:
        """Whether a figure of this host by this judge is of the same kind at all: only if both are the same."""
        return self.model == model and self.judge == judge


@cache
def anchors() -> tuple[Anchor, ...]:
    """All of them, in the order of the file."""
    found = []
    for shared in _document()["set"]:
        above = {name: value for name, value in shared.items() if name != "figures"}
        found += [Anchor(**{**above, **figure}) for figure in shared["figures"]]
    return tuple(found)


def anchors_of(benchmark: str) -> list[Anchor]:
    """Those of one benchmark; a reduced set such as "figstep-tiny" has those of the full one."""
    return [anchor for anchor in anchors() if anchor.benchmark == benchmark.removesuffix("-tiny")]


def published_tables(*, as_printed: bool = False) -> list[Table]:
    """Whole published tables.

    Args:
        as_printed: with the means that the source prints, right or wrong; else those of the columns.
    """
    return [_table(raw, as_printed) for raw in _document()["table"]]


def _table(raw: Mapping[str, Any], as_printed: bool) -> Table:
    columns: list[Column] = []
    means: dict[str, Cell] = {}
    differences: list[Difference] = []
    for column in raw["columns"]:
        condition, role = column["condition"], column["role"]
        cells = {row: Cell(value) for row, value in zip(raw["rows"], column["cells"], strict=True)}
        columns.append(
            Column(f"{condition}/{role}", condition, "direct" if role == "before" else "defended", cells, role)
        )
        means[columns[-1].key] = Cell(column["printed"] if as_printed else column.get("mean", column["printed"]))
        if "printed_gain" in column:
            before = columns[-2]
            gains = {row: Cell(round(cell.value - before.cells[row].value, 1)) for row, cell in cells.items()}
            columns.append(Column(f"{condition}/difference", condition, "Δ", gains, "difference"))
            means[columns[-1].key] = Cell(column["printed_gain"])
            differences.append(Difference(columns[-1].key, f"{condition}/after", f"{condition}/before"))
    rows = tuple(raw["rows"])
    caption = f"{raw['source']}; {raw['evidence']}; judged by {raw['judge']}."
    average = Average(f"mean of {len(rows)}, macro", "macro", rows, means)
    return Table(raw["name"], rows, tuple(columns), (average,), tuple(differences), caption=caption)


@cache
def _document() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    return tomllib.loads(files(__package__).joinpath("anchors.toml").read_text("utf-8"))
