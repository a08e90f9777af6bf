"""The one place that asks the guard about messages: a generator of exchanges, driven with or without waiting.

A batch of messages is one call to the guard; only structured output that was mended is looked at a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from typing import TypeAlias, TypeVar

from eyelid import Exchange, Guard, HarmfulContentError, Outcome, Status, Strategy, Surface
from eyelid.errors import UninspectedError
from langchain_core.messages import BaseMessage

from langchain_eyelid._case import Case, Context, Ruling
from langchain_eyelid._images import Reference, load
from langchain_eyelid._messages import Parts, parts, surface_of
from langchain_eyelid._settings import Settings

__all__ = ["Asking", "Checker", "Context", "Ruling", "arun", "run"]

T = TypeVar("T")
M = TypeVar("M", bound=BaseMessage)

#: Asks for outcomes of exchanges and ends with a result.
Asking: TypeAlias = Generator[Sequence[Exchange], Sequence[Outcome], T]


def run(guard: Guard, steps: Asking[T]) -> T:
    """Drive a generator of exchanges to its end."""
    outcomes: Sequence[Outcome] | None = None
    while True:
        try:
            exchanges = next(steps) if outcomes is None else steps.send(outcomes)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        outcomes = guard.check_many(exchanges) if exchanges else []


async def arun(guard: Guard, steps: Asking[T]) -> T:
    """As `run`, without ever blocking the event loop."""
    outcomes: Sequence[Outcome] | None = None
    while True:
        try:
            exchanges = next(steps) if outcomes is None else steps.send(outcomes)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        outcomes = await guard.acheck_many(exchanges) if exchanges else []


class Checker:
    """Looks at messages under one guard and one set of settings. May be shared by threads and event loops.

    Args:
        guard: its policy is changed as the settings say.
        settings: see there.
        surfaces: where the settings' strategy holds; answers if left out.
    """

    def __init__(self, guard: Guard, settings: Settings | None = None, *surfaces: Surface) -> None:
        self.settings = settings or Settings()
        self.guard = self.settings.rules(guard, *surfaces)

    def check_message(self, message: M, *, context: Context | None = None, surface: Surface | None = None) -> Ruling[M]:
        """Look at everything in a message.

        Args:
            message: of any class; it is not changed.
            context: what it answers.
            surface: where it stands, if its class does not say.

        Raises:
            HarmfulContentError: flagged under the strategy "raise".
            UninspectedError: a look failed under on_error "raise" or the strategy "raise".
        """
        return self.check_messages([message], contexts=context, surface=surface)[0]

    async def acheck_message(
        self, message: M, *, context: Context | None = None, surface: Surface | None = None
    ) -> Ruling[M]:
        """As `check_message`, without ever blocking the event loop."""
        return (await self.acheck_messages([message], contexts=context, surface=surface))[0]

    def check_messages(
        self,
        messages: Sequence[M],
        *,
        contexts: Sequence[Context] | Context | None = None,
        surface: Surface | None = None,
    ) -> list[Ruling[M]]:
        """Look at many messages in one call to the guard. Where one is to raise, all of it raises."""
        cases = self._cases(messages, [parts(message) for message in messages], contexts, surface)
        return run(self.guard, self._rulings(cases))

    async def acheck_messages(
        self,
        messages: Sequence[M],
        *,
        contexts: Sequence[Context] | Context | None = None,
        surface: Surface | None = None,
    ) -> list[Ruling[M]]:
        """As `check_messages`, without ever blocking the event loop."""
        found = [parts(message) for message in messages]
        if self.settings.image_loader and any(isinstance(image, Reference) for each in found for image in each.images):
            cases = await asyncio.to_thread(self._cases, messages, found, contexts, surface)
        else:
            cases = self._cases(messages, found, contexts, surface)
        return await arun(self.guard, self._rulings(cases))

    def settle(self, surface: Surface, outcome: Outcome) -> Outcome:
        """The outcome of `guard.check_many`; raised instead where the settings or the policy say so.

        Raises:
            HarmfulContentError: flagged under the strategy "raise".
            UninspectedError: a look failed under on_error "raise" or the strategy "raise".
        """
        if outcome.allowed:
            return outcome
        failed = outcome.status is Status.FAILED
        if (failed and self.settings.on_error == "raise") or self._raises(surface):
            raise (UninspectedError if failed else HarmfulContentError)(outcome.verdict.reason, outcome)
        return outcome

    def _raises(self, surface: Surface) -> bool:
        return self.guard.policy.for_surface(surface).strategy is Strategy.RAISE

    def _cases(
        self,
        messages: Sequence[M],
        found: Sequence[Parts],
        contexts: Sequence[Context] | Context | None,
        surface: Surface | None,
    ) -> list[Case[M]]:
        if contexts is None or isinstance(contexts, Context):
            contexts = [contexts or Context()] * len(messages)
        return [
            self._case(message, each, context, surface or surface_of(message))
            for message, each, context in zip(messages, found, contexts, strict=True)
        ]

    def _case(self, message: M, found: Parts, context: Context, surface: Surface) -> Case[M]:
        images, missing = load(found.images, self.settings.image_loader)
        return Case(message, found, images, found.uninspectable + missing, context, surface, self.guard.policy)

    def _rulings(self, cases: Sequence[Case[M]]) -> Asking[list[Ruling[M]]]:
        asked = [case.exchanges for case in cases]
        answers = iter((yield [exchange for exchanges in asked for exchange in exchanges]))
        outcomes = [[self.settle(each.surface, next(answers)) for each in exchanges] for exchanges in asked]
        mended = [case.mended(found) for case, found in zip(cases, outcomes, strict=True)]
        again = iter((yield [exchange for exchange in mended if exchange is not None]))
        return [
            case.rule(found, exchange, None if exchange is None else next(again))
            for case, found, exchange in zip(cases, outcomes, mended, strict=True)
        ]
