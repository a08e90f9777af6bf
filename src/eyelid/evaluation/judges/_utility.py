"""Judges of ordinary questions: points by a benchmark's own rule, or by a host that compares with what is right."""

from __future__ import annotations

from collections.abc import Sequence

from eyelid.evaluation.judges._judge import Answer
from eyelid.evaluation.records import Judgement
from eyelid.evaluation.samples import Kind, Sample
from eyelid.evaluation.scoring import Graded, HostCorrectness, scorer
from eyelid.types import Failure


class UtilityJudge:
    """Gives points by a fixed rule.

    Args:
        scoring: name of the rule, as rows name it in `Sample.scoring`.

    Raises:
        ConfigurationError: there is no such rule.
    """

    def __init__(self, scoring: str) -> None:
        self._scoring, self._scorer = scoring, scorer(scoring)
        self.name = self._scorer.name

    def suits(self, sample: Sample, /) -> bool:
        """Rows that name this rule."""
        return sample.kind is Kind.UTILITY and sample.scoring == self._scoring

    def judge(self, batch: Sequence[Answer], /) -> list[Judgement]:
        """Points in [0, 1]."""
        return [
            Judgement(self.name, correct=self._scorer.score(answer.text, answer.sample.references)) for answer in batch
        ]


class GradingJudge:
    """Has a host give points, as MM-Vet does.

    Args:
        grader: the host, with its wording.
        scoring: name of the rule that rows it is meant for have in `Sample.scoring`.
    """

    def __init__(self, grader: HostCorrectness, *, scoring: str = "mm-vet") -> None:
        self._grader, self._scoring = grader, scoring
        self.name = grader.name

    def suits(self, sample: Sample, /) -> bool:
        """Rows that name this rule and say what is right."""
        return sample.kind is Kind.UTILITY and sample.scoring == self._scoring and bool(sample.references)

    def judge(self, batch: Sequence[Answer], /) -> list[Judgement]:
        """Points in [0, 1]; none where the host failed or gave none."""
        asked = [Graded(answer.sample.prompt, answer.sample.references[0], answer.text) for answer in batch]
        return [
            Judgement(self.name, failed=points.code)
            if isinstance(points, Failure)
            else Judgement(self.name, correct=points)
            for points in self._grader.grade(asked)
        ]
