"""Tables of labelled texts: how well the guard, and judges, tell harmful from harmless ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyelid.evaluation.intervals import Pairs
from eyelid.evaluation.records import Record
from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._attribution import looks_failed
from eyelid.evaluation.tables._detection import Detection, detection, judge_detection
from eyelid.evaluation.tables._layout import Source, lay_out, scopes_of
from eyelid.evaluation.tables._order import conditions_in, scenarios_in
from eyelid.evaluation.tables._printed import Listing, Table
from eyelid.evaluation.tables._runs import Run
from eyelid.evaluation.tables._words import score, share

_HEADS = ("run", "condition", "AUROC", "AUPRC", "recall", "false positives", "harmless stopped", "ECE", "failed")


def detections(runs: Sequence[Run]) -> Iterator[tuple[Run, str, Detection]]:
    """What each guard made of the labelled rows, of each condition and, where there are several, of all."""
    for run in runs:
        rows = _labelled(run)
        conditions = conditions_in(run.manifest.benchmark, rows)
        everything = [("all", rows)] if len(conditions) > 1 else []
        for condition, chosen in [*((c, [r for r in rows if r.condition == c]) for c in conditions), *everything]:
            found = detection(chosen)
            if found is not None and run.defended:
                yield run, condition, found


def detection_listing(found: Sequence[tuple[Run, str, Detection]]) -> Listing:
    """As one table."""
    rows = tuple((run.label, condition or "all", *_cells(each)) for run, condition, each in found)
    caption = (
        "Recall and false positives at the policy's own thresholds. A failed look stops its text, harmless or not, but "
        "has found nothing, and has no score: curves and calibration are over the texts that have one."
    )
    return Listing("Against the labels", _HEADS, rows, caption)


def judges_listing(runs: Sequence[Run], judges: Sequence[str]) -> Listing:
    """What judges made of the same texts, each by itself."""
    rows = []
    for run in runs[:1]:  # the texts are given, and so the same in all runs
        for judge in judges:
            if (found := judge_detection(run.records, judge)) is not None:
                rows.append((judge, "all", *_cells(found)))
    caption = "Judges on the given texts, against the labels; recall and false positives are those of their verdicts."
    return Listing("Judges against the labels", ("judge", *_HEADS[1:]), tuple(rows), caption)


def detection_tables(runs: Sequence[Run], *, seed: int = 0) -> list[Table]:
    """By scenario: harmful texts that were found, and harmless ones that were flagged or stopped by a failed look."""
    runs = [run for run in runs if run.defended]
    records = [record for run in runs for record in _labelled(run)]
    if not records:
        return []
    benchmark = runs[0].manifest.benchmark
    tables = []
    for name, label in (("Found", 1), ("Harmless texts stopped", 0)):
        chosen = [record for record in records if int(bool(record.label)) == label]
        scenarios = scenarios_in(benchmark, chosen)
        sources = [
            Source(condition, samples, head=run.label)
            for condition in conditions_in(benchmark, chosen)
            for run in runs
            if (samples := _column(run, label, condition))
        ]
        if sources:
            scopes = scopes_of(benchmark, scenarios)
            about = (
                "Share of harmful texts that were flagged." if label else "Share of harmless texts that were stopped."
            )
            tables.append(lay_out(name, sources, scenarios=scenarios, scopes=scopes, caption=about, seed=seed))
    return tables


def _column(run: Run, label: int, condition: str) -> dict[str, Pairs]:
    found: dict[str, Pairs] = {}
    for record in _labelled(run):
        if int(bool(record.label)) == label and record.condition == condition:
            failed = looks_failed(record)
            hit = record.status == "flagged" and not failed if label else record.status == "flagged" or failed
            pair = Pairs(both=1) if hit else Pairs(neither=1)
            found[record.scenario] = found.get(record.scenario, Pairs()) + pair
    return found


def _cells(found: Detection) -> tuple[str, ...]:
    return (
        score(found.auroc),
        score(found.auprc),
        share(found.found, found.harmful),
        share(found.false, found.harmless),
        share(found.stopped, found.harmless),
        score(found.ece),
        f"{found.failed:,}",
    )


def _labelled(run: Run) -> list[Record]:
    return [record for record in run.records if record.kind == Kind.LABELLED.value and record.label is not None]
