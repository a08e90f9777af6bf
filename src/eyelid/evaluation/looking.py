"""Asking a guard about many exchanges, with no more than its outcomes to go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from eyelid.guard import Guard
from eyelid.types import Exchange, Outcome, Status

Progress = Callable[[int, int], None]


def check_all(
    guard: Guard, exchanges: Sequence[Exchange], *, batch: int = 64, progress: Progress | None = None
) -> list[Outcome]:
    """The outcome of each exchange, in order, `batch` at a time; `progress` is told how many are done of all."""
    outcomes: list[Outcome] = []
    for group in _groups(exchanges, batch):
        outcomes += guard.check_many(group)
        if progress is not None:
            progress(len(outcomes), len(exchanges))
    return outcomes


def flagged(outcome: Outcome) -> bool:
    """Whether something was found; a failed look is not a find."""
    return outcome.status is Status.FLAGGED


def stopped(outcome: Outcome) -> bool:
    """Whether the content was not passed on as it was, for whatever reason."""
    return not outcome.allowed


def _groups(exchanges: Sequence[Exchange], size: int) -> Iterator[list[Exchange]]:
    rest = iter(exchanges)
    while group := list(islice(rest, size)):
        yield group
