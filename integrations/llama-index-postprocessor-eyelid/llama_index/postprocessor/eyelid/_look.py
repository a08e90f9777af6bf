"""What is to be looked at, and what is made of the outcomes: many looks become one call to the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from eyelid import Exchange, Outcome
from llama_index.postprocessor.eyelid._check import Checker

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Look(Generic[T_co]):
    """Exchanges to be looked at.

    Args:
        exchanges: may be empty.
        finish: outcomes of the exchanges, in order → what is passed on, or a look that has to come before.
    """

    exchanges: Sequence[Exchange] = field(repr=False)
    finish: Callable[[Sequence[Outcome]], T_co | Look[T_co]] = field(repr=False)


def nothing(value: T) -> Look[T]:
    """A look at nothing: `value` is passed on."""
    return Look([], lambda outcomes: value)


def each(looks: Iterable[Look[Any]], finish: Callable[[list[Any]], T | Look[T]]) -> Look[T]:
    """Several looks as one; those that have to look again do so together.

    Args:
        looks: what is to be looked at.
        finish: what each of them passes on, in order → what is passed on.
    """
    several = list(looks)

    def split(outcomes: Sequence[Outcome]) -> T | Look[T]:
        found, start = [], 0
        for look in several:
            found.append(look.finish(outcomes[start : start + len(look.exchanges)]))
            start += len(look.exchanges)
        if any(isinstance(made, Look) for made in found):
            return each([made if isinstance(made, Look) else nothing(made) for made in found], finish)
        return finish(found)

    return Look([exchange for look in several for exchange in look.exchanges], split)


def ask(checker: Checker, look: Look[T]) -> T:
    """What is passed on.

    Raises:
        HarmfulContentError: flagged under the strategy "raise".
        UninspectedError: a look failed under on_error "raise" or the strategy "raise".
    """
    while isinstance(made := look.finish(checker.look(look.exchanges)), Look):
        look = made
    return made


async def aask(checker: Checker, look: Look[T]) -> T:
    """As `ask`, without ever blocking the event loop."""
    while isinstance(made := look.finish(await checker.alook(look.exchanges)), Look):
        look = made
    return made
