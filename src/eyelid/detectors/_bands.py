"""For which cheap scores a stronger detector is asked, and how that is found from scores of both. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eyelid.errors import ConfigurationError
from eyelid.policy import known
from eyelid.taxonomy import Category
from eyelid.types import Surface

#: Above every score, so that a band up to here has no upper end.
TOP = 1.5


@dataclass(frozen=True, slots=True)
class Band:
    """Cheap scores in `[low, high)` of one category are not trusted: the strong detector is asked.

    Args:
        category: whose scores.
        low: below it the cheap detector is believed that there is nothing.
        high: from it on the cheap detector is believed that there is something; `TOP` for never.
        surface: where it holds; `None` for everywhere.

    Raises:
        ConfigurationError: the ends are no band.
        PolicyError: an unknown category or surface.
    """

    category: str
    low: float
    high: float = TOP
    surface: Surface | None = None

    def __post_init__(self) -> None:
        known("category", self.category, Category)
        if self.surface is not None:
            known("surface", self.surface, Surface)
            object.__setattr__(self, "surface", Surface(self.surface))
        if not 0.0 <= self.low <= self.high <= TOP:
            raise ConfigurationError(f"a band needs 0 <= low <= high <= {TOP}, not {self.low!r} to {self.high!r}")

    def holds(self, score: float) -> bool:
        """Whether the strong detector is to be asked; also for a score that cannot be compared."""
        return not (score < self.low or score >= self.high)


@dataclass(frozen=True, slots=True)
class Fit:
    """A band and what it does on the texts it was fitted on.

    Args:
        low: of the band.
        high: of the band.
        escalated: share of the texts for which the strong detector is asked.
        changed: share of the texts whose decision is another than the strong detector's.
        missed: share of the texts that the strong detector flags and the cascade does not.
        texts: how many there were.
    """

    low: float
    high: float
    escalated: float
    changed: float
    missed: float
    texts: int


def fit_band(
    cheap: Sequence[float],
    strong: Sequence[float],
    *,
    threshold: float,
    changed: float = 0.01,
    missed: float = 0.01,
    one_sided: bool = False,
) -> Fit:
    """The band with the fewest escalations that keeps to two limits against asking the strong detector always.

    All pairs of ends are considered, in O(n log n): the lower end decides what is missed, and for each the upper end
    can come down as far as what is left of `changed` allows.

    Args:
        cheap: the cheap detector's scores, one for each text.
        strong: the strong detector's, of the same texts.
        threshold: from which a score is flagged, in both.
        changed: share of all decisions that may differ.
        missed: share of those flagged by the strong detector that may be lost.
        one_sided: whether the cheap detector may only clear texts, never flag them.

    Raises:
        ConfigurationError: no texts, another number of scores, or a number out of range.
    """
    low_scores, flagged = _checked(cheap, strong, threshold, changed, missed)
    order = np.argsort(low_scores, kind="stable")
    scores, flags = low_scores[order], flagged[order]
    count = len(scores)
    # Ends between equal scores are no ends: only where a new score begins, or behind all.
    ends = np.flatnonzero(np.append(True, scores[1:] > scores[:-1]))
    below = np.append(0, np.cumsum(flags))  # flagged by the strong one among the first n texts
    above = np.append(np.cumsum(~flags[::-1])[::-1], 0)  # not flagged by it from the n-th on
    most_missed = int(missed * below[-1])
    most_changed = int(changed * count)
    # Where the cheap scores reach the threshold: below it the cheap answer is "no", from there on "yes".
    middle = int(np.searchsorted(scores, threshold))
    lows = [at for at in [*ends[ends < middle], middle] if below[at] <= min(most_missed, most_changed)]
    highs = np.array([count] if one_sided else [*ends[ends >= middle], count])
    best = (count + 1, 0, count)
    for low in lows:
        # `above` falls from left to right, so the first end that is good enough is the nearest.
        fits = highs[above[highs] <= most_changed - below[low]]
        best = min(best, (int(fits[0] - low), int(low), int(fits[0])))
    inside, low, high = best
    return Fit(
        low=_between(scores, low, threshold),
        high=TOP if high == count else _between(scores, high, threshold),
        escalated=inside / count,
        changed=float(below[low] + above[high]) / count,
        missed=float(below[low] / below[-1]) if below[-1] else 0.0,
        texts=count,
    )


def _checked(
    cheap: Sequence[float], strong: Sequence[float], threshold: float, changed: float, missed: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The cheap scores, and whether the strong ones are flagged."""
    both = np.array([cheap, strong], dtype=np.float64) if len(cheap) == len(strong) else np.zeros((2, 0))
    if not both.size:
        raise ConfigurationError(
            f"a band is fitted on a cheap and a strong score of each text, not {len(cheap)} and {len(strong)}"
        )
    if not np.all((both >= 0.0) & (both <= 1.0)) or not all(0.0 <= x <= 1.0 for x in (threshold, changed, missed)):
        raise ConfigurationError("scores, the threshold and the shares must be in [0, 1]")
    return both[0], both[1] >= threshold


def _between(scores: NDArray[np.float64], place: int, threshold: float) -> float:
    """A value that parts the scores before a place from those behind it; the threshold where that does."""
    before = scores[place - 1] if place else 0.0
    if place == len(scores) or before < threshold <= scores[place]:
        return threshold
    if not place:
        return 0.0
    middle = float((before + scores[place]) / 2)
    return middle if before < middle else float(scores[place])  # neighbours have nothing between them
