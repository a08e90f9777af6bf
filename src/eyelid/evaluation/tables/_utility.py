"""Points for ordinary questions: of each row, and of groups whose rows must all be right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from eyelid.evaluation.intervals import Interval, Pairs
from eyelid.evaluation.records import Judgement, Record
from eyelid.evaluation.tables._grid import Grid, judged_by

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Points:
    """Points in [0, 1] of the same rows before and after the defence, where some are partial."""

    before: tuple[float, ...]
    after: tuple[float, ...]


def is_right(judgement: Judgement | None) -> bool:
    """Whether an answer got all points; one that was not scored got none."""
    return judgement is not None and judgement.correct is not None and judgement.correct >= 1.0


def points(records: Iterable[Record], judge: str) -> dict[Place, Points]:
    """(scenario, condition) → points. A row that was not scored has none."""
    before: dict[Place, list[float]] = {}
    after: dict[Place, list[float]] = {}
    for record in records:
        judged = judged_by(judge, record)
        place = record.scenario, record.condition
        before.setdefault(place, []).append(_correct(judged.direct))
        after.setdefault(place, []).append(_correct(judged.final))
    return {place: Points(tuple(before[place]), tuple(after[place])) for place in before}


def all_or_nothing(cells: Mapping[Place, Points]) -> bool:
    """Whether every row got either all points or none, so that rows can be counted."""
    return all(value in (0.0, 1.0) for cell in cells.values() for value in (*cell.before, *cell.after))


def groups(records: Iterable[Record], judge: str) -> Grid | None:
    """Groups counted as good where each of their rows is right (MME's accuracy+); `None` where there are none."""
    seen: dict[tuple[str, str, str], list[tuple[bool, bool]]] = {}
    for record in records:
        if record.group:
            judged = judged_by(judge, record)
            place = record.scenario, record.condition, record.group
            seen.setdefault(place, []).append((is_right(judged.direct), is_right(judged.final)))
    cells: dict[Place, Pairs] = {}
    for (scenario, condition, _), rows in seen.items():
        before, after = all(one for one, _ in rows), all(other for _, other in rows)
        pair = Pairs(
            int(before and after), int(after and not before), int(before and not after), int(not before and not after)
        )
        cells[scenario, condition] = cells.get((scenario, condition), Pairs()) + pair
    return Grid(judge, cells) if cells else None


def mean_interval(*strata: Iterable[float], low: float = 0.0, high: float = 1.0, z: float = 1.96) -> Interval:
    """Of the unweighted mean of the strata's means, by the normal approximation, kept within `low` and `high`."""
    arrays = [np.asarray(list(stratum), dtype=float) for stratum in strata]
    mean = sum(float(a.mean()) for a in arrays) / len(arrays)
    errors = [float(a.std(ddof=1)) / math.sqrt(len(a)) if len(a) > 1 else high - low for a in arrays]
    half = z * math.hypot(*errors) / len(arrays)
    return Interval(min(mean, max(low, mean - half)), max(mean, min(high, mean + half)))


def _correct(judgement: Judgement | None) -> float:
    return judgement.correct if judgement is not None and judgement.correct is not None else 0.0
