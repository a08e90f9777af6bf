"""Our figures beside published ones: the same measure, mostly another model and another judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._anchors import Anchor
from eyelid.evaluation.tables._attribution import Attribution
from eyelid.evaluation.tables._blocks import Block
from eyelid.evaluation.tables._layout import macro, micro
from eyelid.evaluation.tables._measures import Counted
from eyelid.evaluation.tables._points import totals
from eyelid.evaluation.tables._runs import Run
from eyelid.evaluation.tables._sections import Section
from eyelid.evaluation.tables._words import ABSENT

NOTE = (
    "Published figures are of other models, by other judges, with other prompts. They say what has been seen "
    "elsewhere, and are not comparable with the figures of this report unless model and judge are the same; "
    "none of the differences between these lines is a result."
)
_KINDS = {"harmless_rate": Kind.HARMFUL.value, "attack_success": Kind.HARMFUL.value}
_NAMES = {
    "harmless_rate": "harmless rate",
    "attack_success": "attack success",
    "over_refusal": "over-refusal",
    "utility": "points",
    "false_alarms": "false alarms",
    "self_judgement": "agrees with the judge on its own answers",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison; `ours` marks figures of this report, `same` that model and judge are equal."""

    measure: str
    condition: str
    model: str
    defense: str
    judge: str
    direct: float | None
    defended: float | None
    unit: str
    source: str
    evidence: str
    note: str = ""
    ours: bool = False
    same: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        """As it is printed."""
        values = f"{_shown(self.direct)} → {_shown(self.defended)}"
        if self.defended is None:
            values = _shown(self.direct)
        elif self.direct is None:
            values = f"→ {_shown(self.defended)}"
        origin = ". ".join(
            filter(None, (f"{self.source}, {self.evidence}" if self.evidence else self.source, self.note))
        )
        figure = f"{values} {self.unit}".strip()
        return self.measure, self.condition or ABSENT, self.model, self.defense, self.judge, figure, origin


HEADS = ("measure", "condition", "model", "defence", "judge", "direct → defended", "where it is from")


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of both: figures with the same one stand together."""

    measure: str
    condition: str
    average: str
    scenarios: str
    unit: str

    @property
    def words(self) -> str:
        weighting = f", {self.average}" if self.average else ""
        extent = f" over {self.scenarios}" if self.scenarios else ""
        return f"{_NAMES.get(self.measure, self.measure)}{weighting}{extent}"


def beside(runs: Sequence[Run], blocks: Sequence[Block], published: Sequence[Anchor]) -> list[Line]:
    """For each question that a published figure answers: our figures first, then the published ones."""
    questions: dict[_Question, list[Anchor]] = {}
    for anchor in published:
        key = _Question(anchor.measure, anchor.condition, anchor.average, anchor.scenarios, anchor.unit)
        questions.setdefault(key, []).append(anchor)
    lines: list[Line] = []
    for question, found in questions.items():
        ours = list(_ours(question, runs, blocks))
        if ours or question.measure not in _KINDS:
            lines += [*ours, *(_published(question, anchor, ours) for anchor in found)]
    return lines if any(line.ours for line in lines) else [line for line in lines if not line.ours]


def _published(question: _Question, anchor: Anchor, ours: Sequence[Line]) -> Line:
    same = any(anchor.comparable(model=line.model, judge=line.judge) for line in ours)
    return Line(
        question.words,
        question.condition,
        anchor.model,
        anchor.defense,
        anchor.judge,
        anchor.direct,
        anchor.defended,
        anchor.unit,
        anchor.source,
        anchor.evidence,
        anchor.note,
        same=same,
    )


def _ours(question: _Question, runs: Sequence[Run], blocks: Sequence[Block]) -> Iterator[Line]:
    for block in blocks:
        for run in runs:
            for condition, direct, defended in _values(question, run, block):
                if not run.defended:
                    defended = None
                yield Line(
                    question.words,
                    condition,
                    run.manifest.host,
                    run.manifest.defense,
                    block.judge,
                    direct,
                    defended,
                    question.unit,
                    "this report",
                    "",
                    ours=True,
                )


def _values(question: _Question, run: Run, block: Block) -> Iterator[tuple[str, float | None, float | None]]:
    """(condition, direct, defended) in the unit of the question."""
    if question.measure in _KINDS:
        for section, count in _counts(block, run, Kind.HARMFUL.value):
            yield from _rates(question, section, count)
    elif question.measure == "utility" and question.condition:
        points = totals(run, block.judge)
        parts = question.condition.split(" + ")
        if all(part in points for part in parts):
            yield question.condition, sum(points[p][0] for p in parts), sum(points[p][1] for p in parts)
    elif question.measure == "utility":
        for section, count in _counts(block, run, Kind.UTILITY.value):
            measured = micro(
                [sample for condition in section.conditions for sample in count.column(condition).values()]
            )
            yield "", 100 * measured.before.value, 100 * measured.after.value
    elif question.measure == "false_alarms":
        counted = [a for (label, _), a in block.attributions.items() if label == run.label]
        together = sum(counted, Attribution())
        if run.defended and together.harmless:
            yield "", None, 100 * together.false_alarms / together.harmless
    elif question.measure == "self_judgement" and run.label in block.selves:
        each = block.selves[run.label]
        yield "", None, 100 * each.agreed / each.asked


def _counts(block: Block, run: Run, kind: str) -> Iterator[tuple[Section, Counted]]:
    for section in block.sections:
        for count in section.counts:
            if section.measure.kind == kind and count.run.label == run.label:
                yield section, count


def _rates(question: _Question, section: Section, count: Counted) -> Iterator[tuple[str, float | None, float | None]]:
    conditions = [question.condition] if question.condition else list(section.conditions)
    for condition in conditions:
        column = count.column(condition)
        names = _chosen(question, section, sorted(column))
        if names:
            samples = [column[name] for name in names]
            measured = micro(samples) if question.average == "micro" else macro(samples)
            if question.measure == "attack_success":
                measured = measured.flipped()
            yield condition, 100 * measured.before.value, 100 * measured.after.value


def _chosen(question: _Question, section: Section, scenarios: Sequence[str]) -> list[str]:
    """The scenarios that the question is about; none where this report does not have just these."""
    if not question.scenarios:
        return list(scenarios)
    for scope in section.scopes:
        if len(scope.scenarios) == int(question.scenarios) and set(scope.scenarios) <= set(scenarios):
            return list(scope.scenarios)
    return []


def _shown(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1f}"
