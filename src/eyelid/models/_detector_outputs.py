"""Logits of a model that classifies → probabilities of harm. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyelid.errors import ConfigurationError
from eyelid.models._detector_format import DetectorFormat, Label
from eyelid.taxonomy import Category

#: Beyond it the logistic function is 0 or 1 in double precision anyway.
_FLAT = 60.0


@dataclass(frozen=True, slots=True)
class DetectorOutputs:
    """What each logit says.

    Args:
        harmful: those that mean harm.
        harmless: those that mean none; one of the two is empty.
        alone: whether each stands alone, or all exclude each other.
        finer: logit → a category of its own.
    """

    harmful: tuple[int, ...]
    harmless: tuple[int, ...]
    alone: bool
    finer: tuple[tuple[int, Category], ...] = ()

    @classmethod
    def of(cls, form: DetectorFormat, outputs: int, names: Mapping[int, str]) -> DetectorOutputs:
        """The outputs of a model under a format.

        Args:
            form: what its outputs mean, by name or number.
            outputs: how many there are.
            names: what the checkpoint calls them, where the format does not say.

        Raises:
            ConfigurationError: an output is unknown, all of several exclusive ones mean the same, or it is not said
                whether several exclude each other.
        """
        if form.labels and len(form.labels) != outputs:
            raise ConfigurationError(f"the format names {len(form.labels)} labels; the model has {outputs} outputs")
        called = list(form.labels) or [names.get(number, str(number)) for number in range(outputs)]

        def number(label: Label) -> int:
            if label in called:
                return called.index(str(label))
            if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < outputs:
                raise ConfigurationError(f"the model has no output {label!r}; it has {', '.join(map(repr, called))}")
            return label

        harmful, harmless = (tuple(sorted(set(map(number, each)))) for each in (form.harmful, form.harmless))
        if outputs > 1 and form.activation is None:
            raise ConfigurationError(
                f"the model has {outputs} outputs; say activation='softmax' if they exclude each other, or 'sigmoid'"
            )
        alone = outputs == 1 or form.activation == "sigmoid"
        if not alone and len(harmful or harmless) == outputs:
            raise ConfigurationError("all outputs mean the same; exclusive ones cannot")
        finer = tuple((number(label), category) for label, category in form.categories.items())
        if wrong := [called[at] for at, _ in finer if at in harmless]:
            raise ConfigurationError(f"the output {wrong[0]!r} means no harm and can have no category")
        return cls(harmful, harmless, alone, finer)

    def harm(self, logits: Sequence[float]) -> float:
        """How probable harm is.

        Outputs that stand alone: the worst of them; where they are harmless ones, all must be likely for a low value.
        """
        if not self.alone:
            shares = _softmax(logits)
            means = self.harmful or [at for at in range(len(logits)) if at not in self.harmless]
            return min(1.0, math.fsum(shares[at] for at in means))
        # 1 - σ(x) is σ(-x), which keeps what is small.
        return max([_logistic(logits[at]) for at in self.harmful] + [_logistic(-logits[at]) for at in self.harmless])

    def categories(self, logits: Sequence[float]) -> dict[str, float]:
        """How probable each finer category is."""
        found: dict[str, float] = {}
        shares = [] if self.alone else _softmax(logits)
        for at, category in self.finer:
            if self.alone:
                found[category] = max(found.get(category, 0.0), _logistic(logits[at]))
            else:
                found[category] = min(1.0, found.get(category, 0.0) + shares[at])
        return found


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-_FLAT, min(_FLAT, x))))


def _softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    odds = [math.exp(logit - top) for logit in logits]
    whole = math.fsum(odds)
    return [each / whole for each in odds]
