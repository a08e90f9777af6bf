"""Counts → the tables of the papers: scenarios down, conditions or runs across, direct → defended, means below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eyelid.evaluation.intervals import Interval, Pairs, macro_intervals, paired_difference, wilson
from eyelid.evaluation.tables._printed import Average, Cell, Column, Difference, Table
from eyelid.evaluation.tables._utility import Points, mean_interval

Sample = Pairs | Points


@dataclass(frozen=True, slots=True)
class Scope:
    """Scenarios whose mean is printed: the name of the row, and which ones."""

    name: str
    scenarios: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What one group of columns shows: a condition of a run, or a run.

    Args:
        group: what stands above it.
        samples: scenario → rows.
        defense: the head of the column after the defence; "" where there is none, and one column is shown.
        head: of the column before it.
    """

    group: str
    samples: Mapping[str, Sample] = field(repr=False)
    defense: str = ""
    head: str = "direct"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share in [0, 1], or a difference, with its interval and its counts, where it has them."""

    value: float
    interval: Interval
    hits: int | None = None
    of: int | None = None

    def flipped(self, whole: float) -> Estimate:
        """Of the opposite: `whole` less this."""
        interval = Interval(whole - self.interval.high, whole - self.interval.low)
        hits = None if self.hits is None or self.of is None else self.of - self.hits
        return Estimate(whole - self.value, interval, hits, self.of)

    @property
    def cell(self) -> Cell:
        return Cell.of_share(self.value, self.interval, self.hits, self.of)


@dataclass(frozen=True, slots=True)
class Measured:
    """Before, after, and the difference."""

    before: Estimate
    after: Estimate
    difference: Estimate

    def flipped(self) -> Measured:
        return Measured(self.before.flipped(1.0), self.after.flipped(1.0), self.difference.flipped(0.0))


def lay_out(
    name: str,
    sources: Sequence[Source],
    *,
    scenarios: Sequence[str],
    scopes: Sequence[Scope] = (),
    flip: bool = False,
    complement: str = "",
    caption: str = "",
    seed: int = 0,
) -> Table:
    """The table of these sources.

    Args:
        name: unique within a report.
        sources: groups of columns, in order.
        scenarios: rows, in order.
        scopes: for each, a macro and a micro mean are printed below.
        flip: print 100 less each share: attack success instead of harmless rate.
        complement: name of the table with the opposite.
        caption: for the reader.
        seed: of the intervals of macro means.
    """
    columns, differences = [], []
    for number, source in enumerate(sources):
        measured = {row: measure(source.samples[row]) for row in scenarios if row in source.samples}
        columns += _columns(f"{number}", source, {r: m.flipped() if flip else m for r, m in measured.items()})
        if source.defense:
            differences.append(Difference(f"{number}/difference", f"{number}/after", f"{number}/before"))
    averages = [
        average
        for scope in scopes
        for average in (_average(scope, sources, flip, seed, "macro"), _average(scope, sources, flip, seed, "micro"))
    ]
    return Table(
        name=name,
        rows=tuple(scenarios),
        columns=tuple(columns),
        averages=tuple(averages),
        differences=tuple(differences),
        complement=complement,
        caption=caption,
        sizes=_sizes(scenarios, sources),
    )


def measure(sample: Sample) -> Measured:
    """One cell: shares of counted rows, or means of points."""
    if isinstance(sample, Points):
        return _mean_of_points([sample])
    rows = sample.rows
    return Measured(
        Estimate(sample.before / rows, wilson(sample.before, rows), sample.before, rows),
        Estimate(sample.after / rows, wilson(sample.after, rows), sample.after, rows),
        Estimate((sample.after - sample.before) / rows, paired_difference(sample), sample.after - sample.before, rows),
    )


def macro(samples: Sequence[Sample], seed: int = 0) -> Measured:
    """The mean in which each sample counts the same."""
    counted = [sample for sample in samples if isinstance(sample, Pairs)]
    if len(counted) != len(samples):
        return _mean_of_points([sample for sample in samples if isinstance(sample, Points)])
    intervals, number = macro_intervals(counted, seed=seed), len(counted)
    before = sum(sample.before / sample.rows for sample in counted) / number
    after = sum(sample.after / sample.rows for sample in counted) / number
    return Measured(
        Estimate(before, intervals.before),
        Estimate(after, intervals.after),
        Estimate(after - before, intervals.difference),
    )


def micro(samples: Sequence[Sample]) -> Measured:
    """The mean in which each row of the benchmark counts the same."""
    counted = [sample for sample in samples if isinstance(sample, Pairs)]
    if len(counted) == len(samples):
        return measure(sum(counted, Pairs()))
    scored = [sample for sample in samples if isinstance(sample, Points)]
    return measure(Points(*(tuple(value for side in sides for value in side) for sides in _sides(scored))))


def scopes_of(benchmark: str, scenarios: Sequence[str]) -> list[Scope]:
    """Of which scenarios means are printed: of all, and of the part that a paper reports, where it is one."""
    if len(scenarios) < 2:
        return []
    everything = Scope(f"mean of {len(scenarios)}", tuple(scenarios))
    parts = []
    for name, codes in SUBSETS.get(benchmark, {}).items():
        chosen = tuple(scenario for scenario in scenarios if scenario.split("-")[0] in codes)
        if len(chosen) == len(codes) < len(scenarios):
            parts.append(Scope(name, chosen))
        elif len(chosen) == len(codes) == len(scenarios):
            everything = Scope(name, chosen)
    return [everything, *parts]


#: Benchmark → name of a mean → codes of its scenarios.
SUBSETS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "mm-safetybench": {"mean of ECSO's 8": frozenset({"01", "02", "03", "04", "05", "06", "07", "09"})}
}


def _columns(number: str, source: Source, measured: Mapping[str, Measured]) -> list[Column]:
    before = {row: m.before.cell for row, m in measured.items()}
    if not source.defense:
        return [Column(f"{number}/before", source.group, source.head, before, "before")]
    after = {row: m.after.cell for row, m in measured.items()}
    difference = {row: _no_counts(m.difference.cell) for row, m in measured.items()}
    return [
        Column(f"{number}/before", source.group, source.head, before, "before"),
        Column(f"{number}/after", source.group, source.defense, after, "after"),
        Column(f"{number}/difference", source.group, "Δ", difference, "difference"),
    ]


def _average(scope: Scope, sources: Sequence[Source], flip: bool, seed: int, weighting: str) -> Average:
    cells: dict[str, Cell] = {}
    for number, source in enumerate(sources):
        samples = [source.samples[scenario] for scenario in scope.scenarios if scenario in source.samples]
        if not samples:
            continue
        measured = macro(samples, seed) if weighting == "macro" else micro(samples)
        measured = measured.flipped() if flip else measured
        cells[f"{number}/before"] = measured.before.cell
        if source.defense:
            cells[f"{number}/after"] = measured.after.cell
            cells[f"{number}/difference"] = _no_counts(measured.difference.cell)
    what = "macro" if weighting == "macro" else "micro"
    return Average(f"{scope.name}, {what}", "macro" if weighting == "macro" else "micro", scope.scenarios, cells)


def _no_counts(cell: Cell) -> Cell:
    """A difference is no share of its rows: its hits could be negative."""
    return Cell(cell.value, cell.low, cell.high)


def _sizes(scenarios: Sequence[str], sources: Sequence[Source]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for scenario in scenarios:
        found = {_rows(source.samples[scenario]) for source in sources if scenario in source.samples}
        if len(found) == 1:
            sizes[scenario] = found.pop()
    return sizes


def _rows(sample: Sample) -> int:
    return sample.rows if isinstance(sample, Pairs) else len(sample.before)


def _mean_of_points(scored: Sequence[Points]) -> Measured:
    befores, afters = _sides(scored)
    gains = [[b - a for a, b in zip(s.before, s.after, strict=True)] for s in scored]
    return Measured(
        Estimate(_mean(befores), mean_interval(*befores)),
        Estimate(_mean(afters), mean_interval(*afters)),
        Estimate(_mean(afters) - _mean(befores), mean_interval(*gains, low=-1.0)),
    )


def _sides(scored: Sequence[Points]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    return [s.before for s in scored], [s.after for s in scored]


def _mean(strata: Iterable[Sequence[float]]) -> float:
    means = [sum(values) / len(values) for values in strata]
    return sum(means) / len(means)
