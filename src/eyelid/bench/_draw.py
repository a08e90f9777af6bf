"""The measurements as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from eyelid._optional import require
from eyelid.bench._result import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The colours of the project's reports.
PAPER, INK, SOFT, LINE = "#fbfaf7", "#1c2024", "#6b7280", "#e3e1db"
COLOURS = ("#2a7f7a", "#c98a12", "#c2412d", "#7a4fb5", "#4a6fa5", "#6b7280")


def picture(measured: Measured) -> bytes:
    """A PNG: texts a second of processor time, and throughput and latency against the number of clients.

    Raises:
        MissingExtraError: the extra "eval" is not installed.
    """
    require("eval", "matplotlib")
    # Not pyplot: it would look for a screen, and keep the figure.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.4), dpi=120, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
    colours = _colours(measured)
    _bars(left, measured, colours)
    for load in measured.load:
        clients = [point.clients for point in load.points]
        style: dict[str, Any] = {"color": colours[load.name], "label": load.name, "marker": "o", "markersize": 4}
        middle.plot(clients, [point.per_second for point in load.points], **style)
        right.plot(clients, [1000 * point.p50 for point in load.points], **style)
        right.plot(clients, [1000 * point.p99 for point in load.points], color=colours[load.name], linestyle=":")
    _axes(middle, "Throughput against load", "requests a second")
    _axes(right, "Latency against load", "milliseconds: median, and 99th percentile dotted")
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:g}")
    middle.set_ylim(bottom=0)
    if measured.load:
        handles, names = middle.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower right", ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _colours(measured: Measured) -> dict[str, str]:
    names = dict.fromkeys([row.name for row in measured.throughput] + [load.name for load in measured.load])
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}


def _bars(axes: Axes, measured: Measured, colours: dict[str, str]) -> None:
    rows = measured.throughput[::-1]
    axes.barh([row.name for row in rows], [row.per_cpu_second for row in rows], color=[colours[r.name] for r in rows])
    for place, row in enumerate(rows):
        share = "" if row.peak_share is None else f"   {row.peak_share:.0%} of the matrix peak"
        axes.annotate(
            f"{row.per_cpu_second:.0f}{share}",
            (row.per_cpu_second, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    axes.margins(x=0.45)
    _plain(axes, "Texts a second of processor time")
    axes.tick_params(left=False)


def _axes(axes: Axes, title: str, unit: str) -> None:
    _plain(axes, title)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_xlabel("clients", color=SOFT, fontsize=9)
    axes.set_ylabel(unit, color=SOFT, fontsize=9)
    axes.grid(color=LINE, linewidth=0.8)


def _plain(axes: Axes, title: str) -> None:
    axes.set_facecolor(PAPER)
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.tick_params(colors=SOFT, labelsize=9)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LINE)
