"""A summary and some outcomes → one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from eyelid.evaluation.report._segments import segments, visible
from eyelid.evaluation.report._summary import ACTIONS, Summary, histogram, roc
from eyelid.types import Span


@dataclass(frozen=True, slots=True)
class Item:
    """One outcome to be shown in full.

    Args:
        record: the line of the scan.
        original: the text that was looked at, or None if it is not known.
        prompt: the request it answered, or "".
        thumbnails: PNG data URLs; "" for an image that cannot be shown.
        label: 1 harmful, 0 harmless, None unknown.
        note: one line for the reader.
        expected: None, or whether the outcome is the one that was expected.
    """

    record: Mapping[str, object] = field(repr=False)
    original: str | None = field(default=None, repr=False)
    prompt: str = field(default="", repr=False)
    thumbnails: tuple[str, ...] = field(default=(), repr=False)
    label: int | None = None
    note: str = ""
    expected: bool | None = None


def render(summary: Summary, items: Sequence[Item], *, title: str, left_out: int = 0) -> str:
    """The page as HTML, in UTF-8, with styles, drawings and pictures inside. Everything shown is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["visible"] = visible
    template = environment.from_string(files(__package__).joinpath("report.html.j2").read_text("utf-8"))
    return template.render(
        title=title,
        summary=summary,
        actions=ACTIONS,
        histograms={name: _bars(values) for name, values in summary.scores.items()},
        roc=roc(summary.labelled),
        items=[(item, _segments(item)) for item in items],
        left_out=left_out,
    )


def _bars(values: Sequence[float]) -> list[tuple[int, float]]:
    """(count, height in [0, 1]) of each interval; heights are roots, so that rare high scores stay visible."""
    counts = histogram(values)
    largest = max(counts, default=0) or 1
    return [(count, (count / largest) ** 0.5) for count in counts]


def _segments(item: Item) -> list[object]:
    if item.original is None:
        return []
    spans = item.record.get("spans")
    return list(segments(item.original, [_span(span) for span in spans] if isinstance(spans, list) else []))


def _span(value: Mapping[str, object]) -> Span:
    score = value.get("score", 1.0)
    return Span(
        int(str(value["start"])),
        int(str(value["end"])),
        str(value.get("category", "harm")),
        float(score) if isinstance(score, (int, float)) else 1.0,
    )
