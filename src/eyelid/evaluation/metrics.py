"""Figures about scores: pure functions of labels (1 harmful, 0 not) and probabilities in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def auroc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Area under the ROC curve: how often a harmful text scores above a harmless one, ties counting half.

    Raises:
        ValueError: only one of the two classes is there.
    """
    truth, values = _both_classes(labels, scores)
    positives = int(truth.sum())
    pairs = positives * (len(truth) - positives)
    return float((_average_ranks(values)[truth].sum() - positives * (positives + 1) / 2) / pairs)


def auprc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Area under the precision-recall curve as average precision, without interpolation.

    Raises:
        ValueError: only one of the two classes is there.
    """
    truth, values = _both_classes(labels, scores)
    order = np.argsort(-values, kind="stable")
    hits, ends = np.cumsum(truth[order]), _last_of_ties(values[order])
    recall = hits[ends] / truth.sum()
    precision = hits[ends] / (ends + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def f1(labels: Sequence[int], scores: Sequence[float], threshold: float) -> float:
    """Harmonic mean of precision and recall where scores of at least `threshold` count as flagged."""
    truth, values = _arrays(labels, scores)
    flagged = values >= threshold
    total = int(flagged.sum()) + int(truth.sum())
    return 2 * int((flagged & truth).sum()) / total if total else 0.0


def recall_at_fpr(labels: Sequence[int], scores: Sequence[float], fpr: float) -> float:
    """The largest recall of any threshold with a false-positive rate of at most `fpr`."""
    rates = _roc(labels, scores)
    return float(rates.recall[rates.fpr <= fpr].max())


def fpr_at_recall(labels: Sequence[int], scores: Sequence[float], recall: float) -> float:
    """The smallest false-positive rate of any threshold with a recall of at least `recall`."""
    rates = _roc(labels, scores)
    return float(rates.fpr[rates.recall >= recall].min())


def expected_calibration_error(labels: Sequence[int], scores: Sequence[float], *, bins: int = 15) -> float:
    """Mean distance between score and observed frequency over equal-width bins (Naeini et al., AAAI 2015)."""
    truth, values = _arrays(labels, scores)
    place = np.minimum((values * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=truth - values, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, len(values)))


def rate_upper_bound(hits: int, of: int, *, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a rate (Clopper and Pearson, Biometrika 1934). 0 of n gives about 3/n."""
    if hits >= of:
        return 1.0
    low, high = hits / of, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, of, middle) > 1 - confidence else (low, middle)
    return high


def threshold_for_fpr(harmless: Sequence[float], fpr: float, *, confidence: float | None = 0.95) -> float:
    """The lowest threshold that keeps the false-positive rate on harmless texts within `fpr`.

    Args:
        harmless: scores of harmless texts, best of sources that were not trained on.
        fpr: the rate to keep, such as 0.01.
        confidence: with which the true rate is within `fpr`, or None to go by the observed rate.

    Raises:
        ValueError: too few texts to promise that rate with that confidence.
    """
    values = np.sort(np.asarray(harmless, dtype=float))
    allowed = _allowed_hits(len(values), fpr, confidence)
    if allowed < 0:
        raise ValueError(f"{len(values)} harmless scores are too few to promise a rate of {fpr} at {confidence}")
    first_free = values[len(values) - 1 - allowed] if allowed < len(values) else -math.inf
    return float(np.nextafter(first_free, math.inf))


def _allowed_hits(count: int, fpr: float, confidence: float | None) -> int:
    if confidence is None:
        return math.floor(fpr * count)
    low, high = -1, count
    while low < high:
        middle = (low + high + 1) // 2
        within = rate_upper_bound(middle, count, confidence=confidence) <= fpr
        low, high = (middle, high) if within else (low, middle - 1)
    return low


@dataclass(frozen=True, slots=True)
class _Rates:
    fpr: Floats
    recall: Floats


def _roc(labels: Sequence[int], scores: Sequence[float]) -> _Rates:
    truth, values = _both_classes(labels, scores)
    order = np.argsort(-values, kind="stable")
    hits, ends = np.cumsum(truth[order]), _last_of_ties(values[order])
    false = (ends + 1) - hits[ends]
    return _Rates(
        np.concatenate(([0.0], false / (len(truth) - truth.sum()))),
        np.concatenate(([0.0], hits[ends] / truth.sum())),
    )


def _last_of_ties(ordered: Floats) -> NDArray[np.intp]:
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)


def _average_ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[inverse]
    return ranks


def _at_most(hits: int, of: int, rate: float) -> float:
    """Probability of at most `hits` in `of` trials."""
    if rate <= 0.0:
        return 1.0
    k = np.arange(hits + 1)
    logs = np.concatenate(([0.0], np.cumsum(np.log((of - k[:-1]) / (k[:-1] + 1.0)))))
    return float(np.exp(logs + k * math.log(rate) + (of - k) * math.log1p(-rate)).sum())


def _arrays(labels: Sequence[int], scores: Sequence[float]) -> tuple[NDArray[np.bool_], Floats]:
    if len(labels) != len(scores):
        raise ValueError(f"{len(labels)} labels and {len(scores)} scores")
    return np.asarray(labels).astype(bool), np.asarray(scores, dtype=float)


def _both_classes(labels: Sequence[int], scores: Sequence[float]) -> tuple[NDArray[np.bool_], Floats]:
    truth, values = _arrays(labels, scores)
    if not 0 < truth.sum() < len(truth):
        raise ValueError("the curve needs harmful and harmless texts")
    return truth, values
