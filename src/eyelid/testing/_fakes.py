"""Roles that do what a test tells them: no models, no files, no network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eyelid.protocols import AskRequest, Assessment, Reading, ReadRequest, Reply, RewriteRequest, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import DecodedImage, Failure, Frame, Image, Scores, Span


class CallLog:
    """The batches that a fake was given, in order; may be written by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: list[tuple[Any, ...]] = []

    def add(self, batch: Sequence[Any]) -> None:
        with self._lock:
            self._batches.append(tuple(batch))

    @property
    def batches(self) -> list[tuple[Any, ...]]:
        """What was asked, call by call."""
        with self._lock:
            return list(self._batches)

    @property
    def sizes(self) -> list[int]:
        """Items of each call."""
        return [len(batch) for batch in self.batches]


class FakeDetector:
    """Finds words. A text's score is the highest of the words in it, whatever their case.

    Args:
        rules: word → probability of harm.
        injection: word → probability of injection.
        finer: word → the finer category that it is scored for beside harm.
        name: its name.
    """

    def __init__(
        self,
        rules: Mapping[str, float] | None = None,
        *,
        injection: Mapping[str, float] | None = None,
        finer: Mapping[str, Category] | None = None,
        name: str = "fake",
    ) -> None:
        self._rules = {Category.HARM: dict(rules or {}), Category.INJECTION: dict(injection or {})}
        self._finer = dict(finer or {})
        self._name = name
        self.log = CallLog()

    @property
    def name(self) -> str:
        return self._name

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        """Score each text on its own."""
        self.log.add(batch)
        return [self._assess(request.text) for request in batch]

    def _assess(self, text: str) -> Assessment:
        low = text.lower() if len(text.lower()) == len(text) else text
        spans = [
            Span(place, place + len(word), category.value, score)
            for category, rules in self._rules.items()
            for word, score in rules.items()
            for place in _places(word.lower(), low)
        ]
        scores: dict[str, float] = {}
        for span in spans:
            scores[span.category] = max(span.score, scores.get(span.category, 0.0))
            finer = self._finer.get(low[span.start : span.end])
            if finer is not None:
                scores[finer] = max(span.score, scores.get(finer, 0.0))
        best = sorted(spans, key=lambda span: -span.score)
        return Assessment(Scores(scores), tuple(best), covered=len(text))


def _places(word: str, text: str) -> list[int]:
    found, place = [], text.find(word)
    while place >= 0:
        found.append(place)
        place = text.find(word, place + 1)
    return found


class FakeDecoder:
    """Takes any bytes for an image of one grey pixel; bytes that start with `b"broken"` cannot be decoded."""

    def __init__(self) -> None:
        self.log = CallLog()

    def decode(self, batch: Sequence[Image], /) -> list[DecodedImage | Failure]:
        """One pixel for each image."""
        self.log.add(batch)
        return [
            Failure("decode", "broken", "told to fail")
            if image.data.startswith(b"broken")
            else DecodedImage((Frame(b"\x80\x80\x80", 1, 1),), "PNG", image.sha256)
            for image in batch
        ]


class FakeReader:
    """Reads what it is told.

    Args:
        texts: SHA-256 of an image's bytes → what it says; other images say nothing.
        unreadable: SHA-256 of images with writing that cannot be read.
        name: its name.
    """

    def __init__(
        self, texts: Mapping[str, str] | None = None, *, unreadable: Sequence[str] = (), name: str = "fake-reader"
    ) -> None:
        self._texts = dict(texts or {})
        self._unreadable = frozenset(unreadable)
        self._name = name
        self.log = CallLog()

    @classmethod
    def of(cls, texts: Mapping[bytes, str]) -> FakeReader:
        """A reader of images given by their bytes."""
        return cls({Image(data).sha256: text for data, text in texts.items()})

    @property
    def name(self) -> str:
        return self._name

    def read(self, batch: Sequence[ReadRequest], /) -> list[Reading | Failure]:
        """What each image says."""
        self.log.add(batch)
        return [self._reading(request.image) for request in batch]

    def _reading(self, image: DecodedImage) -> Reading:
        return Reading(
            self._texts.get(image.sha256, ""),
            frames=len(image.frames),
            pixels=sum(frame.width * frame.height for frame in image.frames),
            unreadable=int(image.sha256 in self._unreadable),
        )


class FakeDetoxifier:
    """Replaces words.

    Args:
        words: word → what stands in its place.
        change: does the rewriting instead.
        name: its name.
    """

    def __init__(
        self,
        words: Mapping[str, str] | None = None,
        *,
        change: Callable[[str], str] | None = None,
        name: str = "fake-detoxifier",
    ) -> None:
        self._words = dict(words or {})
        self._change = change or self._replace
        self._name = name
        self.log = CallLog()

    @property
    def name(self) -> str:
        return self._name

    def rewrite(self, batch: Sequence[RewriteRequest], /) -> list[str | Failure]:
        """Each text without the words."""
        self.log.add(batch)
        return [self._change(request.text) for request in batch]

    def _replace(self, text: str) -> str:
        for word, other in self._words.items():
            text = text.replace(word, other)
        return text


class FakeHost:
    """A model that answers as it is told, and keeps what it was asked.

    Args:
        answers: prompt → answer, or a function that answers; what it gives may be a text, a `Reply` or a `Failure`.
        default: the answer to a prompt that is not in the table.
        chances: option → probability, given where options are asked for.
        name: its name.
    """

    def __init__(
        self,
        answers: Mapping[str, str] | Callable[[AskRequest], str | Reply | Failure] | None = None,
        *,
        default: str = "All right.",
        chances: Mapping[str, float] | None = None,
        name: str = "fake-host",
    ) -> None:
        table = answers if isinstance(answers, Mapping) else {}
        self._answer = answers if callable(answers) else lambda request: table.get(request.prompt, default)
        self._chances = chances
        self._name = name
        self.log = CallLog()

    @property
    def name(self) -> str:
        return self._name

    @property
    def asked(self) -> list[AskRequest]:
        """Every request so far, in order."""
        return [request for batch in self.log.batches for request in batch]

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The answer to each request."""
        self.log.add(batch)
        return [self._reply(request) for request in batch]

    def _reply(self, request: AskRequest) -> Reply | Failure:
        said = self._answer(request)
        if not isinstance(said, str):
            return said
        words = len(request.prompt.split()), len(said.split())
        return Reply(said, self._chances if request.options else None, *words)
