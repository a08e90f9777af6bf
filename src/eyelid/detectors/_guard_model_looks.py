"""What is asked of a guard model about one text, and what it has answered so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyelid.detectors._guard_model_choices import Choices
from eyelid.detectors._guard_model_question import Question
from eyelid.models import CausalLook
from eyelid.protocols import ScoreRequest


@dataclass(frozen=True, slots=True)
class Look:
    """A window over a text under one question."""

    question: Question
    look: CausalLook


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked at second sight.

    Args:
        look: what about, under which question.
        codes: the codes that may be answered; `None` for the verdicts of the question.
    """

    look: Look
    codes: Choices | None

    @property
    def choices(self) -> Choices:
        """What may be answered."""
        return self.look.question.verdicts if self.codes is None else self.codes


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found at first sight of one text.

    Args:
        request: the text.
        looks: the windows over it.
        chances: of the verdicts, for each.
        harm: how probable it is, for each.
    """

    request: ScoreRequest
    looks: Sequence[Look]
    chances: Sequence[Mapping[str, float]]
    harm: Sequence[float]
