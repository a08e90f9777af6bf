"""Drawings as inline SVG whose colours are the page's own, so that they are readable on light and dark ground."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from eyelid.evaluation.report import visible
from eyelid.evaluation.tables._printed import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# matplotlib is given these colours, which nobody would choose, and the page's variables take their place.
_INK, _SOFT, _LINE, _BEFORE, _AFTER = "#010203", "#010204", "#010205", "#010206", "#010207"
_SERIES = ("#010211", "#010212", "#010213", "#010214", "#010215", "#010216")
_VARIABLES = {
    _INK: "--ink",
    _SOFT: "--soft",
    _LINE: "--line",
    _BEFORE: "--before",
    _AFTER: "--after",
    **{colour: f"--s{number}" for number, colour in enumerate(_SERIES, 1)},
}
_PANEL_INCHES = 2.9


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def bars(table: Table) -> str:
    """A panel for each group of columns: a pair of bars for each row, with 95 % intervals."""
    groups = _grouped(table)
    with _figure(_PANEL_INCHES * max(2, len(groups)) + 1.4, 0.42 * len(table.rows) + 1.3) as figure:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for panel, (group, columns) in zip(panels, groups, strict=True):
            _bars(panel, table.rows, columns, group)
        panels[0].set_yticks(range(len(table.rows)), table.rows)
        panels[0].invert_yaxis()
        shown = {column.role: column.head for _, columns in groups for column in columns}
        handles = [_patch(_BEFORE), *([_patch(_AFTER)] if "after" in shown else [])]
        figure.legend(
            handles=handles,
            labels=["direct", shown.get("after", "")][: len(handles)],
            loc="outside upper left",
            ncols=2,
            frameon=False,
            labelcolor=_INK,
        )
        return _svg(figure, f"{table.name}, with 95 % intervals")


def curves(scored: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """ROC curves over (label, score) pairs, one for each name."""
    with _figure(4.4, 4.2) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=_LINE, linestyle="--", linewidth=1)
        for colour, (name, pairs) in zip(_cycle(), scored.items(), strict=False):
            x, y = _roc(pairs)
            axes.plot(x, y, color=colour, linewidth=1.8, label=name)
        _plain(axes, "false-positive rate", "recall")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.legend(loc="lower right", frameon=False, labelcolor=_INK)
        return _svg(figure, "ROC curves")


def waits(seconds: Mapping[str, Sequence[float]]) -> str:
    """For each name, the share of the rows that were answered within a time."""
    with _figure(7.2, 3.4) as figure:
        axes = figure.subplots()
        for colour, (name, values) in zip(_cycle(), seconds.items(), strict=False):
            ordered = np.sort(np.asarray(values, dtype=float))
            steps = np.arange(1, len(ordered) + 1) / len(ordered)
            if len(ordered) > 400:  # as many as can be seen
                chosen = np.unique(np.linspace(0, len(ordered) - 1, 400).astype(int))
                ordered, steps = ordered[chosen], steps[chosen]
            axes.step(ordered, 100 * steps, where="post", color=colour, linewidth=1.8, label=name)
        low, high = min(map(min, seconds.values())), max(map(max, seconds.values()))
        if low > 0 and high / low > 5:
            axes.set_xscale("log")
            if high / low < 300:
                axes.xaxis.set_major_locator(_ticks())
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        _plain(axes, "seconds", "% of the rows answered by then")
        axes.set_ylim(0, 101)
        axes.legend(loc="lower right", frameon=False, labelcolor=_INK)
        return _svg(figure, "distribution of waiting times")


def _grouped(table: Table) -> list[tuple[str, list[Column]]]:
    found: dict[str, list[Column]] = {}
    for column in table.columns:
        if column.role != "difference":
            found.setdefault(column.group, []).append(column)
    return list(found.items())


def _bars(axes: Axes, rows: Sequence[str], columns: Sequence[Column], title: str) -> None:
    height = 0.8 / len(columns)
    for number, column in enumerate(columns):
        places = [
            (place + (number - (len(columns) - 1) / 2) * height, column.cells[row])
            for place, row in enumerate(rows)
            if row in column.cells
        ]
        y, values = [at for at, _ in places], [cell.value for _, cell in places]
        low = [cell.value - (cell.value if cell.low is None else cell.low) for _, cell in places]
        high = [(cell.value if cell.high is None else cell.high) - cell.value for _, cell in places]
        axes.barh(y, values, height=height * 0.86, color=_BEFORE if column.role == "before" else _AFTER)
        axes.errorbar(values, y, xerr=[low, high], fmt="none", ecolor=_INK, elinewidth=1, capsize=0)
    _plain(axes, "%", "")
    axes.set(xlim=(0, 102), xticks=(0, 25, 50, 75))
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, fontsize=11, loc="left", color=_INK)


def _roc(pairs: Sequence[tuple[int, float]]) -> tuple[list[float], list[float]]:
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score for _, score in pairs])
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(labels[order])[ends]
    recall, false = hits / labels.sum(), (ends + 1 - hits) / (len(labels) - labels.sum())
    return [0.0, *false.tolist()], [0.0, *recall.tolist()]


def _plain(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across, color=_SOFT)
    axes.set_ylabel(up, color=_SOFT)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.grid(visible=True, axis="x", color=_LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.patch.set_alpha(0)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(_LINE)


def _patch(colour: str) -> object:
    from matplotlib.patches import Patch

    return Patch(color=colour)


def _ticks() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 2, 5))


def _cycle() -> Iterator[str]:
    while True:
        yield from _SERIES


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    """A figure that no other code sees: no window, no state of pyplot."""
    import matplotlib
    from matplotlib.figure import Figure

    # Names are anyone's: no formulas in them, and letters that this machine's fonts lack are drawn by the reader's.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "eyelid", "text.parse_math": False, "font.size": 10}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        yield figure


def _svg(figure: Figure, label: str) -> str:
    """The drawing without what only a file of its own needs, and with the page's colours."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawing = text.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var({variable})")
    head, rest = drawing.split(">", 1)
    width = re.search(r'width="([\d.]+)pt"', head)
    head = re.sub(r' (width|height)="[\d.]+pt"', "", head)
    limit = f' style="max-width:{float(width[1]) * 1.25:.0f}px"' if width else ""
    return visible(f'{head} role="img" aria-label="{_attribute(label)}"{limit}>{rest}')


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
