"""The embedded detector: a small encoder and a linear model, trained by this project, offline.

In the role of MLLM-Protector's harm detector (Pi et al., arXiv 2401.02906): it reads the answer, with or without
the request. Requests, injected instructions and hateful texts have heads of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyelid.detectors._looks import Calibration
from eyelid.models import HAZARDS, SignalModel, Signals, Window, WindowTokenizer
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Scores, Span, Surface

#: Surface → the questions asked there, by category. A question ends in the form the text is shown in.
QUESTIONS: dict[Surface, dict[Category, tuple[str, ...]]] = {
    Surface.INPUT: {Category.HARM: ("request", "hate")},
    Surface.OUTPUT: {Category.HARM: ("response", "hate")},
    Surface.TOOL_CALL: {Category.HARM: ("request", "hate")},
    Surface.TOOL_RESULT: {Category.HARM: ("response", "hate"), Category.INJECTION: ("injection",)},
    Surface.RETRIEVED: {Category.HARM: ("response", "hate"), Category.INJECTION: ("injection",)},
}
_AS_REQUEST = (Surface.INPUT, Surface.TOOL_CALL)
#: More than this share of the letters in words the tokenizer does not know: the text was not read.
_MOST_UNKNOWN = 0.3
_FEWEST_LETTERS = 20
_SPANS = 3
#: Below this probability of harm, which harm it would be is not said.
_SPEAKS = 0.3


@dataclass(frozen=True, slots=True)
class Looks:
    """A request and the windows it was cut into."""

    request: ScoreRequest
    windows: list[Window]


class EmbeddedDetector:
    """Scores harm and injection with the weights shipped in the package.

    Args:
        backbone: folder of all-MiniLM-L6-v2 (`eyelid.models.find_backbone`).
        weights: folder with the trained weights and their calibration.
        threads: forward passes at a time.
    """

    name = "embedded"

    def __init__(self, backbone: Path, weights: Path, *, threads: int = 1) -> None:
        self._tokenizer = WindowTokenizer(backbone / "tokenizer.json")
        self._model = SignalModel(backbone, weights, threads=threads)
        self._calibration = Calibration.read(weights / "calibration.json")

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        """Score texts of any length: every token is seen by some window, the worst window counts."""
        if not batch:
            return []
        looks, signals = self.signals(batch)
        ends = np.cumsum([len(look.windows) for look in looks])[:-1]
        logits, pooled = np.split(signals.logits, ends), np.split(signals.pooled, ends)
        return [self._assess(*parts) for parts in zip(looks, logits, pooled, strict=True)]

    def signals(self, batch: Sequence[ScoreRequest], /) -> tuple[list[Looks], Signals]:
        """The windows of each request, and what the models make of all windows, in order."""
        as_request = [request.surface in _AS_REQUEST for request in batch]
        cut = self._tokenizer.windows(
            [request.text for request in batch],
            ["" if alone else request.prompt for request, alone in zip(batch, as_request, strict=True)],
            as_request,
        )
        looks = [Looks(request, windows) for request, windows in zip(batch, cut, strict=True)]
        windows = [window for look in looks for window in look.windows]
        texts = [look.request.text[window.start : window.end] for look in looks for window in look.windows]
        return looks, self._model(windows, texts)

    def _assess(self, look: Looks, logits: NDArray[np.float32], pooled: NDArray[np.float32]) -> Assessment | Failure:
        if not np.isfinite(logits).all():
            return Failure("score", "invalid", "the model gave a value that is not finite", self.name)
        if _unread(look):
            return Failure("score", "uninspectable", "most of the text is in words the model does not know", self.name)
        scores: dict[str, float] = {}
        spans: list[Span] = []
        for category, questions in QUESTIONS[look.request.surface].items():
            found = np.max([self._calibration.probability(question, logits) for question in questions], axis=0)
            worst = np.argsort(-found)[:_SPANS]
            scores[category] = float(found[worst[0]])
            spans += [Span(look.windows[at].start, look.windows[at].end, category, float(found[at])) for at in worst]
            if category is Category.HARM and scores[category] >= _SPEAKS:
                scores |= self._finer(scores[category], pooled[worst[:1]])
        spans.sort(key=lambda span: -span.score)
        return Assessment(Scores(scores), tuple(spans), covered=len(look.request.text), looks=len(look.windows))

    def _finer(self, harm: float, pooled: NDArray[np.float32]) -> dict[str, float]:
        shares = self._model.topics(pooled)[0]
        return {hazard: harm * min(1.0, float(share)) for hazard, share in zip(HAZARDS, shares, strict=True)}


def _unread(look: Looks) -> bool:
    unknown = sum(window.unknown for window in look.windows)
    return unknown >= _FEWEST_LETTERS and unknown > _MOST_UNKNOWN * sum(map(str.isalpha, look.request.text))
