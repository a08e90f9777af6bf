"""What the engine is given: models, and pieces of work for them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eyelid.errors import ConfigurationError


class Runner(Protocol):
    """A model on a device, as the engine sees it.

    `run` takes payloads and gives one result for each, in order; a result that is an exception fails that item
    alone. It is called by several threads at once, each with one thread of torch, and must not start a team of its
    own.

    Two attributes are optional: `budget`, the tokens of one pass (else the device's), and `hang_seconds`, after which
    a pass is given up (else the engine's).
    """

    @property
    def name(self) -> str: ...

    def run(self, batch: Sequence[Any], /) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """The smallest piece of work. It is evaluated in one pass with others, and never split.

    Args:
        runner: the model that evaluates it.
        payload: what the model is given.
        tokens: what it costs; budgets, shares and admission count these.
        size: bytes that it holds while it waits.
        key: the same runner and key give the same result; while one is under way, others join it.
    """

    runner: Runner
    payload: Any = field(repr=False)
    tokens: int
    size: int = 0
    key: Hashable | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait for one device; what is more waits outside or is refused.

    Args:
        items: pieces of work.
        size: bytes.
        tokens: their cost; at two thousand tokens a pass, a million are about a minute of one CPU core.
    """

    items: int = 65_536
    size: int = 256 * 2**20
    tokens: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("items", "size", "tokens"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"limits.{name} is {getattr(self, name)}; at least 1 is needed")
