"""What an engine has done so far, counted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Upper bounds of the classes of a histogram; what is larger falls into one more.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
NUMBERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values fell where.

    Args:
        bounds: upper bounds of the classes, each included.
        counts: values in each class; one more than there are bounds, for those above all.
        total: the sum of the values.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def quantile(self, share: float) -> float:
        """The upper bound of the class in which a share of the values ends; infinite above all bounds, 0 if empty."""
        wanted, seen = share * sum(self.counts), 0
        for bound, number in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += number
            if number and seen >= wanted:
                return bound
        return 0.0


class Tally:
    """A histogram that grows; whoever adds to it holds the lock."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def snapshot(self) -> Histogram:
        return Histogram(self._bounds, tuple(self._counts), self._total)


@dataclass(frozen=True, slots=True)
class Stats:
    """An engine at one moment. Numbers count from its start; times are in seconds.

    Args:
        device: "cpu" or "cuda:0".
        queued, queued_tokens, queued_bytes: what waits now.
        running, running_tokens: what is being evaluated now.
        submitted: items asked for, those that were joined to others and those refused included.
        joined: items that waited for the same work under way.
        completed, failed: items answered with a result, or with an error of their own.
        cancelled: items that nobody wanted any more before they began.
        expired: items whose deadline passed before they began.
        refused: items for which there was no room.
        passes, tokens: forward passes, and what they evaluated.
        out_of_memory: passes that did not fit.
        restarts: workers that hung or died.
        broken: whether the engine has given up; it then fails everything.
        budgets: tokens of one pass, by the runner's name.
        wait, latency: from submission to the start and to the answer of each item.
        pass_seconds, pass_items, pass_tokens: of each pass.
    """

    device: str
    queued: int
    queued_tokens: int
    queued_bytes: int
    running: int
    running_tokens: int
    submitted: int
    joined: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    refused: int
    passes: int
    tokens: int
    out_of_memory: int
    restarts: int
    broken: bool
    budgets: Mapping[str, int]
    wait: Histogram = field(repr=False)
    latency: Histogram = field(repr=False)
    pass_seconds: Histogram = field(repr=False)
    pass_items: Histogram = field(repr=False)
    pass_tokens: Histogram = field(repr=False)
