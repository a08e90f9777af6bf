"""MM-Vet's tables: points by capability, where a row counts for each capability it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CapabilityScores:
    """Means of points, in [0, 1].

    Args:
        by_capability: capability → mean over the rows that need it.
        total: mean over all rows, each counted once; 0 without rows.
        rows: capability → rows.
    """

    by_capability: Mapping[str, float]
    total: float
    rows: Mapping[str, int]


def capability_scores(rows: Iterable[tuple[str, float]]) -> CapabilityScores:
    """Points by capability.

    Args:
        rows: the fact `capability` of a row, such as "ocr,math", and its points in [0, 1].
    """
    points: dict[str, list[float]] = {}
    every = []
    for needed, point in rows:
        every.append(point)
        for capability in dict.fromkeys(filter(None, needed.split(","))):
            points.setdefault(capability, []).append(point)
    means = {capability: sum(held) / len(held) for capability, held in points.items()}
    total = sum(every) / len(every) if every else 0.0
    return CapabilityScores(means, total, {capability: len(held) for capability, held in points.items()})
