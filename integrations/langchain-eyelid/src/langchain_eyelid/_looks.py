"""A look at a value of several parts: what is to be looked at, and how the value is put together from the rulings.

All parts are looked at in one call to the guard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from eyelid import Surface
from langchain_core.messages import BaseMessage

from langchain_eyelid._check import Checker, Context, Ruling

T = TypeVar("T")
Rulings: TypeAlias = Sequence[Ruling[BaseMessage]]


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """What is to be looked at, as messages, and what becomes of it.

    Args:
        messages: everything there is to look at.
        build: makes the value from the rulings on the messages, in their order.
    """

    messages: tuple[BaseMessage, ...] = field(repr=False)
    build: Callable[[Rulings], T]

    def run(self, checker: Checker, context: Context | None = None, surface: Surface | None = None) -> T:
        """The value that may be passed on.

        Args:
            checker: looks.
            context: what the value answers.
            surface: where all of it stands; where the class of each message says if left out.

        Raises:
            HarmfulContentError: flagged under the strategy "raise".
            UninspectedError: a look failed where that is to raise.
        """
        if not self.messages:
            return self.build(())
        return self.build(checker.check_messages(self.messages, contexts=context, surface=surface))

    async def arun(self, checker: Checker, context: Context | None = None, surface: Surface | None = None) -> T:
        """As `run`, without ever blocking the event loop."""
        if not self.messages:
            return self.build(())
        return self.build(await checker.acheck_messages(self.messages, contexts=context, surface=surface))


def nothing(value: T) -> Look[T]:
    """There is nothing to be looked at in a value."""
    return Look((), lambda _: value)


def together(looks: Sequence[Look[Any]], build: Callable[[list[Any]], T]) -> Look[T]:
    """Many looks as one; `build` gets their values in order."""

    def split(rulings: Rulings) -> T:
        values, start = [], 0
        for look in looks:
            values.append(look.build(rulings[start : start + len(look.messages)]))
            start += len(look.messages)
        return build(values)

    return Look(tuple(message for look in looks for message in look.messages), split)
