"""The detoxifier that needs no generative model: it leaves out, and says so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyelid.detoxifiers._answer import rewrite_answer
from eyelid.detoxifiers._data import UNREPAIRABLE, rewrite_data
from eyelid.detoxifiers._notices import marker, notice
from eyelid.detoxifiers._plan import Plan
from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, Detector, RewriteRequest, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.text import Views, views
from eyelid.types import Failure, Surface

_DATA = (Surface.TOOL_RESULT, Surface.RETRIEVED)


class SentenceDetoxifier:
    """Leaves out the harmful sentences of a text and keeps the others, by asking a detector again.

    An answer keeps the sentences that are harmless alone and beside what else is kept, and says in one
    sentence what was left out and what is offered instead. A tool's result or a retrieved text keeps its
    data and its form, with a short remark where something was removed. A request or the arguments of a tool
    are not rewritten, since half of one asks for something else: they fail, and the guard refuses.

    The result is deterministic, comes back unchanged from a second pass, and is never longer than the
    original and the notice.

    Args:
        detector: what scores the sentences; its scores are compared with `thresholds`.
        thresholds: category → probability from which a sentence is dropped, 0.5 for harm and injection
            unless given. Injection is asked about only in data, or where it is what the text was flagged for.

    Raises:
        ConfigurationError: a threshold is not in [0, 1].
    """

    name = "sentence"

    def __init__(self, detector: Detector, *, thresholds: Mapping[str, float] | None = None) -> None:
        self._detector = detector
        self._thresholds = {Category.HARM.value: 0.5, Category.INJECTION.value: 0.5, **(thresholds or {})}
        for category, value in self._thresholds.items():
            if not 0.0 <= value <= 1.0:
                raise ConfigurationError(f"the threshold of {category!r} is {value!r}; give a probability in [0, 1]")

    def rewrite(self, batch: Sequence[RewriteRequest], /) -> list[str | Failure]:
        """Rewrite each text; one that could not be scored or mended is a `Failure` of its own."""
        jobs = [_Job(request, self._thresholds) for request in batch]
        seen: dict[ScoreRequest, Assessment | Failure] = {}
        while waiting := [job for job in jobs if job.result is None]:
            new = [question for job in waiting for question in job.questions if question not in seen]
            self._look(list(dict.fromkeys(new)), seen)
            for job in waiting:
                job.step(seen)
        return [job.result if job.result is not None else UNREPAIRABLE for job in jobs]

    def _look(self, questions: list[ScoreRequest], seen: dict[ScoreRequest, Assessment | Failure]) -> None:
        if questions:
            seen.update(zip(questions, self._detector.score(questions), strict=True))


class _Job:
    """One rewrite under way: its plan, what the plan wants to know, and in the end its result."""

    def __init__(self, request: RewriteRequest, thresholds: Mapping[str, float]) -> None:
        injected = request.surface in _DATA or request.category == Category.INJECTION
        self._thresholds = {name: value for name, value in thresholds.items() if injected or name != Category.INJECTION}
        self._request = request
        self._plan = _plan(request)
        self._texts: list[str] = []
        self._known: dict[str, _Readings] = {}
        self.result: str | Failure | None = None
        self._advance(None)

    @property
    def questions(self) -> list[ScoreRequest]:
        """What the plan asks, in every reading that the guard would look at; blank texts need no detector."""
        return [question for text in self._texts for question in self._about(text).questions]

    def step(self, seen: Mapping[ScoreRequest, Assessment | Failure]) -> None:
        """Give the plan its answers and take its next question or its result."""
        answers = [self._risk(text, seen) for text in self._texts]
        failure = next((answer for answer in answers if isinstance(answer, Failure)), None)
        if failure is not None:
            self._plan.close()
            self.result = failure
            return
        self._advance([answer for answer in answers if not isinstance(answer, Failure)])

    def _advance(self, risks: list[float] | None) -> None:
        try:
            self._texts = next(self._plan) if risks is None else self._plan.send(risks)
        except StopIteration as stop:
            self.result = stop.value

    def _about(self, text: str) -> _Readings:
        if text not in self._known:
            made = views(text) if text.strip() else Views(())
            asked = [ScoreRequest(v.text, self._request.prompt, self._request.surface, v.source) for v in made.views]
            self._known[text] = _Readings(asked, made.complete)
        return self._known[text]

    def _risk(self, text: str, seen: Mapping[ScoreRequest, Assessment | Failure]) -> float | Failure:
        readings = self._about(text)
        risk = 0.0 if readings.complete else math.inf  # what cannot be read by itself is not kept
        for question in readings.questions:
            found = seen[question]
            if isinstance(found, Failure) and found.code == "uninspectable":
                return math.inf
            if isinstance(found, Failure):
                return Failure("rewrite", found.code, "a sentence could not be scored", source=found.source)
            if found.covered < len(question.text):
                return Failure("rewrite", "coverage", "a sentence was not looked at as a whole")
            risk = max(risk, *(_share(found.scores.get(name, 0.0), least) for name, least in self._thresholds.items()))
        return risk


@dataclass(frozen=True, slots=True)
class _Readings:
    """The views of one text as questions, and whether they show all of it."""

    questions: list[ScoreRequest]
    complete: bool


def _share(score: float, threshold: float) -> float:
    return score / threshold if threshold else math.inf


def _plan(request: RewriteRequest) -> Plan:
    if request.surface is Surface.OUTPUT:
        return rewrite_answer(request.text, notice(request.category), request.spans)
    if request.surface in _DATA:
        return rewrite_data(request.text, marker(request.category), request.spans)
    return _refuse()


def _refuse() -> Plan:
    yield from ()
    return UNREPAIRABLE
