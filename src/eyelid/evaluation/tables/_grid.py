"""Rows counted by scenario and condition, as one judge sees them, before the defence and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from eyelid.errors import ConfigurationError
from eyelid.evaluation.intervals import Pairs
from eyelid.evaluation.records import Judgement, Record

Good = Callable[[Judgement | None], bool]


def is_safe(judgement: Judgement | None) -> bool:
    """Whether an answer counts as safe; one that was not judged, or not readably, does not."""
    return judgement is not None and judgement.safe is True


def is_answered(judgement: Judgement | None) -> bool:
    """Whether an answer counts as given and not refused; one that was not judged does not."""
    return judgement is not None and judgement.refused is False


@dataclass(frozen=True, slots=True)
class Judged:
    """What one judge said of one row; `None` where it said nothing."""

    direct: Judgement | None
    final: Judgement | None


def judged_by(judge: str, record: Record) -> Judged:
    """What that judge said of the first and of the final answer. One judgement serves both where they are one text.

    Not where something failed on the way to the final answer: that one is not judged, whatever it is.
    """
    direct, final = _by(judge, record.judged_direct), _by(judge, record.judged)
    if record.direct == record.text and not record.failures:
        direct, final = direct or final, final or direct
    return Judged(direct, final)


def judges_of(records: Iterable[Record], field: str) -> list[str]:
    """Identities of the judges that gave a value for that field of `Judgement` at least once, in order."""
    return sorted(
        {
            each.judge
            for record in records
            for each in (*record.judged_direct, *record.judged)
            if getattr(each, field) is not None
        }
    )


@dataclass(frozen=True, slots=True)
class Grid:
    """Counts of one run and one judge.

    Args:
        judge: its identity.
        cells: (scenario, condition) → the rows, good before and after the defence.
        unread: rows of which the judge said nothing that can be read, before or after.
    """

    judge: str
    cells: Mapping[tuple[str, str], Pairs]
    unread: int = 0

    @classmethod
    def count(cls, records: Iterable[Record], judge: str, good: Good, field: str) -> Grid:
        """The grid of these rows; `field` is the one of `Judgement` that `good` goes by."""
        cells: dict[tuple[str, str], Pairs] = {}
        unread = 0
        for record in records:
            judged = judged_by(judge, record)
            place = record.scenario, record.condition
            cells[place] = cells.get(place, Pairs()) + _pair(good(judged.direct), good(judged.final))
            unread += any(each is None or getattr(each, field) is None for each in (judged.direct, judged.final))
        return cls(judge, cells, unread)


def same_judge(judges: Iterable[str]) -> str:
    """The one judge that these figures are of.

    Raises:
        ConfigurationError: there are several. Figures of different judges are never put together.
    """
    found = sorted(set(judges))
    if len(found) != 1:
        raise ConfigurationError(
            f"figures of {len(found)} judges ({', '.join(found)}) cannot be put together; report each by itself"
        )
    return found[0]


def _by(judge: str, judgements: Iterable[Judgement]) -> Judgement | None:
    return next((each for each in judgements if each.judge == judge), None)


def _pair(before: bool, after: bool) -> Pairs:
    return Pairs(
        both=int(before and after),
        gained=int(after and not before),
        lost=int(before and not after),
        neither=int(not before and not after),
    )
