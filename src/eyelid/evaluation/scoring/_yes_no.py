"""What was said where "yes" or "no" was asked for. Two rules, because two benchmarks published one each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from eyelid.evaluation.records import Record


class Said(StrEnum):
    """An answer to a yes-no question."""

    YES = "yes"
    NO = "no"
    OTHER = "other"  #: neither, or nothing; never right


def said_first(text: str) -> Said:
    """By the rule of MME: the answer is, or has within its first four characters, "yes" or "no".

    Leading white space and marks are dropped first.
    """
    head = re.sub(r"^[\W_]+", "", text).lower()[:4]
    if "yes" in head:
        return Said.YES
    return Said.NO if "no" in head else Said.OTHER


def said_at_all(text: str) -> Said:
    """By the rule of POPE: "no" where the first sentence has the word "no", "No" or "not", else "yes".

    Where nothing was said, that rule would count a yes; here it is neither.
    """
    if not text.strip():
        return Said.OTHER
    words = text.split(".")[0].replace(",", "").split()
    return Said.NO if {"No", "no", "not"} & set(words) else Said.YES


@dataclass(frozen=True, slots=True)
class Answered:
    """One question, what is true and what was said.

    Args:
        scenario: subtask or setting.
        truth: "yes" or "no".
        said: by one of the rules.
        group: of MME, the image.
    """

    scenario: str
    truth: str
    said: Said
    group: str = ""

    @property
    def right(self) -> bool:
        return self.said.value == self.truth


def answered(records: Iterable[Record], rule: Callable[[str], Said], *, direct: bool = False) -> list[Answered]:
    """The yes-no questions of a run; rows without the fact `truth` are left out.

    Args:
        records: of MME or POPE.
        rule: `said_first` for MME, `said_at_all` for POPE.
        direct: take the first answer and not the final one.
    """
    return [
        Answered(each.scenario, each.facts["truth"], rule(each.direct if direct else each.text), each.group)
        for each in records
        if "truth" in each.facts
    ]


@dataclass(frozen=True, slots=True)
class MmeScores:
    """MME's points.

    Args:
        accuracy: subtask → share of the questions answered right, in [0, 1].
        accuracy_plus: subtask → share of the images of which every question is.
        totals: part → points: 200 for each of its subtasks at most, so 2,000 for perception and 800 for cognition.
        missing: subtasks of which there was no row; their points are missing from the total.
    """

    accuracy: Mapping[str, float]
    accuracy_plus: Mapping[str, float]
    totals: Mapping[str, float]
    missing: tuple[str, ...] = ()

    def score(self, subtask: str) -> float:
        """Points of a subtask, 200 at most: its accuracy and its accuracy+, in per cent, added up."""
        return 100 * (self.accuracy[subtask] + self.accuracy_plus[subtask])


def mme_scores(rows: Iterable[Answered], parts: Mapping[str, Iterable[str]]) -> MmeScores:
    """Points by subtask and part (Fu et al., arXiv 2306.13394, section 2).

    Args:
        rows: one for each question.
        parts: part → its subtasks, `MME_PARTS`.
    """
    by_subtask: dict[str, dict[str, list[bool]]] = {}
    for row in rows:
        by_subtask.setdefault(row.scenario, {}).setdefault(row.group, []).append(row.right)
    accuracy, plus = {}, {}
    for subtask, images in by_subtask.items():
        answers = [right for image in images.values() for right in image]
        accuracy[subtask] = sum(answers) / len(answers)
        plus[subtask] = sum(all(image) for image in images.values()) / len(images)
    known = {part: tuple(subtasks) for part, subtasks in parts.items()}
    totals = {
        part: sum(100 * (accuracy[each] + plus[each]) for each in subtasks if each in accuracy)
        for part, subtasks in known.items()
    }
    missing = tuple(each for subtasks in known.values() for each in subtasks if each not in accuracy)
    return MmeScores(accuracy, plus, totals, missing)


@dataclass(frozen=True, slots=True)
class PopeScores:
    """POPE's figures, "yes" being the positive answer; each in [0, 1], and 0 where there is nothing to divide by.

    Args:
        accuracy, precision, recall, f1: as usual; an answer that is neither is wrong, and a missed yes where that is
            true.
        yes_ratio: share of the answers that are "yes"; half of the right ones are.
        rows: how many questions.
        other: how many answers are neither.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    yes_ratio: float
    rows: int
    other: int = field(default=0)


def pope_scores(rows: Iterable[Answered]) -> dict[str, PopeScores]:
    """Figures by setting, in the order in which settings occur (Li et al., arXiv 2305.10355, section 5)."""
    by_setting: dict[str, list[Answered]] = {}
    for row in rows:
        by_setting.setdefault(row.scenario, []).append(row)
    return {setting: _pope(found) for setting, found in by_setting.items()}


def _pope(rows: list[Answered]) -> PopeScores:
    yes = sum(row.said is Said.YES for row in rows)
    hits = sum(row.said is Said.YES and row.right for row in rows)
    positives = sum(row.truth == Said.YES for row in rows)
    return PopeScores(
        accuracy=_share(sum(row.right for row in rows), len(rows)),
        precision=_share(hits, yes),
        recall=_share(hits, positives),
        # Equal to the harmonic mean of precision and recall, and defined where one of them is not.
        f1=_share(2 * hits, yes + positives),
        yes_ratio=_share(yes, len(rows)),
        rows=len(rows),
        other=sum(row.said is Said.OTHER for row in rows),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
