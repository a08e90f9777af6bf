"""What every entry point can be told, as one object, and the guard that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from eyelid import Guard, Strategy, Surface
from eyelid.errors import ConfigurationError
from eyelid.policy import known
from eyelid.protocols import Host

#: Fetches an image by its address. eyelid itself fetches nothing.
ImageLoader: TypeAlias = Callable[[str], bytes]
OnError: TypeAlias = Literal["block", "raise", "pass"]
StreamMode: TypeAlias = Literal["buffer", "sentence"]

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
        allowed_root: the folder below which image files are read; without one files are uninspectable.

    Raises:
        ConfigurationError: an unknown choice.
    """

    strategy: Strategy | str | None = None
    on_error: OnError = "block"
    stream: StreamMode = "buffer"
    image_loader: ImageLoader | None = field(default=None, repr=False)
    allowed_root: Path | None = None

    def __post_init__(self) -> None:
        if self.strategy is not None:
            known("strategy", self.strategy, Strategy)
        known("on_error", self.on_error, ON_ERROR)
        known("stream", self.stream, STREAM_MODES)
        if self.allowed_root is not None and not isinstance(self.allowed_root, Path):
            raise ConfigurationError(f"allowed_root must be a pathlib.Path, not {type(self.allowed_root).__name__}")

    def rules(self, guard: Guard, *surfaces: Surface, host: Host | None = None) -> Guard:
        """The guard under its policy as these settings change it; models and threads are shared.

        Args:
            guard: whose policy is changed.
            surfaces: where `strategy` holds, answers if left out; "raise" holds everywhere.
            host: asked again under "reask"; the guard's if left out.

        Raises:
            ConfigurationError: `guard` is no guard, or is to ask again and has nobody to ask.
        """
        if not isinstance(guard, Guard):
            raise ConfigurationError(f"guard must be an eyelid.Guard, not {type(guard).__name__}")
        policy = guard.policy.adjust(on_failure="allow" if self.on_error == "pass" else "block")
        where = () if self.strategy == Strategy.RAISE else surfaces or (Surface.OUTPUT,)
        if self.strategy is not None:
            policy = policy.adjust(*where, strategy=self.strategy)
        if self.strategy == Strategy.REASK and (Surface.OUTPUT not in where or (host or guard.host) is None):
            raise ConfigurationError(
                'strategy "reask" asks a model again about its own answer: use guard_llm, which asks the model it '
                "guards, or for answers give the guard a host"
            )
        return guard.under(policy, host=host)
