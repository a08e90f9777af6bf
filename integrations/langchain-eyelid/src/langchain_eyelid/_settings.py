"""What every entry point can be told, as one object, and the guard that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, TypeAlias
from uuid import uuid4
from weakref import WeakKeyDictionary

from eyelid import Guard, Strategy, Surface
from eyelid.errors import ConfigurationError
from eyelid.policy import known

#: Fetches an image by its address (an URL or a file id). eyelid itself fetches nothing.
ImageLoader: TypeAlias = Callable[[str], bytes]
OnError: TypeAlias = Literal["block", "raise", "pass"]
StreamMode: TypeAlias = Literal["buffer", "sentence"]

#: Names guards that do not say themselves what they consist of.
_GUARDS: WeakKeyDictionary[Guard, str] = WeakKeyDictionary()

ON_ERROR: Final = ("block", "raise", "pass")
STREAM_MODES: Final = ("buffer", "sentence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an entry point was asked to behave.

    Args:
        strategy: what becomes of flagged content, "rewrite", "reask", "block" or "raise"; as the policy says if left
            out. "reask" asks the model again about its own answer (ECSO).
        on_error: what becomes of content after a failed look: "block" it, "raise" an `UninspectedError`, or "pass"
            it on.
        stream: "buffer" releases nothing before all of it was looked at, "sentence" releases sentences of text as
            they are found harmless.
        image_loader: fetches images that are given by address; without one they are uninspectable.

    Raises:
        ConfigurationError: an unknown choice.
    """

    strategy: Strategy | str | None = None
    on_error: OnError = "block"
    stream: StreamMode = "buffer"
    image_loader: ImageLoader | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.strategy is not None:
            known("strategy", self.strategy, Strategy)
        known("on_error", self.on_error, ON_ERROR)
        known("stream", self.stream, STREAM_MODES)

    def rules(self, guard: Guard, *surfaces: Surface) -> Guard:
        """The guard under its policy as these settings change it; models and threads are shared.

        It asks no model again: what says "reask" says "rewrite", which is what that comes to without images.

        Args:
            guard: whose policy is changed.
            surfaces: where `strategy` holds; "raise" holds everywhere.

        Raises:
            ConfigurationError: `guard` is no guard.
        """
        if not isinstance(guard, Guard):
            raise ConfigurationError(f"guard must be an eyelid.Guard, not {type(guard).__name__}")
        policy = guard.policy.adjust(on_failure="allow" if self.on_error == "pass" else "block")
        if self.strategy is not None:
            where = () if self.strategy == Strategy.RAISE else surfaces or (Surface.OUTPUT,)
            policy = policy.adjust(*where, strategy=self.strategy)
        asking = [surface for surface in Surface if policy.for_surface(surface).strategy is Strategy.REASK]
        return guard.under(policy.adjust(*asking, strategy=Strategy.REWRITE) if asking else policy)

    def reasks(self, guard: Guard) -> bool:
        """Whether the model is to be asked again about its answers."""
        own = guard.policy.for_surface(Surface.OUTPUT).strategy
        return (self.strategy or own) == Strategy.REASK

    def identity(self, guard: Guard) -> str:
        """What tells apart the rules under which something was passed on: for keys of caches.

        A guard that has no `fingerprint` is known by itself only, so that nothing one guard passed on is served to
        the users of another.
        """
        who = getattr(guard, "fingerprint", None) or _GUARDS.setdefault(guard, uuid4().hex)
        facts = (who, self.rules(guard).policy, self.reasks(guard), self.on_error, self.image_loader is not None)
        return sha256(repr(facts).encode()).hexdigest()[:16]
