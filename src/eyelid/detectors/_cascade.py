"""Two detectors, of which the strong and costly one is asked only where the cheap one is in doubt."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from eyelid.detectors._bands import Band
from eyelid.detectors._verdict_store import keepable
from eyelid.engine import after, in_every_fork
from eyelid.errors import ConfigurationError, EngineError
from eyelid.protocols import Assessment, Deferred, Detector, ScoreRequest
from eyelid.types import Failure

Found = Assessment | Failure


@dataclass(frozen=True, slots=True)
class CascadeStats:
    """How often each detector answered.

    Args:
        asked: texts looked at.
        escalated: texts that the strong detector was asked about.
    """

    asked: int = 0
    escalated: int = 0


class CascadeDetector:
    """Asks a cheap detector first, and a strong one for texts whose cheap score lies in a band of its category.

    Elsewhere the cheap answer stands, with its spans and coverage. On a surface for which no band is given the cheap
    detector has no say. Whatever is wrong with a cheap answer (a failure, another contract, a part of the text left
    out, a score that is no number) asks the strong detector; whatever is wrong with a strong one is a failed look,
    never the cheap answer. All texts of a batch that need it go to the strong detector in one call.

    Bands come from `fit_band`, on texts like those that will be looked at and at the thresholds of the policy.

    Args:
        cheap: asked about every text.
        strong: asked about the others.
        bands: where the cheap one is not believed.
        name: its name.

    Raises:
        ConfigurationError: no band is given, or two for one category and surface.
    """

    def __init__(self, cheap: Detector, strong: Detector, *, bands: Sequence[Band], name: str = "cascade") -> None:
        places = [(band.category, band.surface) for band in bands]
        if not places or len(set(places)) < len(places):
            raise ConfigurationError("a cascade needs bands, and for one category and surface only one")
        self._cheap, self._strong, self._bands = cheap, strong, tuple(bands)
        self.name = name
        self._stats = CascadeStats()
        self._unlock()
        in_every_fork(self, CascadeDetector._unlock)

    @property
    def incremental(self) -> bool:
        """Whether both detectors keep what they have read of a growing text."""
        return all(getattr(detector, "incremental", False) for detector in (self._cheap, self._strong))

    @property
    def fingerprint(self) -> str:
        """What its scores depend on beside the request; "" where one of the two does not say."""
        parts = [str(getattr(detector, "fingerprint", "")) for detector in (self._cheap, self._strong)]
        return "/".join([*parts, repr(self._bands)]) if all(parts) else ""

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Found]:
        """The answer of one of the two for each text."""
        return self._finished(self._doubt(batch, _tried(self._cheap, batch)))

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`; holds no thread where the detectors need not."""
        first = _begun(self._cheap, batch)
        if not isinstance(self._strong, Deferred):  # then this thread may as well wait for both
            return _done(self._finished(self._doubt(batch, _outcome(first))))
        # What comes later runs elsewhere: it takes the claim of this work along.
        context, strong = copy_context(), self._strong
        return after([first], lambda made: self._second(self._doubt(batch, made[0]), strong, context))

    def _unlock(self) -> None:
        self._lock = threading.Lock()

    def stats(self) -> CascadeStats:
        """Counted since it was made."""
        return self._stats

    def _second(self, doubt: _Doubt, strong: Deferred, context: Context) -> Future[Sequence[Found]]:
        if not doubt.requests:
            return _done(self._merged(doubt, ()))
        asked = context.run(strong.start, doubt.requests)
        return after([asked], lambda made: self._merged(doubt, _given(made[0])))

    def _finished(self, doubt: _Doubt) -> list[Found]:
        return self._merged(doubt, self._strong.score(doubt.requests) if doubt.requests else ())

    def _doubt(self, batch: Sequence[ScoreRequest], cheap: Any) -> _Doubt:
        """Which texts need the strong detector, given what the cheap one returned or raised."""
        answers = list(cheap) if isinstance(cheap, Sequence) and len(cheap) == len(batch) else [None] * len(batch)
        places = [
            at for at, (asked, found) in enumerate(zip(batch, answers, strict=True)) if self._doubts(asked, found)
        ]
        with self._lock:
            self._stats = CascadeStats(self._stats.asked + len(batch), self._stats.escalated + len(places))
        return _Doubt(answers, places, [batch[at] for at in places])

    def _doubts(self, request: ScoreRequest, found: Any) -> bool:
        bands = [band for band in self._bands if band.surface is None or band.surface == request.surface]
        sound = keepable(request, found)
        return not bands or sound is None or any(band.holds(sound.scores.get(band.category, 0.0)) for band in bands)

    def _merged(self, doubt: _Doubt, strong: Any) -> list[Found]:
        if not isinstance(strong, Sequence) or len(strong) != len(doubt.places):
            raise EngineError(f"the strong detector of {self.name!r} did not give one result for each item")
        answers = list(doubt.answers)
        for at, found in zip(doubt.places, strong, strict=True):
            answers[at] = found
        return answers


@dataclass(frozen=True, slots=True)
class _Doubt:
    """What the cheap detector answered, and where the strong one is to answer instead."""

    answers: list[Any]
    places: list[int]
    requests: list[ScoreRequest]


def _tried(detector: Detector, batch: Sequence[ScoreRequest]) -> Any:
    """What the cheap detector returns; nothing where it raises, so that the strong one is asked about everything."""
    try:
        return detector.score(batch)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  it may be anyone's code
        return None


def _begun(detector: Detector, batch: Sequence[ScoreRequest]) -> Future[Any]:
    if not isinstance(detector, Deferred):
        return _done(_tried(detector, batch))
    try:
        return detector.start(batch)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  it may be anyone's code
        return _done(None)


def _done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def _outcome(future: Future[Any]) -> Any:
    return None if future.cancelled() or future.exception() is not None else future.result()


def _given(made: Any) -> Any:
    if isinstance(made, BaseException):
        raise made
    return made
