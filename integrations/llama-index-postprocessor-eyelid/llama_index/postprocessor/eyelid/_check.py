"""The one place that asks the guard about messages: a generator of exchanges, driven with or without waiting.

All parts of all messages are one call to the guard; only what was mended is looked at a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from copy import copy
from typing import Any, TypeAlias, TypeVar

from llama_index.core.base.llms.types import ChatMessage

from eyelid import Exchange, Guard, HarmfulContentError, Outcome, Status, Strategy, Surface
from eyelid.errors import UninspectedError
from eyelid.protocols import Host
from llama_index.postprocessor.eyelid._case import Case, Context, Ruling
from llama_index.postprocessor.eyelid._images import aload, load
from llama_index.postprocessor.eyelid._messages import Parts, parts
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._verdict import emit

__all__ = ["Asking", "Checker", "Context", "Ruling", "arun", "run"]

T = TypeVar("T")

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
        where: what looks, for events: "llm", "tool", ...
        host: asked again under the strategy "reask"; the guard's if left out.
    """

    def __init__(
        self,
        guard: Guard,
        settings: Settings | None = None,
        *surfaces: Surface,
        where: str = "llm",
        host: Host | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.guard = self.settings.rules(guard, *surfaces, host=host)
        self.where = where

    @property
    def reasks(self) -> bool:
        """Whether a model is asked again about its own answers."""
        return self.guard.policy.for_surface(Surface.OUTPUT).strategy is Strategy.REASK

    def asking(self, host: Host) -> Checker:
        """The same, with another host to ask."""
        other = copy(self)
        other.guard = self.guard.under(self.guard.policy, host=host)
        return other

    def look(self, exchanges: Sequence[Exchange]) -> list[Outcome]:
        """Outcomes of many exchanges in one call to the guard; raises what the settings say is to raise."""
        outcomes = self.guard.check_many(exchanges) if exchanges else []
        return [self.settle(each.surface, outcome) for each, outcome in zip(exchanges, outcomes, strict=True)]

    async def alook(self, exchanges: Sequence[Exchange]) -> list[Outcome]:
        """As `look`, without ever blocking the event loop."""
        outcomes = await self.guard.acheck_many(exchanges) if exchanges else []
        return [self.settle(each.surface, outcome) for each, outcome in zip(exchanges, outcomes, strict=True)]

    def settle(self, surface: Surface, outcome: Outcome) -> Outcome:
        """The outcome, unless it is to raise.

        Raises:
            HarmfulContentError: flagged under the strategy "raise".
            UninspectedError: a look failed under on_error "raise" or the strategy "raise".
        """
        raises = self.guard.policy.for_surface(surface).strategy is Strategy.RAISE
        if outcome.status is Status.FAILED and (self.settings.on_error == "raise" or (raises and not outcome.allowed)):
            raise UninspectedError(f"a look failed on {surface}", outcome)
        if raises and not outcome.allowed:
            raise HarmfulContentError(f"flagged on {surface}: {outcome.verdict.category}", outcome)
        return outcome

    def check_message(
        self, message: ChatMessage, *, context: Context | None = None, surface: Surface = Surface.OUTPUT
    ) -> Ruling:
        """Look at everything in a message.

        Args:
            message: it is not changed.
            context: what it answers.
            surface: where it stands.

        Raises:
            HarmfulContentError, UninspectedError: as `settle`.
        """
        return self.check_messages([message], contexts=context, surface=surface)[0]

    async def acheck_message(
        self, message: ChatMessage, *, context: Context | None = None, surface: Surface = Surface.OUTPUT
    ) -> Ruling:
        """As `check_message`, without ever blocking the event loop."""
        return (await self.acheck_messages([message], contexts=context, surface=surface))[0]

    def check_messages(
        self,
        messages: Sequence[ChatMessage],
        *,
        contexts: Sequence[Context] | Context | None = None,
        surface: Surface = Surface.OUTPUT,
    ) -> list[Ruling]:
        """Look at many messages in one call to the guard. Where one is to raise, all of it raises."""
        found = [parts(message) for message in messages]
        loaded = [load(each.images, self.settings) for each in found]
        return self._noted(run(self.guard, self._rulings(self._cases(messages, found, loaded, contexts, surface))))

    async def acheck_messages(
        self,
        messages: Sequence[ChatMessage],
        *,
        contexts: Sequence[Context] | Context | None = None,
        surface: Surface = Surface.OUTPUT,
    ) -> list[Ruling]:
        """As `check_messages`, without ever blocking the event loop."""
        found = [parts(message) for message in messages]
        loaded = await asyncio.gather(*(aload(each.images, self.settings) for each in found))
        steps = self._rulings(self._cases(messages, found, loaded, contexts, surface))
        return self._noted(await arun(self.guard, steps))

    def check_text(self, text: str, *, context: Context | None = None, surface: Surface = Surface.OUTPUT) -> Ruling:
        """Look at a text as the message it would be; `Ruling.text` is what may be passed on."""
        return self.check_message(ChatMessage(content=text, role="assistant"), context=context, surface=surface)

    async def acheck_text(
        self, text: str, *, context: Context | None = None, surface: Surface = Surface.OUTPUT
    ) -> Ruling:
        """As `check_text`, without ever blocking the event loop."""
        return await self.acheck_message(ChatMessage(content=text, role="assistant"), context=context, surface=surface)

    def _cases(
        self,
        messages: Sequence[ChatMessage],
        found: Sequence[Parts],
        loaded: Sequence[tuple[tuple[Any, ...], int]],
        contexts: Sequence[Context] | Context | None,
        surface: Surface,
    ) -> list[Case]:
        each = [contexts or Context()] * len(messages) if isinstance(contexts, Context | None) else contexts
        return [
            Case(message, of, images, of.uninspectable + missing, context, surface, self.guard.policy)
            for message, of, (images, missing), context in zip(messages, found, loaded, each, strict=True)
        ]

    def _rulings(self, cases: Sequence[Case]) -> Asking[list[Ruling]]:
        outcomes = yield [exchange for case in cases for exchange in case.exchanges]
        own, start = [], 0
        for case in cases:
            own.append(outcomes[start : start + len(case.looks)])
            start += len(case.looks)
        mended = [case.mended(some) for case, some in zip(cases, own, strict=True)]
        again = iter((yield [exchange for exchange in mended if exchange is not None]))
        rulings = []
        for case, some, change in zip(cases, own, mended, strict=True):
            for (surface, _, _), outcome in zip(case.looks, some, strict=True):
                self.settle(surface, outcome)
            rulings.append(case.rule(some, change, None if change is None else next(again)))
        return rulings

    def _noted(self, rulings: list[Ruling]) -> list[Ruling]:
        for ruling in rulings:
            emit(ruling.verdict, self.where)
        return rulings
