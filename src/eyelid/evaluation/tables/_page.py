"""A report as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eyelid.evaluation.report import visible
from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._beside import HEADS, NOTE
from eyelid.evaluation.tables._contents import Contents
from eyelid.evaluation.tables._markdown import provenance
from eyelid.evaluation.tables._plots import bars, can_draw, curves, waits
from eyelid.evaluation.tables._printed import Cell
from eyelid.evaluation.tables._words import interval, number

#: A drawing of more rows than this is no longer read.
_MOST_ROWS = 40


def page(report: Contents, *, drawings: bool | None = None) -> str:
    """The page in UTF-8, with styles and drawings inside. Everything shown is escaped.

    Args:
        report: what stands in it.
        drawings: whether there are any; if not said, where matplotlib is installed.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["visible"] = visible
    environment.globals.update(number=number, interval=interval, verdict=_verdict)
    template = environment.from_string(files(__package__).joinpath("page.html.j2").read_text("utf-8"))
    drawn = can_draw() if drawings is None else drawings
    return template.render(
        report=report,
        drawn=drawn,
        plots=_plots(report) if drawn else {},
        provenance=provenance(report),
        beside_heads=HEADS,
        beside_note=NOTE,
    )


def _verdict(cell: Cell | None, *, flipped: bool = False) -> str:
    """Whether a difference is clearly for the better or for the worse: its interval lies on one side of zero."""
    if cell is None or cell.low is None or cell.high is None or cell.low <= 0 <= cell.high:
        return ""
    return "better" if (cell.low > 0) is not flipped else "worse"


def _plots(report: Contents) -> Mapping[str, Markup]:
    """Place on the page → drawing. They are made here, and what they write is escaped by the library."""
    found: dict[str, str] = {}
    for block in report.blocks:
        for section in block.sections:
            shown = {section.measure.name, *(f"{section.measure.name}, {run.label}" for run in report.runs)}
            for table in section.tables:
                if table.name in shown and table.row_head == "scenario" and len(table.rows) <= _MOST_ROWS:
                    found[f"{block.judge}/{table.name}"] = bars(table)
    scored = {}
    for run, condition, each in report.detections:
        if each.auroc is not None:
            scored[" · ".join(filter(None, (run.label, condition)))] = each.scored
    if scored:
        found["curves"] = curves(scored)
    if seconds := _seconds(report):
        found["waits"] = waits(seconds)
    return {place: Markup(drawing) for place, drawing in found.items()}


def _seconds(report: Contents) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    several = len({run.manifest.host for run in report.runs}) > 1
    for run in report.runs:
        asked = [record.seconds_direct for record in run.records if record.kind != Kind.LABELLED.value]
        if asked:
            found.setdefault(f"direct · {run.manifest.host}" if several else "direct", asked)
        if run.defended:
            found[run.label] = [record.seconds for record in run.records]
    return {name: values for name, values in found.items() if max(values) > 0}
