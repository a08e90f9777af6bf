"""From logits to probabilities: a stacker over the encoder's and the linear model's signals.

Fitted on queries and sources that neither model was trained on. A text's probability is that of its worst window,
so the stacker is fitted on worst windows too, found anew after each fit.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid._optional import require
from eyelid.detectors import EmbeddedDetector
from eyelid.models import SIGNALS
from eyelid.protocols import ScoreRequest
from eyelid.training._data import Example, Split
from eyelid.types import Surface

#: Question → the signals it may use.
_USES = {
    "response": ("encoder.response", "linear.response", "encoder.refusal"),
    "request": ("encoder.request", "linear.request"),
    "injection": ("encoder.injection", "linear.injection"),
    "hate": ("encoder.hate", "linear.hate"),
}
_SURFACES = {
    "response": Surface.OUTPUT,
    "request": Surface.INPUT,
    "injection": Surface.TOOL_RESULT,
    "hate": Surface.OUTPUT,
}
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals of many texts.

    Args:
        examples: the texts.
        windows: signals of each text's windows, shape [windows, len(SIGNALS)] each.
        labels: 1 harmful, 0 not, shape [texts].
    """

    examples: list[Example]
    windows: list[NDArray[np.float32]]
    labels: NDArray[np.int64]


def collect(detector: EmbeddedDetector, examples: Sequence[Example], question: str) -> Signals:
    """Run the detector's models over what labels the question; every other answer is shown without its request."""
    examples = [e for e in examples if question in e.targets]
    found: list[NDArray[np.float32]] = []
    for start in range(0, len(examples), 64):
        batch = [
            ScoreRequest(e.text, "" if zlib.crc32(e.id.encode()) % 2 else e.prompt, surface=_SURFACES[question])
            for e in examples[start : start + 64]
        ]
        looks, signals = detector.signals(batch)
        found += np.split(signals.logits, np.cumsum([len(look.windows) for look in looks])[:-1])
    return Signals(examples, found, np.array([int(e.targets[question] > 0.5) for e in examples]))


def fit(signals: Signals, question: str, *, prior: float = 0.5) -> tuple[NDArray[np.float64], float]:
    """Weights of the signals and the intercept, for the question asked of a window.

    Sources count by the square root of their size, and both labels alike; `prior` then shifts the intercept to the
    share of harmful texts to be expected.
    """
    require("train", "sklearn")
    from sklearn.linear_model import LogisticRegression

    used = [SIGNALS.index(name) for name in _USES[question]]
    weights = np.zeros(len(SIGNALS))
    weights[used[:2]] = 1.0
    sample = _sample_weights(signals)
    model = LogisticRegression(C=1.0, max_iter=1000)
    for _ in range(_ROUNDS):
        worst = np.stack([window[int(np.argmax(window @ weights))] for window in signals.windows])
        model.fit(worst[:, used], signals.labels, sample_weight=sample)
        weights[used] = model.coef_[0]
    return weights, float(model.intercept_[0] + np.log(prior / (1 - prior)))


def _sample_weights(signals: Signals) -> NDArray[np.float64]:
    sizes = Counter((e.source, int(label)) for e, label in zip(signals.examples, signals.labels, strict=True))
    weight = np.array(
        [
            e.weight / np.sqrt(sizes[e.source, int(label)])
            for e, label in zip(signals.examples, signals.labels, strict=True)
        ]
    )
    for label in (0, 1):
        weight[signals.labels == label] /= weight[signals.labels == label].sum()
    return np.asarray(weight * len(weight) / 2)


def probabilities(signals: Signals, weights: NDArray[np.float64], bias: float) -> NDArray[np.float64]:
    """Probability of each text: that of its worst window, shape [texts]."""
    logits = np.array([float((window @ weights).max()) for window in signals.windows]) + bias
    return np.asarray(1 / (1 + np.exp(-logits)))


def calibrate_questions(
    detector: EmbeddedDetector, split: Split, priors: Mapping[str, float]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Fit every question; returns the calibration, and one line for each source with what it got."""
    questions: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    for question in _USES:
        signals = collect(detector, [*split.dev[question], *split.held[question]], question)
        weights, bias = fit(signals, question, prior=priors.get(question, 0.5))
        questions[question] = {"weights": weights.tolist(), "bias": bias, "texts": len(signals.labels)}
        lines += _by_source(
            question, signals, probabilities(signals, weights, bias), {e.source for e in split.held[question]}
        )
    return _form(questions), lines


def _by_source(question: str, signals: Signals, found: NDArray[np.float64], held: set[str]) -> list[dict[str, Any]]:
    lines = []
    groups = np.array([f"{e.source} {label}" for e, label in zip(signals.examples, signals.labels, strict=True)])
    for group in sorted(set(groups)):
        scores = found[groups == group]
        source, label = group.rsplit(" ", 1)
        lines.append(
            {
                "question": question,
                "source": source,
                "held_out": source in held,
                "label": int(label),
                "texts": len(scores),
                "median": float(np.median(scores)),
                "over": {f"{t:.2f}": float((scores >= t).mean()) for t in (0.3, 0.5, 0.7, 0.9, 0.95)},
            }
        )
    return lines


def neutral() -> dict[str, Any]:
    """The encoder's own heads, uncalibrated: what a run has before it is calibrated."""
    one = {name: [float(signal == uses[0]) for signal in SIGNALS] for name, uses in _USES.items()}
    return _form({name: {"weights": weights, "bias": 0.0} for name, weights in one.items()})


def _form(questions: dict[str, Any]) -> dict[str, Any]:
    return {"version": "eyelid.calibration.v1", "signals": list(SIGNALS), "questions": questions}
