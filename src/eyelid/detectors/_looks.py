"""What is known of one window, and how it becomes a probability."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyelid.errors import WeightsError
from eyelid.models import SIGNALS

#: Columns of a window: its own logits, those of the prompt it answers (0 without one), and `complied`.
COLUMNS = (*SIGNALS, "prompt.encoder.request", "prompt.linear.request", "complied")
_REQUEST = [SIGNALS.index("encoder.request"), SIGNALS.index("linear.request")]
_REFUSAL = SIGNALS.index("encoder.refusal")


def columns(logits: NDArray[np.float32], prompt: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """The signals of the windows of one text.

    `complied` is the log of the probability that harm was asked for *and* not refused: what makes an answer harmful
    besides its own words.

    Args:
        logits: of its windows, shape [windows, len(SIGNALS)].
        prompt: of the windows of the prompt it answers, shape [windows, len(SIGNALS)], or nothing.

    Returns:
        Shape [windows, len(COLUMNS)].
    """
    found = np.zeros((len(logits), len(COLUMNS)))
    found[:, : len(SIGNALS)] = logits
    if prompt is not None:
        asked = prompt[:, _REQUEST].max(axis=0)
        found[:, -3:-1] = asked
        found[:, -1] = _log_sigmoid(asked.mean()) + _log_sigmoid(-found[:, _REFUSAL])
    return found


def _log_sigmoid(logit: NDArray[np.float64] | np.floating) -> NDArray[np.float64]:
    return np.asarray(-np.logaddexp(0.0, -logit))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Stacking: a logistic regression over the columns for each question asked of a window.

    Args:
        weights: question → weight of each column, in the order of `COLUMNS`.
        bias: question → intercept.
    """

    weights: Mapping[str, NDArray[np.float64]]
    bias: Mapping[str, float]

    @classmethod
    def read(cls, file: Path) -> Calibration:
        """Read `calibration.json`.

        Raises:
            WeightsError: it was made for other columns.
        """
        raw = json.loads(file.read_text(encoding="utf-8"))
        if tuple(raw["columns"]) != COLUMNS:
            raise WeightsError("calibration.json was made for another detector; run `eyelid calibrate` again")
        questions = raw["questions"]
        return cls(
            weights={name: np.asarray(q["weights"], dtype=np.float64) for name, q in questions.items()},
            bias={name: float(q["bias"]) for name, q in questions.items()},
        )

    def probability(self, question: str, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each window, shape [windows]; `found` has shape [windows, len(COLUMNS)]."""
        logit = found @ self.weights[question] + self.bias[question]
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -40.0, 40.0))))
