"""What is known of one window, and how it becomes a probability."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyelid.errors import WeightsError
from eyelid.models import SIGNALS

#: Columns of a window: its own logits, and `complied`.
COLUMNS = (*SIGNALS, "complied")
_EXCUSED = -3.0
_REQUEST, _REFUSAL = SIGNALS.index("encoder.request"), SIGNALS.index("encoder.refusal")


def columns(logits: NDArray[np.float32], asked: float | None) -> NDArray[np.float64]:
    """The signals of the windows of one text.

    `complied` says that harm was asked for *and* not refused, what makes an answer harmful besides its own words: the
    smaller of the logits of the two (fuzzy conjunction). It is 0 where no prompt is known, and bounded below: a
    harmless prompt excuses an answer only so far.

    Args:
        logits: of its windows, shape [windows, len(SIGNALS)].
        asked: how harmful the prompt is that it answers (`harm_asked`), or nothing.

    Returns:
        Shape [windows, len(COLUMNS)].
    """
    complied = np.zeros(len(logits))
    if asked is not None:
        complied = np.maximum(np.minimum(asked, -logits[:, _REFUSAL]), _EXCUSED)
    return np.column_stack((logits, complied)).astype(np.float64)


def harm_asked(rows: Sequence[NDArray[np.float32]]) -> float:
    """How harmful a prompt is, as a logit: that of its worst window.

    Args:
        rows: logits of its windows, in the order of `SIGNALS`; the memory's are not needed.
    """
    return float(np.max([row[_REQUEST] for row in rows]))


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
