"""How models are trained: the published recipes as presets, everything else as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from eyelid._names import known
from eyelid.errors import ConfigurationError

Polarity = Literal["harm", "safe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """What both loops have in common.

    Args:
        epochs: passes over the rows.
        batch: rows of one step.
        accumulate: forward passes that a step is cut into, where the memory does not hold all of its rows.
        rate: of learning, at the beginning; it falls to 0 in a straight line.
        decay: of weights (AdamW, arXiv 1711.05101).
        clip: the longest gradient, as its norm; 0 for no bound.
        max_length: tokens; longer rows are dropped, not cut.
        held_out: share of the requests that are not trained on, for measuring.
        seed: of order, dropout, new weights and the held-out part.
        save_every: steps between checkpoints.
        recompute: whether to keep less between the passes forward and back and compute it again (Chen et al., arXiv
            1604.06174): a fraction of the memory for a third more time, and the same weights.

    Raises:
        ConfigurationError: a number is out of range.
    """

    epochs: int = 4
    batch: int = 8
    accumulate: int = 1
    rate: float = 2e-5
    decay: float = 0.0
    clip: float = 1.0
    max_length: int = 512
    held_out: float = 0.05
    seed: int = 0
    save_every: int = 200
    recompute: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "accumulate", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be at least 1")
        for name in ("rate", "decay", "clip"):
            if not math.isfinite(getattr(self, name)) or getattr(self, name) < 0.0:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be 0 or a number above")
        if self.max_length < 16 or not 0.0 <= self.held_out < 1.0 or self.accumulate > self.batch:
            raise ConfigurationError(
                "max_length must be at least 16 tokens, held_out a share below 1, and accumulate at most batch"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A low-rank adapter (Hu et al., arXiv 2106.09685).

    Args:
        rank, alpha, dropout: as in the paper.
        targets: names of the layers it is added to; queries and values if left out, whatever they are called.
    """

    rank: int
    alpha: int = 32
    dropout: float = 0.1
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))
        if self.rank < 1 or self.alpha < 1 or not 0.0 <= self.dropout < 1.0:
            raise ConfigurationError("an adapter needs rank and alpha of at least 1 and a dropout in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings(LoopSettings):
    """How a detector is trained: L = pair · −log σ(better − worse) + single · (BCE(better) + BCE(worse)).

    Args:
        pair, single: the two weights. A row with one answer has the second part alone.
        polarity: whether a high logit means harm or safety; it is written into the format.
        lora: the adapter; `None` to train all weights.

    Raises:
        ConfigurationError: a number is out of range, or both weights are 0.
    """

    pair: float = 1.0
    single: float = 1.0
    polarity: Polarity = "harm"
    lora: Lora | None = field(default_factory=lambda: Lora(rank=32))

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is made anew, and the class that super() would mean is the one before.
        LoopSettings.__post_init__(self)
        known("polarity", self.polarity, ("harm", "safe"))
        if min(self.pair, self.single) < 0.0 or self.pair + self.single == 0.0:
            raise ConfigurationError("the weights of a loss are 0 or above, and not both 0")

    @classmethod
    def preset(cls, name: str = "default", **changed: Any) -> Self:
        """A published recipe (MLLM-Protector, Pi et al., arXiv 2401.02906), with what is to differ from it.

        "paper" has the loss of the paper, binary cross-entropy alone; "release" that of the authors' program, in which
        it counts twice beside the pair; "default" counts both once.

        Raises:
            PolicyError: there is none of that name.
        """
        known("preset", name, PRESETS)
        return cls(**{**_PRESETS[name], **changed})


_PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "paper": {"pair": 0.0, "single": 1.0, "polarity": "safe"},
    "release": {"pair": 1.0, "single": 2.0, "polarity": "safe"},
}
PRESETS: Final = tuple(_PRESETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetoxifierSettings(LoopSettings):
    """How a detoxifier is trained: cross-entropy on the tokens of the target alone.

    Args:
        with_question: whether it reads the request beside the answer.
        both_safe: whether pairs of two safe answers are used.
        refusal: the target where both answers are unsafe; "" for the usual one.
        lora: the adapter; `None` to train all weights.
        compared: held-out rows, none of them too long, that are rewritten and compared in the end.
    """

    with_question: bool = True
    both_safe: bool = True
    refusal: str = ""
    lora: Lora | None = field(default_factory=lambda: Lora(rank=128))
    compared: int = 200
