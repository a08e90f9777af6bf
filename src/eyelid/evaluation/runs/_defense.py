"""What stands between a model's answer and the user: the contract, and the defence that does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from eyelid.evaluation.samples import Sample
from eyelid.types import HostCall, Image


@dataclass(frozen=True, slots=True)
class Turn:
    """A row under way.

    Args:
        sample: what is asked, or the labelled text.
        images: that go with it, loaded.
        direct: the model's first answer, or the text that is given.
    """

    sample: Sample
    images: tuple[Image, ...] = field(default=(), repr=False)
    direct: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Defended:
    """What became of an answer; the names are those of `Record`.

    Args:
        text: the final answer.
        calls: of the host, beyond the first answer.
        skips_answer: whether the request was stopped, so that under this defence nobody had to answer it.
    """

    text: str = field(repr=False)
    action: str = ""
    status: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    unsafe: str = ""
    caption: str = field(default="", repr=False)
    calls: tuple[HostCall, ...] = ()
    skips_answer: bool = False
    failures: tuple[str, ...] = ()


@runtime_checkable
class Defense(Protocol):
    """Defends a batch of answers, one result for each, in order.

    `name` is that of the kind, such as "rewrite"; `guard` says of which policy and detectors it is made, "" where there
    are none; `looks_at_labelled` whether it can be given texts that no model wrote.
    """

    @property
    def name(self) -> str: ...

    @property
    def guard(self) -> str: ...

    @property
    def looks_at_labelled(self) -> bool: ...

    def apply(self, turns: Sequence[Turn], /) -> Sequence[Defended]: ...


class NoDefense:
    """Answers as they are: what a model does by itself."""

    name = "none"
    guard = ""
    looks_at_labelled = True

    def apply(self, turns: Sequence[Turn], /) -> list[Defended]:
        """The direct answers."""
        return [Defended(turn.direct) for turn in turns]
