"""The one place that asks the guard about messages: a generator of exchanges, driven with or without waiting.

A batch of messages is one call to the guard; only structured output that was mended is looked at a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import TypeAlias, TypeVar

from eyelid import Exchange, Guard, HarmfulContentError, Outcome, Status, Strategy, Surface
from eyelid.errors import ConfigurationError, UninspectedError
from eyelid.protocols import Host
from langchain_core.messages import BaseMessage

from langchain_eyelid._asked_model import AskedModel
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
        host: who is asked again under "reask"; the guard's host if left out.
        has_model: whether it stands around the model itself, which is to be asked, by `asking`.

    Raises:
        ConfigurationError: nobody can be asked again, or a host is not to be asked.
    """

    def __init__(
        self,
        guard: Guard,
        settings: Settings | None = None,
        *surfaces: Surface,
        host: Host | None = None,
        has_model: bool = False,
    ) -> None:
        self.settings = settings or Settings()
        self.guard = self.settings.rules(guard, *surfaces)
        answers = not surfaces or Surface.OUTPUT in surfaces
        self.reasks = answers and self.settings.reasks(guard)
        self._host = None if has_model or not self.reasks else host or guard.host
        if not has_model and self._host is None:
            _nobody_to_ask(self.settings, host, answers=answers)
        if self._host is not None and not isinstance(self._host, Host):
            raise ConfigurationError(f"host must be an eyelid Host, not {type(self._host).__name__}")

    def asking(self, host: Host) -> Checker:
        """The same, with somebody to ask again about answers that came with images.

        What it is asked about is looked at as a whole, so nothing is streamed before the end.
        """
        other = copy(self)
        policy = self.guard.policy.adjust(Surface.OUTPUT, strategy=Strategy.REASK)
        other.guard = self.guard.under(policy, host=host)
        other.settings = replace(self.settings, stream="buffer")
        return other

    def about(self, contexts: Iterable[Context], loop: asyncio.AbstractEventLoop | None = None) -> Checker:
        """Where there are images and a host that knows them: the same, with that host to ask.

        Args:
            contexts: of what is to be looked at.
            loop: on which a chat model is to be asked, if one runs.
        """
        host = self._host
        if host is None or not any(context.images for context in contexts):
            return self
        return self.asking(host.on(loop) if loop is not None and isinstance(host, AskedModel) else host)

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


def _nobody_to_ask(settings: Settings, host: Host | None, *, answers: bool) -> None:
    if settings.strategy == Strategy.REASK and not answers:
        raise ConfigurationError(
            'strategy "reask" asks a model again about its own answer, and none was given here: use guard_model or '
            'EyelidMiddleware for the model, and "rewrite", "block" or "raise" here'
        )
    if settings.strategy == Strategy.REASK:
        raise ConfigurationError(
            'strategy "reask" asks a model again about its own answer, and here is none to ask: use guard_model or '
            "EyelidMiddleware, or give the guard a host, such as LangChainHost(model)"
        )
    if host is not None:
        raise ConfigurationError('a host is asked under the strategy "reask" only; say so, or leave it out')
