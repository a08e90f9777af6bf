"""What is computed for one window, and how it becomes a probability."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyelid.errors import WeightsError
from eyelid.models import SIGNALS


@dataclass(frozen=True, slots=True)
class Calibration:
    """Stacking: a logistic regression over the signals for each question asked of a window.

    Args:
        weights: question → weight of each signal, in the order of `SIGNALS`.
        bias: question → intercept.
    """

    weights: Mapping[str, NDArray[np.float64]]
    bias: Mapping[str, float]

    @classmethod
    def read(cls, file: Path) -> Calibration:
        """Read `calibration.json`.

        Raises:
            WeightsError: it was made for other signals.
        """
        raw = json.loads(file.read_text(encoding="utf-8"))
        if tuple(raw["signals"]) != SIGNALS:
            raise WeightsError("calibration.json was made for another detector; run `eyelid calibrate` again")
        questions = raw["questions"]
        return cls(
            weights={name: np.asarray(q["weights"], dtype=np.float64) for name, q in questions.items()},
            bias={name: float(q["bias"]) for name, q in questions.items()},
        )

    def probability(self, question: str, signals: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of each window, shape [windows]; signals have shape [windows, len(SIGNALS)]."""
        logit = signals.astype(np.float64) @ self.weights[question] + self.bias[question]
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -40.0, 40.0))))
