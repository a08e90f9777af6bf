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

from eyelid.detectors._looks import Calibration, columns
from eyelid.models import HAZARDS, SignalModel, Window, WindowTokenizer
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Scores, Span, Surface

#: Surface → the questions asked there, by category. The first decides; the others count where they are sure.
_QUESTIONS: dict[Surface, dict[Category, tuple[str, ...]]] = {
    Surface.INPUT: {Category.HARM: ("request", "hate")},
    Surface.OUTPUT: {Category.HARM: ("answer", "response", "hate")},
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
_SURE = 0.5


@dataclass(frozen=True, slots=True)
class Looks:
    """A text, the windows it was cut into, and what the models make of them.

    Args:
        request: what was to be scored.
        windows: its windows.
        found: shape [windows, len(COLUMNS)].
    """

    request: ScoreRequest
    windows: list[Window]
    found: NDArray[np.float64]


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
        return [self._assess(looks) for looks in self.look(batch)]

    def look(self, batch: Sequence[ScoreRequest], /) -> list[Looks]:
        """Cut texts into windows and run the models, without judging. All windows of a batch share its passes."""
        if not batch:
            return []
        texts = [request.text for request in batch]
        # Only an answer is read beside its prompt: what a tool returns was not written for it.
        prompts = [request.prompt if request.surface is Surface.OUTPUT else "" for request in batch]
        shown = self._tokenizer.windows(texts, prompts, [request.surface in _AS_REQUEST for request in batch])
        # The prompt of an answer is looked at by itself as well; the same prompt only once.
        asked = [prompt for prompt in dict.fromkeys(prompts) if prompt.strip()]
        alone = self._tokenizer.windows(asked, [""] * len(asked), [True] * len(asked))
        groups = list(zip(texts + asked, shown + alone, strict=True))
        signals = self._model(
            [window for _, windows in groups for window in windows],
            [text[window.start : window.end] for text, windows in groups for window in windows],
        )
        ends = np.cumsum([len(windows) for _, windows in groups])[:-1]
        logits = np.split(signals, ends)
        of_prompt = dict(zip(asked, logits[len(batch) :], strict=True))
        return [
            Looks(request, windows, columns(own, of_prompt.get(prompt)))
            for request, windows, own, prompt in zip(batch, shown, logits[: len(batch)], prompts, strict=True)
        ]

    def _assess(self, looks: Looks) -> Assessment | Failure:
        if not np.isfinite(looks.found).all():
            return Failure("score", "invalid", "the model gave a value that is not finite", self.name)
        request = looks.request
        scores: dict[str, float] = {}
        spans: list[Span] = []
        for category, questions in _QUESTIONS[request.surface].items():
            found = self._probability([q for q in questions if q != "answer" or request.prompt.strip()], looks.found)
            worst = np.argsort(-found)[:_SPANS]
            scores[category] = float(found[worst[0]])
            places = [(looks.windows[at].start, looks.windows[at].end, float(found[at])) for at in worst]
            spans += [Span(start, end, category, score) for start, end, score in places if start < end]
            if category is Category.HARM and scores[category] >= _SPEAKS:
                scores |= self._finer(scores[category], looks.windows[worst[0]])
        spans.sort(key=lambda span: -span.score)
        return Assessment(Scores(scores), tuple(spans), covered=_read(looks), looks=len(looks.windows))

    def _probability(self, questions: Sequence[str], found: NDArray[np.float64]) -> NDArray[np.float64]:
        first, *others = (self._calibration.probability(question, found) for question in questions)
        return np.asarray(np.max([first, *(np.where(other >= _SURE, other, 0.0) for other in others)], axis=0))

    def _finer(self, harm: float, window: Window) -> dict[str, float]:
        (shares,) = self._model.topics([window])
        return {hazard: harm * min(1.0, float(share)) for hazard, share in zip(HAZARDS, shares, strict=True)}


def _read(looks: Looks) -> int:
    """Characters that were read: fewer than all where much of the text is in words the model does not know."""
    text = looks.request.text
    letters, unknown = sum(map(str.isalpha, text)), sum(window.unknown for window in looks.windows)
    if unknown < _FEWEST_LETTERS or unknown <= _MOST_UNKNOWN * letters:
        return len(text)
    return int(len(text) * max(0.0, 1.0 - unknown / letters))
