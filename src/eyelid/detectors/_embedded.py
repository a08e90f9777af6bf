"""The embedded detector: a small encoder and a linear model, trained by this project, offline.

In the role of MLLM-Protector's harm detector (Pi et al., arXiv 2401.02906): it reads the answer, with or without
the request. Requests, injected instructions and hateful texts have heads of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid.detectors._looks import Calibration
from eyelid.detectors._places import Devices
from eyelid.detectors._sights import Looker, Looks, unless_failed
from eyelid.detectors._unknown import covered
from eyelid.engine import after, failure_of
from eyelid.errors import EngineError
from eyelid.models import HAZARDS, Recollection, Window
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
_SPANS = 3
#: Below this probability of harm, which harm it would be is not said.
_SPEAKS = 0.3
_SURE = 0.5


@dataclass(frozen=True, slots=True)
class _Judged:
    """A text with its scores, before it is said which harm it would be.

    Args:
        looks: what was looked at.
        scores: by category.
        spans: where they come from.
        about: number of the window to be asked which harm it is about, if any.
    """

    looks: Looks
    scores: dict[str, float]
    spans: tuple[Span, ...]
    about: int | None

    @property
    def unnamed(self) -> bool:
        """Whether that window is still to be asked."""
        return self.about is not None and not self.looks.recalled

    @property
    def window(self) -> Window:
        return self.looks.windows[self.about or 0]


class EmbeddedDetector:
    """Scores harm and injection with the weights shipped in the package.

    Args:
        backbone: folder of all-MiniLM-L6-v2 (`eyelid.models.find_backbone`).
        weights: folder with the trained weights and their calibration.
        device: where the models run; several devices share the work. The best there is if left out.
    """

    name = "embedded"

    def __init__(self, backbone: Path, weights: Path, *, device: Devices = None) -> None:
        self._calibration = Calibration.read(weights / "calibration.json")
        self._looker = Looker(backbone, weights, device, name=self.name)

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        """Score texts of any length: every token is seen by some window, the worst window counts."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[list[Assessment | Failure]]:
        """As `score`, without waiting."""
        context = copy_context()  # what follows claims what was claimed here

        def judge(results: list[Any]) -> Future[list[Assessment | Failure]]:
            (found,) = unless_failed(results)
            return context.run(self._name_harms, [self._judge(looks) for looks in found])

        return after([self._looker.start(batch)], judge)

    def warm_up(self) -> None:
        """Find how many tokens a forward pass should take on this machine. Takes some seconds; worth it in a server."""
        self._looker.warm_up()

    def look(self, batch: Sequence[ScoreRequest], /) -> list[Looks]:
        """Cut texts into windows and run the models, without judging.

        Raises:
            EngineError: the work on a text failed.
        """
        found = self._looker.start(batch).result()
        if failures := [looks for looks in found if isinstance(looks, Failure)]:
            raise EngineError(f"{len(failures)} of {len(found)} texts were not looked at: {failures[0].detail}")
        return [looks for looks in found if isinstance(looks, Looks)]

    def _judge(self, looks: Looks | Failure) -> _Judged | Failure:
        if isinstance(looks, Failure):
            return looks
        if not np.isfinite(looks.found).all():
            return Failure("score", "invalid", "the model gave a value that is not finite", self.name)
        request = looks.request
        scores: dict[str, float] = {}
        spans: list[Span] = []
        about: int | None = None
        for category, questions in _QUESTIONS[request.surface].items():
            found = self._probability([q for q in questions if q != "answer" or request.prompt.strip()], looks.found)
            worst = np.argsort(-found)[:_SPANS]
            scores[category] = float(found[worst[0]])
            places = [(looks.windows[at].start, looks.windows[at].end, float(found[at])) for at in worst]
            spans += [Span(start, end, category, score) for start, end, score in places if start < end]
            if category is Category.HARM and scores[category] >= _SPEAKS:
                about = int(worst[0])
        spans.sort(key=lambda span: -span.score)
        return _Judged(looks, scores, tuple(spans), about)

    def _probability(self, questions: Sequence[str], found: NDArray[np.float64]) -> NDArray[np.float64]:
        first, *others = (self._calibration.probability(question, found) for question in questions)
        return np.asarray(np.max([first, *(np.where(other >= _SURE, other, 0.0) for other in others)], axis=0))

    def _name_harms(self, judged: Sequence[_Judged | Failure]) -> Future[list[Assessment | Failure]]:
        """Say of what is harmful which harm it would be: a second round, for those that need one."""
        told = self._looker.recall([each.window for each in judged if isinstance(each, _Judged) and each.unnamed])

        def conclude(results: list[Any]) -> list[Assessment | Failure]:
            recollections = iter(results)
            return [each if isinstance(each, Failure) else self._named(each, recollections) for each in judged]

        return after(told, conclude)

    def _named(self, judged: _Judged, told: Iterator[Recollection | BaseException]) -> Assessment | Failure:
        looks, scores = judged.looks, judged.scores
        if judged.about is not None:
            recollection = next(told) if judged.unnamed else looks.recalled[judged.about]
            if isinstance(recollection, BaseException):
                return failure_of(recollection, self.name)
            harm, shares = scores[Category.HARM], recollection.hazards.tolist()
            scores = scores | {hazard: harm * min(1.0, share) for hazard, share in zip(HAZARDS, shares, strict=True)}
        return Assessment(
            Scores(scores),
            judged.spans,
            covered=covered(looks.request.text, sum(window.unknown for window in looks.windows)),
            looks=len(looks.windows),
        )
