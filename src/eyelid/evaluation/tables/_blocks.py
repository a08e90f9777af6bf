"""Everything that one judge says: a block for each judge, and nothing of two judges in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eyelid.evaluation.intervals import Pairs, mcnemar
from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._attribution import Attribution, attribute
from eyelid.evaluation.tables._detection import SelfJudgement, self_judgement
from eyelid.evaluation.tables._grid import judges_of
from eyelid.evaluation.tables._measures import MEASURES, counted
from eyelid.evaluation.tables._printed import Listing, Table, Tally
from eyelid.evaluation.tables._runs import Run
from eyelid.evaluation.tables._sections import Section, section
from eyelid.evaluation.tables._words import ABSENT, share

_KINDS = {
    Kind.HARMFUL.value: "harmful requests",
    Kind.HARMLESS.value: "harmless requests",
    Kind.UTILITY.value: "ordinary questions",
}


@dataclass(frozen=True, slots=True)
class Block:
    """What one judge says.

    Args:
        judge: its identity.
        sections: a measure each.
        listings: who changed what, and how the model judges itself.
        tallies: counts behind the listings.
        attributions: (run's label, kind of rows) → counts.
        selves: run's label → how the model's word on its own answers agrees.
    """

    judge: str
    sections: tuple[Section, ...]
    listings: tuple[Listing, ...] = ()
    tallies: tuple[Tally, ...] = ()
    attributions: Mapping[tuple[str, str], Attribution] = field(default_factory=dict)
    selves: Mapping[str, SelfJudgement] = field(default_factory=dict)

    @property
    def tables(self) -> list[Table]:
        return [table for each in self.sections for table in (*each.tables, *each.opposites)]


def block(runs: Sequence[Run], judge: str, *, seed: int = 0) -> Block:
    """What that judge says of these runs."""
    benchmark = runs[0].manifest.benchmark
    sections = [
        section(benchmark, measure, counts, seed=seed)
        for measure in MEASURES
        if (counts := counted(runs, measure, judge))
    ]
    attributions = {
        (count.run.label, each.measure.kind): attribute(
            (record for record in count.run.records if record.kind == each.measure.kind), judge
        )
        for each in sections
        for count in each.counts
    }
    selves = {run.label: found for run in runs if (found := self_judgement(run.records, judge))}
    silent = {run.label for run in runs if judge not in judges_of(run.records, "refused")}
    listings = (_who(attributions, silent), _changes(sections), _selves(selves))
    tallies = tuple(Tally(f"{label}, {kind}", each.parts, each.rows) for (label, kind), each in attributions.items())
    shown = tuple(listing for listing in listings if listing.rows)
    return Block(judge, tuple(sections), shown, tallies, attributions, selves)


def _who(attributions: Mapping[tuple[str, str], Attribution], silent: set[str]) -> Listing:
    rows = tuple(
        (
            label,
            f"{_KINDS[kind]} ({each.rows:,})",
            f"{each.caught:,}",
            share(each.false_alarms, each.harmless),
            ABSENT if label in silent else f"{each.host_refusals:,}",
            f"{each.failed:,}",
            f"{each.passed:,}",
        )
        for (label, kind), each in attributions.items()
    )
    caption = (
        "Each row stands in one column. A false alarm is an answer that the guard changed though the judge calls it "
        "safe, or though the request is harmless; its share is of all answers that gave no reason to change them. "
        "Host refusals are the model's own and were passed on. Failed looks and missing answers are neither."
    )
    heads = ("run", "rows", "changed with reason", "false alarms", "host refusals", "failed", "passed on")
    return Listing("Who changed or refused an answer", heads, rows, caption)


def _changes(sections: Sequence[Section]) -> Listing:
    rows = []
    for each in sections:
        for count in each.counts:
            for condition in each.conditions:
                found = [sample for sample in count.column(condition).values() if isinstance(sample, Pairs)]
                if found and count.run.defended:
                    pairs = sum(found, Pairs())
                    chance = mcnemar(pairs.gained, pairs.lost)
                    rows.append(
                        (
                            count.run.label,
                            each.measure.what,
                            condition or "all",
                            f"{pairs.gained:,}",
                            f"{pairs.lost:,}",
                            f"{pairs.both:,}",
                            f"{pairs.neither:,}",
                            f"{chance:.3f}" if chance >= 0.001 else "< 0.001",
                        )
                    )
    heads = ("run", "measure", "condition", "gained", "lost", "kept", "never", "p")
    caption = (
        "The same rows before and after: good after only, before only, both, never; p is the exact two-sided McNemar "
        "test of gained against lost, one for each line and not adjusted for their number."
    )
    return Listing("Row by row", heads, tuple(rows), caption)


def _selves(selves: Mapping[str, SelfJudgement]) -> Listing:
    rows = tuple(
        (label, share(each.agreed, each.asked), share(each.found, each.unsafe), share(each.false, each.safe))
        for label, each in selves.items()
    )
    caption = "The model on its own first answers to harmful requests, against this judge."
    heads = ("run", "agrees", "unsafe answers it calls unsafe", "safe answers it calls unsafe")
    return Listing("The model as judge of itself", heads, rows, caption)
