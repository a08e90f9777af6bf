"""What benchmarks of ordinary questions print beside their points: groups, parts, capabilities, yes and no."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from eyelid.evaluation.intervals import Pairs
from eyelid.evaluation.records import Record
from eyelid.evaluation.samples import Kind
from eyelid.evaluation.scoring import PopeScores, answered, capability_scores, pope_scores, said_at_all
from eyelid.evaluation.tables._grid import judged_by
from eyelid.evaluation.tables._layout import Scope, Source, lay_out
from eyelid.evaluation.tables._printed import Listing, Table
from eyelid.evaluation.tables._runs import Run
from eyelid.evaluation.tables._utility import groups, points
from eyelid.evaluation.tables._words import percent

#: Fact of a row that says to which part of its benchmark its scenario belongs.
PART, CAPABILITY = "part", "capability"


def parts_of(records: Sequence[Record], scenarios: Sequence[str]) -> list[Scope]:
    """Of which scenarios points are averaged: of all, and of each part where there are several."""
    if len(scenarios) < 2:
        return []
    members: dict[str, set[str]] = {}
    for record in records:
        if part := record.facts.get(PART, ""):
            members.setdefault(part, set()).add(record.scenario)
    parts = [
        Scope(f"mean of {len(within)}, {part}", tuple(each for each in scenarios if each in within))
        for part, within in sorted(members.items(), reverse=True)
    ]
    everything = Scope(f"mean of {len(scenarios)}", tuple(scenarios))
    return [everything, *(parts if len(parts) > 1 else [])]


def group_tables(
    runs: Sequence[Run], judge: str, scenarios: Sequence[str], scopes: Sequence[Scope], seed: int
) -> list[Table]:
    """Groups of rows of which each is right; none where the benchmark has no groups."""
    sources = []
    for run in runs:
        grid = groups(_asked(run), judge)
        if grid is None:
            return []
        column: dict[str, Pairs] = {}
        for (scenario, _), pairs in grid.cells.items():
            column[scenario] = column.get(scenario, Pairs()) + pairs
        label = run.label if len(runs) > 1 else ""
        defense = ("defended" if len(runs) > 1 else run.manifest.defense) if run.defended else ""
        sources.append(Source(label, dict(column), defense))
    caption = "Share of the images of which every question is answered right (accuracy+)."
    return [
        lay_out("All right together", sources, scenarios=scenarios, scopes=scopes, caption=caption, seed=seed),
    ]


def points_listings(runs: Sequence[Run], judge: str) -> Iterator[Listing]:
    """Of MME its totals, of MM-Vet its capabilities, of POPE its rates; by what the rows themselves say."""
    for listing in (_totals(runs, judge), _capabilities(runs, judge)):
        if listing is not None:
            yield listing
    if runs[0].manifest.benchmark == "pope":
        yield _pope(runs)


def totals(run: Run, judge: str) -> dict[str, tuple[float, float]]:
    """Part → points before and after as MME adds them up: 100 for accuracy and 100 for accuracy+ of each subtask."""
    records = [record for record in _asked(run) if record.facts.get(PART)]
    together = groups(records, judge)
    if together is None:
        return {}
    part_of = {record.scenario: record.facts[PART] for record in records}
    found: dict[str, tuple[float, float]] = {}
    for place, scored in points(records, judge).items():
        pairs, rows = together.cells.get(place, Pairs()), len(scored.before)
        before, after = found.get(part_of[place[0]], (0.0, 0.0))
        found[part_of[place[0]]] = (
            before + 100 * sum(scored.before) / rows + 100 * pairs.before / max(1, pairs.rows),
            after + 100 * sum(scored.after) / rows + 100 * pairs.after / max(1, pairs.rows),
        )
    return dict(sorted(found.items(), reverse=True))


def capabilities(run: Run, judge: str, *, direct: bool) -> Mapping[str, float]:
    """Capability → mean points in [0, 1], and the mean of all rows as "total"; empty without such rows."""
    rows = []
    for record in _asked(run):
        if record.facts.get(CAPABILITY):
            judged = judged_by(judge, record)
            said = judged.direct if direct else judged.final
            rows.append((record.facts[CAPABILITY], (said.correct if said else None) or 0.0))
    if not rows:
        return {}
    scores = capability_scores(rows)
    return {**scores.by_capability, "total": scores.total}


def _totals(runs: Sequence[Run], judge: str) -> Listing | None:
    rows = []
    for run in runs:
        for part, (before, after) in totals(run, judge).items():
            rows.append((run.label, part, f"{before:.1f}", *_after(run, f"{after:.1f}", f"{after - before:+.1f}")))
    caption = "Sum over the subtasks of 100 × accuracy + 100 × accuracy+; subtasks without rows add nothing."
    return (
        Listing("Points as MME adds them up", ("run", "part", "direct", "defended", "Δ"), tuple(rows), caption)
        if rows
        else None
    )


def _capabilities(runs: Sequence[Run], judge: str) -> Listing | None:
    rows = []
    for run in runs:
        before, after = (capabilities(run, judge, direct=direct) for direct in (True, False))
        for name in before:
            gain = f"{100 * (after[name] - before[name]):+.1f}"
            rows.append((run.label, name, percent(before[name]), *_after(run, percent(after[name]), gain)))
    caption = "A row counts for each capability it needs; once in the total."
    return (
        Listing("Points by capability", ("run", "capability", "direct", "defended", "Δ"), tuple(rows), caption)
        if rows
        else None
    )


def _pope(runs: Sequence[Run]) -> Listing:
    rows = []
    for run in runs:
        for direct in (True, False) if run.defended else (True,):
            for setting, scores in pope_scores(answered(_asked(run), said_at_all, direct=direct)).items():
                rows.append((run.label, "direct" if direct else "defended", setting, *_rates(scores)))
    heads = ("run", "answer", "setting", "accuracy", "precision", "recall", "F1", "says yes")
    return Listing("Yes and no", heads, tuple(rows), "Half of the right answers are yes.")


def _rates(scores: PopeScores) -> list[str]:
    values = (scores.accuracy, scores.precision, scores.recall, scores.f1, scores.yes_ratio)
    return [percent(value) for value in values]


def _after(run: Run, after: str, gain: str) -> tuple[str, str]:
    return (after, gain.replace("-", "−")) if run.defended else ("", "")


def _asked(run: Run) -> list[Record]:
    return [record for record in run.records if record.kind == Kind.UTILITY.value]
