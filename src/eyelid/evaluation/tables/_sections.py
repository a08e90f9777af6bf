"""The tables of one measure by one judge: a run in all conditions, a condition in all runs, and an overview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._grid import same_judge
from eyelid.evaluation.tables._layout import Measured, Scope, Source, lay_out, macro, scopes_of
from eyelid.evaluation.tables._measures import Counted, Measure, rows_of
from eyelid.evaluation.tables._order import conditions_in, scenarios_in
from eyelid.evaluation.tables._points import group_tables, parts_of, points_listings
from eyelid.evaluation.tables._printed import Cell, Column, Difference, Listing, Table


@dataclass(frozen=True, slots=True)
class Section:
    """One measure by one judge.

    Args:
        measure: which.
        counts: of each run.
        scopes: of which scenarios means are printed; the first is the one that sentences speak of.
        conditions: in order.
        tables: to be shown, in order.
        opposites: the same tables with 100 less each number.
        listings: what else there is to say.
    """

    measure: Measure
    counts: tuple[Counted, ...] = field(repr=False)
    scopes: tuple[Scope, ...]
    conditions: tuple[str, ...]
    tables: tuple[Table, ...]
    opposites: tuple[Table, ...] = ()
    listings: tuple[Listing, ...] = ()

    def mean(self, count: Counted, condition: str, scope: Scope | None = None, seed: int = 0) -> Measured | None:
        """The unweighted mean of a run over the scenarios of a scope; `None` where there are no rows."""
        column = count.column(condition)
        scenarios = sorted(column) if scope is None else [each for each in scope.scenarios if each in column]
        return macro([column[scenario] for scenario in scenarios], seed) if scenarios else None


def section(benchmark: str, measure: Measure, counts: Sequence[Counted], *, seed: int = 0) -> Section:
    """All tables of these counts.

    Raises:
        ConfigurationError: they are of several judges.
    """
    judge = same_judge(count.judge for count in counts)
    records = [record for count in counts for record in rows_of(count.run, measure)]
    scenarios, conditions = scenarios_in(benchmark, records), conditions_in(benchmark, records)
    utility = measure.kind == Kind.UTILITY.value
    scopes = parts_of(records, scenarios) if utility else scopes_of(benchmark, scenarios)
    maker = _Maker(measure, counts, scenarios, conditions, scopes, seed)
    runs = [count.run for count in counts]
    return Section(
        measure,
        tuple(counts),
        tuple(scopes),
        tuple(conditions),
        (*maker.tables(flip=False), *(group_tables(runs, judge, scenarios, scopes, seed) if utility else ())),
        tuple(maker.tables(flip=True)) if measure.opposite else (),
        tuple(points_listings(runs, judge)) if utility else (),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    measure: Measure
    counts: Sequence[Counted]
    scenarios: Sequence[str]
    conditions: Sequence[str]
    scopes: Sequence[Scope]
    seed: int

    def tables(self, *, flip: bool) -> list[Table]:
        if len(self.conditions) == 1:
            return [self._across_runs(self.conditions[0], "", flip)]
        one_each = [self._across_conditions(count, flip) for count in self.counts]
        if len(self.counts) == 1:
            return one_each
        side_by_side = [self._across_runs(condition, condition, flip) for condition in self.conditions]
        return [self._overview(flip), *one_each, *side_by_side]

    def _across_conditions(self, count: Counted, flip: bool) -> Table:
        sources = [
            Source(condition, column, count.run.manifest.defense if count.run.defended else "")
            for condition in self.conditions
            if (column := count.column(condition))
        ]
        return self._lay_out(count.run.label, sources, flip)

    def _across_runs(self, condition: str, suffix: str, flip: bool) -> Table:
        several = len(self.counts) > 1
        sources = [
            Source(
                count.run.label if several else "",
                count.column(condition),
                ("defended" if several else count.run.manifest.defense) if count.run.defended else "",
            )
            for count in self.counts
        ]
        return self._lay_out(suffix, sources, flip)

    def _lay_out(self, suffix: str, sources: Sequence[Source], flip: bool) -> Table:
        return lay_out(
            self._name(flip, suffix),
            sources,
            scenarios=self.scenarios,
            scopes=self.scopes,
            flip=flip,
            complement=self._name(not flip, suffix) if self.measure.opposite else "",
            seed=self.seed,
        )

    def _overview(self, flip: bool) -> Table:
        """Runs down, conditions across; each number the macro mean that the run's own table has."""
        scope = self.scopes[0] if self.scopes else None
        columns: list[Column] = []
        differences: list[Difference] = []
        for condition in self.conditions:
            means = {count.run.label: self._mean(count, condition, scope, flip) for count in self.counts}
            known = {label: mean for label, mean in means.items() if mean is not None}
            defended = {c.run.label for c in self.counts if c.run.defended}
            before = {label: mean.before.cell for label, mean in known.items()}
            columns.append(Column(f"{condition}/before", condition, "direct", before, "before"))
            if defended:
                after = {label: mean.after.cell for label, mean in known.items() if label in defended}
                gains = {label: _bare(mean.difference.cell) for label, mean in known.items() if label in defended}
                columns.append(Column(f"{condition}/after", condition, "defended", after, "after"))
                columns.append(Column(f"{condition}/difference", condition, "Δ", gains, "difference"))
                differences.append(Difference(f"{condition}/difference", f"{condition}/after", f"{condition}/before"))
        return Table(
            self._name(flip, "all runs"),
            tuple(count.run.label for count in self.counts),
            tuple(columns),
            differences=tuple(differences),
            complement=self._name(not flip, "all runs") if self.measure.opposite else "",
            caption=f"Each number is the {scope.name}, macro." if scope else "",
            row_head="run",
        )

    def _mean(self, count: Counted, condition: str, scope: Scope | None, flip: bool) -> Measured | None:
        column = count.column(condition)
        chosen = [name for name in (scope.scenarios if scope else self.scenarios) if name in column]
        if not chosen:
            return None
        mean = macro([column[name] for name in chosen], self.seed)
        return mean.flipped() if flip else mean

    def _name(self, flip: bool, suffix: str) -> str:
        name = self.measure.opposite if flip else self.measure.name
        return f"{name}, {suffix}" if suffix else name


def _bare(cell: Cell) -> Cell:
    return Cell(cell.value, cell.low, cell.high)
