"""Everything that stands in a report, before it is written in any form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eyelid.evaluation.records import Record
from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._anchors import anchors_of, published_tables
from eyelid.evaluation.tables._attribution import is_false_alarm, looks_failed
from eyelid.evaluation.tables._beside import Line, beside
from eyelid.evaluation.tables._blocks import Block, block
from eyelid.evaluation.tables._check import Inconsistency, check_report
from eyelid.evaluation.tables._cost import Cost, cost
from eyelid.evaluation.tables._detection import Detection
from eyelid.evaluation.tables._grid import is_safe, judged_by
from eyelid.evaluation.tables._headline import headline
from eyelid.evaluation.tables._labels import detection_listing, detection_tables, detections, judges_listing
from eyelid.evaluation.tables._measures import judges_in
from eyelid.evaluation.tables._order import title_of
from eyelid.evaluation.tables._printed import Listing, Table
from eyelid.evaluation.tables._runs import Run
from eyelid.evaluation.tables._words import ABSENT, seconds


@dataclass(frozen=True, slots=True)
class Contents:
    """A report.

    Args:
        title: of the page.
        paragraphs: the figures that matter most, in sentences; one paragraph for each run.
        warnings: what a reader must know before any figure.
        runs: in the order of their columns.
        blocks: one for each judge.
        detections: (run, condition, figures) of labelled texts.
        labels: tables about these, and `label_listings`.
        costs: run's label → cost.
        cost_listing: the same as a table.
        lines: our figures beside published ones.
        published: whole published tables.
        examples: ids of rows to look at; never their words.
    """

    title: str
    paragraphs: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]
    runs: tuple[Run, ...] = field(repr=False)
    blocks: tuple[Block, ...] = field(repr=False)
    detections: tuple[tuple[Run, str, Detection], ...] = field(repr=False)
    labels: tuple[Table, ...] = ()
    label_listings: tuple[Listing, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    cost_listing: Listing = field(default_factory=lambda: Listing("", (), ()))
    lines: tuple[Line, ...] = ()
    published: tuple[Table, ...] = ()
    examples: tuple[Listing, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of the paragraphs."""
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph)

    def inconsistencies(self) -> list[Inconsistency]:
        """Numbers of this report that contradict each other."""
        found = [each for block in self.blocks for each in check_report(block.tables, block.tallies)]
        return [*found, *check_report(self.labels), *check_report(self.published)]


def contents(
    runs: Sequence[Run], *, title: str | None = None, anchors: bool = True, examples: int = 0, seed: int = 0
) -> Contents:
    """The report on these runs, which are on the same rows."""
    benchmark = runs[0].manifest.benchmark
    judges = judges_in(runs)
    blocks = [found for judge in judges if (found := block(runs, judge, seed=seed)).sections or found.selves]
    measured = list(detections(runs))
    listings = [detection_listing(measured), judges_listing(runs, judges)]
    costs = {run.label: cost(run.records) for run in runs}
    return Contents(
        title=title or f"{title_of(benchmark)}: {', '.join(run.label for run in runs)}",
        paragraphs=tuple(map(tuple, headline(runs, blocks, seed=seed))),
        warnings=tuple(_warnings(runs, blocks)),
        runs=tuple(runs),
        blocks=tuple(blocks),
        detections=tuple(measured),
        labels=tuple(detection_tables(runs, seed=seed)),
        label_listings=tuple(each for each in listings if each.rows),
        costs=costs,
        cost_listing=_costs(runs, costs),
        lines=tuple(beside(runs, blocks, anchors_of(benchmark))) if anchors else (),
        published=tuple(t for t in published_tables() if benchmark == "mm-safetybench") if anchors else (),
        examples=tuple(_examples(runs, blocks, examples)) if examples > 0 else (),
    )


def _warnings(runs: Sequence[Run], blocks: Sequence[Block]) -> list[str]:
    found = []
    for run in runs:
        if run.partial:
            found.append(
                f"{run.label} is not finished: {len(run.records):,} of {run.manifest.samples:,} rows. "
                "What is missing may be unlike what is there."
            )
    failed = {run.label: sum(map(looks_failed, run.records)) for run in runs}
    if any(failed.values()):
        found.append(f"Failed rows: {_by_run(failed)}. None of them counts as good.")
    for each in blocks:
        for section in each.sections:
            unread = {count.run.label: count.unread for count in section.counts}
            if any(unread.values()):
                what = section.measure.what
                found.append(
                    f"Rows without a verdict on the {what} by {each.judge}, failed ones included: {_by_run(unread)}. "
                    "They do not count as good."
                )
    return found


def _by_run(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {label}" for label, count in counts.items() if count)


def _costs(runs: Sequence[Run], costs: Mapping[str, Cost]) -> Listing:
    rows = []
    for run in runs:
        spent = costs[run.label]
        asked = any(record.kind != Kind.LABELLED.value for record in run.records)
        numbers = " · ".join(f"{rows_:,} × {calls}" for calls, rows_ in spent.calls_by_number.items())
        tokens = [
            ABSENT if each is None or not asked else f"{each:,.0f}"
            for each in (spent.prompt_tokens, spent.reply_tokens)
        ]
        direct = [seconds(each) for each in (spent.direct.mean, spent.direct.p50, spent.direct.p95)]
        final = [seconds(each) for each in (spent.final.mean, spent.final.p50, spent.final.p95)]
        rows.append(
            (
                run.label,
                f"{spent.calls:.2f}" if asked else ABSENT,
                numbers if asked else ABSENT,
                *tokens,
                *(direct if asked else [ABSENT] * 3),
                *(final if run.defended else [ABSENT] * 3),
                f"{spent.ratio:.2f}" if asked and run.defended and spent.ratio is not None else ABSENT,
            )
        )
    heads = (
        "run",
        "calls",
        "rows × calls",
        "prompt tokens",
        "reply tokens",
        "direct, mean",
        "median",
        "95 %",
        "defended, mean",
        "median",
        "95 %",
        "ratio",
    )
    caption = (
        "For each row: calls of the model and tokens of all of them together (of the rows whose host told them), time "
        "until the first and until the final answer, and how many times as long the final one took on average. Rows "
        "that were worked on in batches share the time of their batch."
    )
    return Listing("Calls, tokens and time", heads, tuple(rows), caption)


def _examples(runs: Sequence[Run], blocks: Sequence[Block], most: int) -> list[Listing]:
    listings = []
    for each in blocks:
        rows = []
        for run in runs:
            for name, chosen in (
                ("false alarm", [r for r in run.records if is_false_alarm(r, each.judge)]),
                ("not judged safe in the end", [r for r in run.records if _still_unsafe(r, each.judge)]),
                ("failed", [r for r in run.records if looks_failed(r)]),
            ):
                rows += [(run.label, name, record.id) for record in chosen[:most]]
        caption = f"The first {most} of each kind, by judge {each.judge}. Their words stand in the run's records.jsonl."
        listings.append(Listing("Rows to look at", ("run", "what", "id"), tuple(rows), caption))
    return [listing for listing in listings if listing.rows]


def _still_unsafe(record: Record, judge: str) -> bool:
    final = judged_by(judge, record).final
    return record.kind == Kind.HARMFUL.value and not looks_failed(record) and not is_safe(final)
