"""How far a figure may be trusted: confidence intervals of shares, of paired differences, and of means over scenarios.

Pure functions of counts. Shares are in [0, 1], differences in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

#: How often rows are drawn anew for the interval of a mean over scenarios.
RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same rows seen twice, before and after: how many were good both times, only then, only before, never.

    Args:
        both: good before and after.
        gained: good after only.
        lost: good before only.
        neither: good never.
    """

    both: int = 0
    gained: int = 0
    lost: int = 0
    neither: int = 0

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(*(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.both, self.gained, self.lost, self.neither

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def before(self) -> int:
        return self.both + self.lost

    @property
    def after(self) -> int:
        return self.both + self.gained


def wilson(hits: int, of: int, *, confidence: float = 0.95) -> Interval:
    """The score interval of a share (Wilson, JASA 1927); it keeps within [0, 1], and 0 of n has a width.

    Raises:
        ValueError: `of` is not positive, or `hits` is not in 0 .. `of`.
    """
    if of < 1 or not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} is no share")
    z2 = _z(confidence) ** 2
    share = hits / of
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * of)) / of) / (1 + z2 / of)
    # Rounding must not put the share outside, at 0 and 1 above all.
    return Interval(min(max(0.0, middle - half), share), max(min(1.0, middle + half), share))


def paired_difference(pairs: Pairs, *, confidence: float = 0.95) -> Interval:
    """Of the share good after less the share good before, on the same rows.

    Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10: the two Wilson intervals, squared and added, less
    what the pairing explains.

    Raises:
        ValueError: there are no rows.
    """
    after = wilson(pairs.after, pairs.rows, confidence=confidence)
    before = wilson(pairs.before, pairs.rows, confidence=confidence)
    p_after, p_before, phi = pairs.after / pairs.rows, pairs.before / pairs.rows, _correlation(pairs)
    difference = p_after - p_before
    return Interval(
        max(-1.0, difference - _joined(p_after - after.low, before.high - p_before, phi)),
        min(1.0, difference + _joined(after.high - p_after, p_before - before.low, phi)),
    )


def mcnemar(gained: int, lost: int) -> float:
    """How likely a difference at least as large is by chance alone: the exact two-sided test (McNemar, 1947)."""
    changed, rarer = gained + lost, min(gained, lost)
    below = sum(math.comb(changed, k) for k in range(rarer + 1))
    return float(min(1.0, 2 * below / 2**changed))


@dataclass(frozen=True, slots=True)
class MeanIntervals:
    """Of the unweighted means over scenarios: before, after, and of their difference."""

    before: Interval
    after: Interval
    difference: Interval


def macro_intervals(
    strata: Sequence[Pairs], *, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> MeanIntervals:
    """Of means in which every scenario counts the same, whatever its size.

    The rows of each scenario are drawn anew with replacement, pairs together, and the percentiles of the means taken
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13). Where drawing anew changes
    nothing because all rows agree, the scenarios' own intervals are squared and added instead: agreement of a few rows
    is no certainty.

    Args:
        strata: one for each scenario, in an order that the caller keeps.
        confidence: how often such an interval holds the true mean.
        seed: of the drawing; the same seed gives the same interval.
        resamples: how often they are drawn.

    Raises:
        ValueError: there is no scenario, or one has no rows.
    """
    if not strata or any(stratum.rows < 1 for stratum in strata):
        raise ValueError("a mean over scenarios needs scenarios with rows")
    return _macro_intervals(tuple(strata), confidence, seed, resamples)


# A report prints the same mean in several places.
@lru_cache(maxsize=256)
def _macro_intervals(strata: tuple[Pairs, ...], confidence: float, seed: int, resamples: int) -> MeanIntervals:
    drawn = _resampled(strata, np.random.default_rng(seed), resamples)
    before, after = drawn[..., 0] + drawn[..., 2], drawn[..., 0] + drawn[..., 1]
    shares_before = [_Known(s.before / s.rows, wilson(s.before, s.rows, confidence=confidence)) for s in strata]
    shares_after = [_Known(s.after / s.rows, wilson(s.after, s.rows, confidence=confidence)) for s in strata]
    differences = [_Known((s.after - s.before) / s.rows, paired_difference(s, confidence=confidence)) for s in strata]
    return MeanIntervals(
        _of_mean(before, shares_before, confidence),
        _of_mean(after, shares_after, confidence),
        _of_mean(after - before, differences, confidence),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    value: float
    interval: Interval


def _resampled(strata: Sequence[Pairs], rng: np.random.Generator, resamples: int) -> NDArray[np.float64]:
    """Shares of the four outcomes: (resamples, scenarios, 4)."""
    drawn = [rng.multinomial(s.rows, np.array(s.counts) / s.rows, size=resamples) / s.rows for s in strata]
    return np.stack(drawn, axis=1)


def _of_mean(drawn: NDArray[np.float64], known: Sequence[_Known], confidence: float) -> Interval:
    mean, tail = sum(each.value for each in known) / len(known), (1 - confidence) / 2
    low, high = (float(edge) for edge in np.quantile(drawn.mean(axis=1), [tail, 1 - tail]))
    if high - low < 1e-12:
        low = mean - math.hypot(*(each.value - each.interval.low for each in known)) / len(known)
        high = mean + math.hypot(*(each.interval.high - each.value for each in known)) / len(known)
    return Interval(min(low, mean), max(high, mean))


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _correlation(pairs: Pairs) -> float:
    both, gained, lost, neither = pairs.counts
    product = pairs.after * (pairs.rows - pairs.after) * pairs.before * (pairs.rows - pairs.before)
    if not product:
        return 0.0
    excess: float = both * neither - gained * lost
    if excess > 0:  # towards independence by half a row, but not beyond it
        excess = max(excess - pairs.rows / 2, 0)
    return float(excess / math.sqrt(product))


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
