"""A memory into which nothing is written that was not looked at."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import BaseMemory
from pydantic import ConfigDict, PrivateAttr

from eyelid import Guard
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._settings import Settings

_ASKED = (MessageRole.USER, MessageRole.SYSTEM, MessageRole.DEVELOPER)


class CleanMemory(BaseMemory):
    """Hands on to another memory what may be passed on of a message; the user's own messages as they are.

    It never raises for what it found, since chat engines write to memories in threads of their own: what would raise
    is stored as a refusal.

    Args:
        memory: stores.
        guard: looks, under its policy as the settings of the engine changed it.
        settings: of the engine.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    _inner: BaseMemory = PrivateAttr()
    _checker: Checker = PrivateAttr()

    def __init__(self, memory: BaseMemory, guard: Guard, settings: Settings) -> None:
        super().__init__()
        quiet = Settings(
            strategy="block" if settings.strategy == "raise" else settings.strategy,
            on_error="block" if settings.on_error == "raise" else settings.on_error,
            allowed_root=settings.allowed_root,
            image_loader=settings.image_loader,
        )
        policy = guard.policy
        raising = [surface for surface in policy.surfaces if policy.for_surface(surface).strategy == "raise"]
        calm = guard.under(policy.adjust(*raising, strategy="block")) if raising else guard
        self._inner, self._checker = memory, Checker(calm, quiet, where="memory")

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "CleanMemory"

    @classmethod
    def from_defaults(cls, **kwargs: Any) -> BaseMemory:
        """There are no defaults: it is made of another memory."""
        raise NotImplementedError("a CleanMemory is made of another memory")

    @property
    def tokenizer_fn(self) -> Any:
        """That of the other memory, if it has one."""
        return self._inner.tokenizer_fn  # type: ignore[attr-defined]  # engines ask with hasattr

    def get(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """As the other memory."""
        return self._inner.get(input, **kwargs)

    async def aget(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """As the other memory."""
        return await self._inner.aget(input, **kwargs)

    def get_all(self) -> list[ChatMessage]:
        """As the other memory."""
        return self._inner.get_all()

    async def aget_all(self) -> list[ChatMessage]:
        """As the other memory."""
        return await self._inner.aget_all()

    def put(self, message: ChatMessage) -> None:
        """Store what may be passed on of a message."""
        asked = message.role in _ASKED
        self._inner.put(message if asked else self._checker.check_message(message, context=self._context()).message)

    async def aput(self, message: ChatMessage) -> None:
        """As `put`, without ever blocking the event loop."""
        if message.role not in _ASKED:
            context = Context.of(await self._inner.aget_all())
            message = (await self._checker.acheck_message(message, context=context)).message
        await self._inner.aput(message)

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """As `put`, for each of them."""
        for message in messages:
            self.put(message)

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """As `aput`, for each of them."""
        for message in messages:
            await self.aput(message)

    def set(self, messages: list[ChatMessage]) -> None:
        """As the other memory: whoever sets a history has seen it."""
        self._inner.set(messages)

    async def aset(self, messages: list[ChatMessage]) -> None:
        """As `set`."""
        await self._inner.aset(messages)

    def reset(self) -> None:
        """As the other memory."""
        self._inner.reset()

    async def areset(self) -> None:
        """As the other memory."""
        await self._inner.areset()

    def _context(self) -> Context:
        return Context.of(self._inner.get_all())
