"""Counts and distributions over the lines of a scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, Field, InstanceOf, ValidationError

from eyelid.types import Action, Surface

ACTIONS = ("allow", "rewrite", "block")
BINS = 20


_Probability = Annotated[float, Field(ge=0.0, le=1.0)]
_Text = InstanceOf[str]  # pydantic's own strings refuse lone surrogates, which a scan may hold


class _Scores(BaseModel):
    harm: _Probability
    injection: _Probability


class _Span(BaseModel):
    start: int
    end: int
    category: _Text = "harm"
    score: _Probability = 1.0


class _Failure(BaseModel):
    stage: _Text
    code: _Text
    detail: _Text = ""


class _Line(BaseModel):
    """What a page takes from a line of a scan."""

    action: Action
    scores: _Scores
    category: _Text = ""
    surface: _Text = Surface.OUTPUT.value
    text: _Text = ""
    spans: tuple[_Span, ...] = ()
    failures: tuple[_Failure, ...] = ()
    image_texts: tuple[_Text, ...] = ()


@dataclass(slots=True)
class Summary:
    """What a scan came to; filled one outcome at a time, so that a file of any length fits.

    `scores` holds, for each of the two questions, one score for each row; `labelled` holds pairs of
    (larger of the two scores, label) for the rows whose label is known.
    """

    rows: int = 0
    failed: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    surfaces: dict[str, Counter[str]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=lambda: {"harm": [], "injection": []})
    labelled: list[tuple[float, int]] = field(default_factory=list)

    def add(self, record: Mapping[str, object], label: int | None = None) -> None:
        """Count one line of a scan.

        Raises:
            ValueError: the line is no outcome.
        """
        try:
            line = _Line.model_validate(record)
        except ValidationError as error:
            # By place, never by value: a value may be content.
            where = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
            raise ValueError(f"no outcome of a scan ({where})") from None
        action = line.action.value
        self.rows += 1
        self.failed += bool(line.failures)
        self.actions[action] += 1
        if line.category:
            self.categories[line.category] += 1
        self.surfaces.setdefault(line.surface, Counter())[action] += 1
        self.scores["harm"].append(line.scores.harm)
        self.scores["injection"].append(line.scores.injection)
        if label is not None:
            self.labelled.append((max(values[-1] for values in self.scores.values()), label))


def histogram(values: Iterable[float], bins: int = BINS) -> list[int]:
    """How many values in [0, 1] fall in each of `bins` equal intervals; 1.0 belongs to the last."""
    counts = [0] * bins
    for value in values:
        counts[min(int(value * bins), bins - 1)] += 1
    return counts


@dataclass(frozen=True, slots=True)
class Roc:
    """A receiver operating characteristic: (false-positive rate, recall) from (0, 0) to (1, 1), and its area."""

    points: tuple[tuple[float, float], ...]
    area: float
    positives: int
    negatives: int


def roc(pairs: Iterable[tuple[float, int]]) -> Roc | None:
    """The curve over (score, label) pairs; ties count half. None while one of the two labels is missing."""
    by_score: dict[float, list[int]] = {}
    for score, label in pairs:
        by_score.setdefault(score, [0, 0])[bool(label)] += 1
    negatives = sum(counts[0] for counts in by_score.values())
    positives = sum(counts[1] for counts in by_score.values())
    if not positives or not negatives:
        return None
    points, area, false, true = [(0.0, 0.0)], 0.0, 0, 0
    for _, (more_false, more_true) in sorted(by_score.items(), reverse=True):
        area += more_false * (true + more_true / 2)
        false, true = false + more_false, true + more_true
        points.append((false / negatives, true / positives))
    return Roc(tuple(points), area / (positives * negatives), positives, negatives)
