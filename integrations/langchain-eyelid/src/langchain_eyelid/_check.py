"""The one place that asks the guard about messages: a generator of exchanges, driven with or without waiting.

A batch of messages is one call to the guard.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from eyelid import Exchange, Guard, Image, Outcome, Surface
from langchain_core.messages import BaseMessage

from langchain_eyelid._settings import Settings

T = TypeVar("T")
M = TypeVar("M", bound=BaseMessage)

#: Asks for outcomes of exchanges and ends with a result.
Asking: TypeAlias = Generator[Sequence[Exchange], Sequence[Outcome], T]


@dataclass(frozen=True, slots=True)
class Context:
    """What a message answers.

    Args:
        prompt: the request; an answer is judged in its light, it is not itself checked.
        images: that came with the request. They are not a part of the exchange that is checked (that is what
            `Surface.INPUT` is for); methods that ask the model again need them.
    """

    prompt: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> Context:
        """The text and the images of the last human message."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Ruling(Generic[M]):
    """What is to be passed on, and why.

    Args:
        message: the same object if it was allowed (but for the verdict), else one without the harm.
        allowed: whether nothing had to be changed.
        verdict: as it stands in `message.response_metadata["eyelid"]`.
        outcomes: of everything that was looked at.
    """

    message: M = field(repr=False)
    allowed: bool
    verdict: dict[str, Any]
    outcomes: tuple[Outcome, ...] = ()


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
        raise NotImplementedError

    async def acheck_message(
        self, message: M, *, context: Context | None = None, surface: Surface | None = None
    ) -> Ruling[M]:
        """As `check_message`, without ever blocking the event loop."""
        raise NotImplementedError

    def check_messages(
        self,
        messages: Sequence[M],
        *,
        contexts: Sequence[Context] | Context | None = None,
        surface: Surface | None = None,
    ) -> list[Ruling[M]]:
        """Look at many messages in one call to the guard. Where one is to raise, all of it raises."""
        raise NotImplementedError

    async def acheck_messages(
        self,
        messages: Sequence[M],
        *,
        contexts: Sequence[Context] | Context | None = None,
        surface: Surface | None = None,
    ) -> list[Ruling[M]]:
        """As `check_messages`, without ever blocking the event loop."""
        raise NotImplementedError

    def settle(self, surface: Surface, outcome: Outcome) -> Outcome:
        """The outcome of `guard.check_many`; raised instead where the settings or the policy say so."""
        raise NotImplementedError
