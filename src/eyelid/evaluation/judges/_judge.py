"""What a judge is, and several of them asked so that none can fail for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from eyelid.evaluation.records import Judgement
from eyelid.evaluation.samples import Sample


@dataclass(frozen=True, slots=True)
class Answer:
    """What is judged.

    Args:
        sample: what was asked.
        text: what was answered; of a labelled row, the text that is passed on.
    """

    sample: Sample
    text: str = field(repr=False)


@runtime_checkable
class Judge(Protocol):
    """Judges answers, a batch at a time, one judgement for each in order.

    `name` is its identity: kind, model and rubric. It stands in every judgement, and two judges that may rule
    differently must not share it.
    """

    @property
    def name(self) -> str: ...

    def suits(self, sample: Sample, /) -> bool:
        """Whether it has anything to say on such a row."""
        ...

    def judge(self, batch: Sequence[Answer], /) -> Sequence[Judgement]: ...


def judge_all(judges: Sequence[Judge], answers: Sequence[Answer]) -> list[tuple[Judgement, ...]]:
    """What each judge says of each answer, in the order of the answers.

    A judge that raises, gives another number of judgements or speaks in another's name has failed for the whole batch:
    what it should have judged is then not known to be safe.
    """
    said: list[list[Judgement]] = [[] for _ in answers]
    for judge in judges:
        places = [place for place, answer in enumerate(answers) if judge.suits(answer.sample)]
        for place, judgement in zip(places, _asked(judge, [answers[place] for place in places]), strict=True):
            said[place].append(judgement)
    return [tuple(each) for each in said]


def _asked(judge: Judge, answers: list[Answer]) -> list[Judgement]:
    try:
        given = list(judge.judge(answers)) if answers else []
    except Exception:  # noqa: BLE001  a judge is anyone's code, and a run of hours does not end at one answer
        return [Judgement(judge.name, failed="error")] * len(answers)
    if len(given) != len(answers) or any(each.judge != judge.name for each in given):
        return [Judgement(judge.name, failed="invalid")] * len(answers)
    return given
