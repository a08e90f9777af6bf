"""The engines' own statistics, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from eyelid.engine import Histogram, Stats, engines

_GAUGES = {
    "queued": "Items that wait",
    "queued_tokens": "Tokens that wait",
    "queued_bytes": "Bytes that wait",
    "running": "Items being evaluated",
    "running_tokens": "Tokens being evaluated",
    "broken": "Whether the engine has given up",
}
_COUNTERS = {
    "submitted": "Items asked for",
    "joined": "Items that joined the same work under way",
    "completed": "Items answered",
    "failed": "Items answered with an error",
    "cancelled": "Items nobody wanted any more",
    "expired": "Items whose deadline passed",
    "refused": "Items for which there was no room",
    "passes": "Forward passes",
    "tokens": "Tokens evaluated",
    "out_of_memory": "Passes that did not fit into memory",
    "restarts": "Workers that hung or died",
}
_HISTOGRAMS = {
    "wait": "Seconds from submission to the start",
    "latency": "Seconds from submission to the answer",
    "pass_seconds": "Seconds of a pass",
    "pass_items": "Items of a pass",
    "pass_tokens": "Tokens of a pass",
}
_LABELS = ("engine", "device")


def _now() -> list[Stats]:
    return [engine.stats() for engine in engines()]


class EngineCollector(Collector):
    """Statistics of every engine of the process.

    Args:
        stats: gives them; those of the process's own engines if left out.
    """

    def __init__(self, stats: Callable[[], Iterable[Stats]] = _now) -> None:
        self._stats = stats

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there will be is known when there are engines."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One family for each number, with a line for each engine."""
        found = [((str(number), stats.device), stats) for number, stats in enumerate(self._stats())]
        for name, text in _GAUGES.items():
            gauge = GaugeMetricFamily(f"eyelid_engine_{name}", text, labels=_LABELS)
            for labels, stats in found:
                gauge.add_metric(labels, float(getattr(stats, name)))
            yield gauge
        for name, text in _COUNTERS.items():
            counter = CounterMetricFamily(f"eyelid_engine_{name}", text, labels=_LABELS)
            for labels, stats in found:
                counter.add_metric(labels, float(getattr(stats, name)))
            yield counter
        for name, text in _HISTOGRAMS.items():
            histogram = HistogramMetricFamily(f"eyelid_engine_{name}", text, labels=_LABELS)
            for labels, stats in found:
                values: Histogram = getattr(stats, name)
                histogram.add_metric(labels, _buckets(values), values.total)
            yield histogram


def _buckets(values: Histogram) -> list[tuple[str, float]]:
    """Counts up to each bound, as Prometheus wants them."""
    seen = 0
    buckets = []
    for bound, count in zip((*(str(float(b)) for b in values.bounds), "+Inf"), values.counts, strict=True):
        seen += count
        buckets.append((bound, float(seen)))
    return buckets
