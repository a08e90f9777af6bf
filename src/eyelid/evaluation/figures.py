"""Measured figures: what was measured, over how many, against which goal; as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Args:
        name: what was measured.
        value: the result; its unit is part of the name unless it is a share.
        count: over how many items.
        at_least: the goal, where more is better.
        at_most: the goal, where less is better.
        note: anything a reader has to know beside it.
    """

    name: str
    value: float
    count: int = 0
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None where there is none. A value that is not a number never does."""
        if self.at_least is None and self.at_most is None:
            return None
        over = self.at_least is None or self.value >= self.at_least
        return over and (self.at_most is None or self.value <= self.at_most)

    @property
    def goal(self) -> str:
        """The goal in words, or ""."""
        bounds = (("≥", self.at_least), ("≤", self.at_most))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)


def share(name: str, hits: int, of: int, **goal: Any) -> Figure:
    """The figure of a share, `hits` in `of`; not a number where there was nothing to count."""
    return Figure(name, hits / of if of else float("nan"), of, **goal)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a plain-text table that is valid Markdown too."""
    marks = {True: "yes", False: "**no**", None: ""}
    rows = [("figure", "value", "goal", "met", "n", "note")]
    rows += [(f.name, f"{f.value:.4g}", f.goal, marks[f.met], str(f.count or ""), f.note) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def write_figures(path: Path, benchmark: str, figures: Sequence[Figure], settings: Mapping[str, Any]) -> None:
    """Write the figures with what is needed to compare them later: date, version, machine and settings."""
    document = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "eyelid": _version(),
        "machine": {"python": platform.python_version(), "system": platform.system(), "cpus": os.cpu_count()},
        "settings": {
            name: value if isinstance(value, (int, float, list)) else str(value) for name, value in settings.items()
        },
        "figures": [asdict(figure) | {"value": _finite(figure.value), "met": figure.met} for figure in figures],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _finite(value: float) -> float | None:
    return value if value == value else None


def _version() -> str:
    try:
        return version("eyelid")
    except PackageNotFoundError:
        return "unknown"
