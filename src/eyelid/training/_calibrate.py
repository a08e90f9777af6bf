"""From logits to probabilities: a stacker over the encoder's and the linear model's signals.

Fitted on queries and sources that neither model was trained on. A text's probability is that of its worst window,
so the stacker is fitted on worst windows too, found anew after each fit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid._optional import require
from eyelid.detectors import COLUMNS, EmbeddedDetector
from eyelid.protocols import ScoreRequest
from eyelid.training._data import Example, Split
from eyelid.types import Surface

#: Question → the columns it may use.
_USES = {
    "answer": ("encoder.response", "linear.response", "complied"),
    "response": ("encoder.response", "linear.response", "encoder.refusal"),
    "request": ("encoder.request", "linear.request", "memory.request"),
    "injection": ("encoder.injection", "linear.injection"),
    "hate": ("encoder.hate", "linear.hate"),
}
_SURFACES = {
    "answer": Surface.OUTPUT,
    "response": Surface.OUTPUT,
    "request": Surface.INPUT,
    "injection": Surface.TOOL_RESULT,
    "hate": Surface.OUTPUT,
}
_ROUNDS = 4
_BATCH = 64
_REPORTED = (0.3, 0.5, 0.7, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Found:
    """What the models make of many texts.

    Args:
        examples: the texts.
        windows: columns of each text's windows, shape [windows, len(COLUMNS)] each.
        labels: 1 harmful, 0 not, shape [texts].
        held: whether each text's source was never trained on, shape [texts].
    """

    examples: list[Example]
    windows: list[NDArray[np.float64]]
    labels: NDArray[np.int64]
    held: NDArray[np.bool_]


def collect(detector: EmbeddedDetector, split: Split, question: str, *, most: int) -> Found:
    """Run the detector's models over what labels a question, up to `most` texts of a source and label."""
    task = "response" if question == "answer" else question
    kept: Counter[tuple[str, float]] = Counter()
    examples: list[Example] = []
    for example in (*split.held[task], *split.dev[task]):
        key = (example.source, example.targets[task])
        if kept[key] < most and (question != "answer" or example.prompt.strip()):
            kept[key] += 1
            examples.append(example)
    windows: list[NDArray[np.float64]] = []
    for start in range(0, len(examples), _BATCH):
        batch = [
            ScoreRequest(e.text, e.prompt if question == "answer" else "", surface=_SURFACES[question])
            for e in examples[start : start + _BATCH]
        ]
        windows += [looks.found for looks in detector.look(batch)]
    held = {e.source for e in split.held[task]}
    return Found(
        examples,
        windows,
        np.array([int(e.targets[task] > 0.5) for e in examples]),
        np.array([e.source in held for e in examples]),
    )


def fit(found: Found, question: str, *, prior: float = 0.5) -> tuple[NDArray[np.float64], float]:
    """Weights of the columns and the intercept, for the question asked of a window.

    Sources count by the square root of their size, those never trained on as much as all others, and both labels
    alike; `prior` then shifts the intercept to the share of harmful texts to be expected.
    """
    require("train", "sklearn")
    from sklearn.linear_model import LogisticRegression

    used = [COLUMNS.index(name) for name in _USES[question]]
    weights = np.zeros(len(COLUMNS))
    weights[used[:2]] = 1.0
    sample = _sample_weights(found)
    model = LogisticRegression(C=1.0, max_iter=1000)
    for _ in range(_ROUNDS):
        worst = np.stack([window[int(np.argmax(window @ weights))] for window in found.windows])
        model.fit(worst[:, used], found.labels, sample_weight=sample)
        weights[used] = model.coef_[0]
    return weights, float(model.intercept_[0] + np.log(prior / (1 - prior)))


def _sample_weights(found: Found) -> NDArray[np.float64]:
    keys = [(e.source, int(label)) for e, label in zip(found.examples, found.labels, strict=True)]
    sizes = Counter(keys)
    weight = np.array([e.weight / np.sqrt(sizes[key]) for e, key in zip(found.examples, keys, strict=True)])
    for label in (0, 1):
        for held in (True, False):
            group = (found.labels == label) & (found.held == held)
            weight[group] /= max(weight[group].sum(), 1e-9)
    return np.asarray(weight * len(weight) / 4)


def probabilities(found: Found, weights: NDArray[np.float64], bias: float) -> NDArray[np.float64]:
    """Probability of each text: that of its worst window, shape [texts]."""
    logits = np.array([float((window @ weights).max()) for window in found.windows]) + bias
    return np.asarray(1 / (1 + np.exp(-logits)))


def calibrate_questions(
    detector: EmbeddedDetector, split: Split, rules: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Fit every question; returns the calibration, and one line for each source with what it got.

    Args:
        detector: of the run; its own calibration is not used.
        split: what was trained on is not looked at.
        rules: the recipe's `calibrate` table: `most` texts of a source and label, `priors` by question.
    """
    questions: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    for question in _USES:
        found = collect(detector, split, question, most=rules["most"])
        weights, bias = fit(found, question, prior=rules["priors"][question])
        questions[question] = {"weights": weights.tolist(), "bias": bias, "texts": len(found.labels)}
        lines += _by_source(question, found, probabilities(found, weights, bias))
    return _form(questions), lines


def _by_source(question: str, found: Found, scores: NDArray[np.float64]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, int, bool], list[float]] = defaultdict(list)
    for example, label, held, score in zip(found.examples, found.labels, found.held, scores, strict=True):
        groups[example.source, int(label), bool(held)].append(float(score))
    return [
        {
            "question": question,
            "source": source,
            "held_out": held,
            "label": label,
            "texts": len(values),
            "median": float(np.median(values)),
            "over": {str(t): float(np.mean(np.array(values) >= t)) for t in _REPORTED},
        }
        for (source, label, held), values in sorted(groups.items())
    ]


def neutral() -> dict[str, Any]:
    """The encoder's own heads, uncalibrated: what a run has before it is calibrated."""
    one = {name: [float(column == uses[0]) for column in COLUMNS] for name, uses in _USES.items()}
    return _form({name: {"weights": weights, "bias": 0.0} for name, weights in one.items()})


def _form(questions: dict[str, Any]) -> dict[str, Any]:
    return {"version": "eyelid.calibration.v1", "columns": list(COLUMNS), "questions": questions}
