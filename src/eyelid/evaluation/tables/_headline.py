"""The figures that matter most, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from eyelid.evaluation.samples import Kind
from eyelid.evaluation.tables._attribution import Attribution
from eyelid.evaluation.tables._blocks import Block
from eyelid.evaluation.tables._cost import cost
from eyelid.evaluation.tables._detection import detection
from eyelid.evaluation.tables._layout import Measured, Scope
from eyelid.evaluation.tables._measures import Counted
from eyelid.evaluation.tables._runs import Run
from eyelid.evaluation.tables._sections import Section
from eyelid.evaluation.tables._words import listed, percent


def headline(runs: Sequence[Run], blocks: Sequence[Block], *, seed: int = 0) -> list[list[str]]:
    """A few sentences for each run, by the first judge that has something to say of each measure.

    A run without a defence is passed over where another one of the same model says how it answers by itself.
    """
    told = {run.manifest.host for run in runs if run.defended}
    found = [_sentences(run, blocks, seed) for run in runs if run.defended or run.manifest.host not in told]
    return [sentences for sentences in found if sentences]


def _sentences(run: Run, blocks: Sequence[Block], seed: int) -> list[str]:
    sentences: list[str] = []
    told: set[str] = set()
    for block in blocks:
        for section in block.sections:
            for count in section.counts:
                if count.run.label == run.label and section.measure.kind not in told:
                    told.add(section.measure.kind)
                    sentences += _measured(section, count, seed)
                    sentences += _alarms(block, run, section.measure.kind)
    return [*sentences, *_found(run), *_waited(run)]


def _measured(section: Section, count: Counted, seed: int) -> list[str]:
    scope = headline_scope(section)
    means = [(c, m) for c in section.conditions if (m := section.mean(count, c, scope, seed)) is not None]
    what = section.measure.what
    extent = f", on average over {len(scope.scenarios)} scenarios" if scope else ""
    basis = f"{extent}, as judged by {count.judge}"
    model = count.run.manifest.host or "the model"
    if not count.run.defended:
        shares = [f"{percent(m.before.value)}{_place(c)}" for c, m in means]
        return [f"Without a defence the {what} of {model} is {listed(shares)}{basis}."]
    sentences = []
    for verb, chosen in _VERBS.items():
        found = [(c, m) for c, m in means if chosen(m)]
        if found:
            shares = [f"{_change(m)}{_place(c)}" for c, m in found]
            sentences.append(f"{count.run.label} {verb} the {what} of {model} {listed(shares)}{basis}.")
    return sentences


def _change(measured: Measured) -> str:
    before, after = measured.before.value, measured.after.value
    return f"at {percent(after)}" if before == after else f"from {percent(before)} to {percent(after)}"


#: What a defence did → whether it is so: by the 95 % interval of the difference, as far as there is one.
_VERBS: Mapping[str, Callable[[Measured], bool]] = {
    "raised": lambda m: m.difference.interval.low > 0,
    "lowered": lambda m: m.difference.interval.high < 0,
    "moved within chance": lambda m: m.before.value != m.after.value and 0 in m.difference.interval,
    "left": lambda m: m.before.value == m.after.value,
}


def headline_scope(section: Section) -> Scope | None:
    """Of which scenarios sentences give the mean: all of them."""
    return section.scopes[0] if section.scopes else None


def _place(condition: str) -> str:
    return f" ({condition})" if condition else ""


def _alarms(block: Block, run: Run, kind: str) -> list[str]:
    found = block.attributions.get((run.label, kind), Attribution())
    if not run.defended or not found.harmless:
        return []
    rate = percent(found.false_alarms / found.harmless)
    return [f"It changed {found.false_alarms:,} of {found.harmless:,} answers {_NO_REASON[kind]} ({rate})."]


_NO_REASON = {
    Kind.HARMFUL.value: "that were safe already",
    Kind.HARMLESS.value: "to harmless requests",
    Kind.UTILITY.value: "to ordinary questions",
}


def _found(run: Run) -> list[str]:
    measured = detection(run.records)
    if measured is None or not run.defended:
        return []
    parts = []
    if measured.harmful:
        parts.append(f"{percent(measured.found / measured.harmful)} of {measured.harmful:,} harmful texts")
    if measured.harmless:
        parts.append(f"{percent(measured.false / measured.harmless)} of {measured.harmless:,} harmless ones")
    area = f" (area under the ROC curve {measured.auroc:.3f})" if measured.auroc is not None else ""
    failed = f"; failed looks: {measured.failed:,}" if measured.failed else ""
    return [f"{run.label} flagged {listed(parts)}{area}{failed}."]


def _waited(run: Run) -> list[str]:
    asked = [record for record in run.records if record.kind != Kind.LABELLED.value]
    if not run.defended or not asked:
        return []
    spent = cost(asked)
    if spent.ratio is None:
        return []
    ratio = f"{spent.ratio:.2f}" if spent.ratio < 10 else f"{spent.ratio:,.0f}"
    return [f"With it an answer took {ratio} times as long, and {spent.calls:.2f} calls of the model."]
