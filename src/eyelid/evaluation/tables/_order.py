"""In which order scenarios and conditions stand: that of the benchmark's own tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eyelid.evaluation.benchmarks import BENCHMARKS
from eyelid.evaluation.records import Record


def in_order(found: Iterable[str], known: Sequence[str]) -> list[str]:
    """Those known first, as they are listed; the others after them, by name."""
    places = {name: place for place, name in enumerate(known)}
    return sorted(set(found), key=lambda name: (places.get(name, len(places)), name))


def scenarios_in(benchmark: str, records: Iterable[Record]) -> list[str]:
    """The scenarios of these rows."""
    known = BENCHMARKS[benchmark].scenarios if benchmark in BENCHMARKS else ()
    return in_order((record.scenario for record in records), known)


def conditions_in(benchmark: str, records: Iterable[Record]) -> list[str]:
    """The conditions of these rows."""
    known = BENCHMARKS[benchmark].conditions if benchmark in BENCHMARKS else ()
    return in_order((record.condition for record in records), known)


def title_of(benchmark: str) -> str:
    """As its authors write it."""
    return BENCHMARKS[benchmark].title if benchmark in BENCHMARKS else benchmark
