"""Roles that break their contract, each in one way: for proving that whatever uses them fails closed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from eyelid.protocols import (
    AskRequest,
    Assessment,
    Detector,
    Detoxifier,
    Host,
    ImageDecoder,
    ImageReader,
    ReadRequest,
    Reply,
    RewriteRequest,
    ScoreRequest,
)
from eyelid.testing._fakes import FakeDecoder, FakeDetector, FakeDetoxifier, FakeHost, FakeReader
from eyelid.types import Failure, Frame, Image, Scores

#: Seconds after which a hanging fake gives up, so that a test that forgets to release it still ends.
LONGEST_HANG: Final = 60.0


class Fault(StrEnum):
    """One way of breaking a contract."""

    # any role
    RAISES = "raises"
    OUT_OF_MEMORY = "out_of_memory"
    RECURSION = "recursion"
    EXITS = "exits"  #: raises SystemExit
    HANGS = "hangs"
    NONE = "none"  #: returns None
    EMPTY = "empty"  #: returns an empty list
    TOO_FEW = "too_few"
    TOO_MANY = "too_many"
    STRING = "string"  #: returns one string instead of a list
    LAZY = "lazy"  #: returns a generator
    NONE_ITEMS = "none_items"
    WRONG_TYPE = "wrong_type"
    FAILS = "fails"  #: a `Failure` for each item: keeps the contract, and is a failed look
    # detectors
    NAN = "nan"
    INFINITE = "infinite"
    NEGATIVE = "negative"
    ABOVE_ONE = "above_one"
    PLAIN_SCORES = "plain_scores"  #: a dict in the place of `Scores`
    UNKNOWN_CATEGORY = "unknown_category"
    PARTIAL = "partial"  #: saw only a part of the text, or of the pixels
    COVERED_NAN = "covered_nan"
    COVERED_BYTES = "covered_bytes"  #: counts something smaller than characters, so that a part looks whole
    # readers
    UNREADABLE = "unreadable"
    NO_FRAMES = "no_frames"
    # detoxifiers
    STILL_HARMFUL = "still_harmful"  #: gives the text back as it was
    BLANK = "blank"
    # decoders
    SHORT_FRAME = "short_frame"  #: fewer bytes than pixels
    NEGATIVE_FRAME = "negative_frame"  #: two negative sides, whose product is right


def _raise(error: BaseException) -> Any:
    raise error


_OF_ANY_ROLE: Mapping[Fault, Callable[[list[Any]], Any]] = {
    Fault.RAISES: lambda results: _raise(RuntimeError("told to fail")),
    Fault.OUT_OF_MEMORY: lambda results: _raise(MemoryError()),
    Fault.RECURSION: lambda results: _raise(RecursionError()),
    Fault.EXITS: lambda results: _raise(SystemExit(1)),
    Fault.NONE: lambda results: None,
    Fault.EMPTY: lambda results: [],
    Fault.TOO_FEW: lambda results: results[:-1],
    Fault.TOO_MANY: lambda results: [*results, *results[-1:]],
    Fault.STRING: lambda results: "x" * len(results),
    Fault.LAZY: lambda results: (result for result in results),
}
_OF_ANY_ITEM: Mapping[Fault, Callable[[Any], Any]] = {
    Fault.NONE_ITEMS: lambda result: None,
    Fault.WRONG_TYPE: lambda result: 0.0,
    Fault.FAILS: lambda result: Failure("score", "error", "told to fail"),
}


def _scored(value: float, name: str = "harm") -> Callable[[Assessment], Assessment]:
    def spoil(assessment: Assessment) -> Assessment:
        scores = Scores()
        scores._values = {"harm": 0.0, "injection": 0.0, name: value}  # type: ignore[assignment]  # past its own check
        return replace(assessment, scores=scores)

    return spoil


_OF_DETECTORS: Mapping[Fault, Callable[[Any], Any]] = {
    **_OF_ANY_ITEM,
    Fault.NAN: _scored(math.nan),
    Fault.INFINITE: _scored(math.inf),
    Fault.NEGATIVE: _scored(-0.1),
    Fault.ABOVE_ONE: _scored(1.1),
    Fault.UNKNOWN_CATEGORY: _scored(0.0, "toxicity"),
    Fault.PLAIN_SCORES: lambda found: replace(found, scores={"harm": 0.0, "injection": 0.0}),
    Fault.PARTIAL: lambda found: replace(found, covered=found.covered - 1),
    Fault.COVERED_NAN: lambda found: replace(found, covered=math.nan),
    Fault.COVERED_BYTES: lambda found: replace(found, covered=4 * found.covered + 1),
}
_OF_READERS: Mapping[Fault, Callable[[Any], Any]] = {
    **_OF_ANY_ITEM,
    Fault.UNREADABLE: lambda reading: replace(reading, unreadable=1),
    Fault.NO_FRAMES: lambda reading: replace(reading, frames=0),
    Fault.PARTIAL: lambda reading: replace(reading, pixels=reading.pixels - 1),
    Fault.NEGATIVE: lambda reading: replace(reading, unreadable=-1),
}
_OF_HOSTS: Mapping[Fault, Callable[[Any], Any]] = {
    **_OF_ANY_ITEM,
    Fault.BLANK: lambda reply: Reply(" \n"),
    Fault.NAN: lambda reply: replace(reply, chances={"yes": math.nan, "no": 1.0}),
    Fault.ABOVE_ONE: lambda reply: replace(reply, chances={"yes": -0.5, "no": 1.5}),
}
_OF_DECODERS: Mapping[Fault, Callable[[Any], Any]] = {
    **_OF_ANY_ITEM,
    Fault.NO_FRAMES: lambda image: replace(image, frames=()),
    Fault.PARTIAL: lambda image: replace(image, total_frames=len(image.frames) + 1),
    Fault.SHORT_FRAME: lambda image: replace(image, frames=(Frame(b"", 1, 1),)),
    Fault.NEGATIVE_FRAME: lambda image: replace(image, frames=(Frame(bytes(3), -1, -1),)),
}


class _Faulty:
    """Spoils the results of an honest role, always or only for batches with a poisonous item."""

    _per_item: Mapping[Fault, Callable[[Any], Any]] = _OF_ANY_ITEM

    def __init__(self, fault: Fault | str, poison: str | None) -> None:
        self.fault = Fault(fault)
        if self.fault not in self.faults():
            raise ValueError(f"{type(self).__name__} has no fault {self.fault.value!r}")
        self._poison = poison
        self._released = threading.Event()

    @classmethod
    def faults(cls) -> tuple[Fault, ...]:
        """The faults it knows."""
        return (*_OF_ANY_ROLE, Fault.HANGS, *cls._per_item)

    def release(self) -> None:
        """Let calls that hang return."""
        self._released.set()

    def _spoil(self, texts: Sequence[str], results: list[Any]) -> Any:
        if self._poison is not None and not any(self._poison in text for text in texts):
            return results
        if self.fault is Fault.HANGS:
            self._released.wait(LONGEST_HANG)
            return results
        if self.fault in _OF_ANY_ROLE:
            return _OF_ANY_ROLE[self.fault](results)
        spoil = self._per_item[self.fault]
        return [
            spoil(r) if self._poison is None or self._poison in t else r for t, r in zip(texts, results, strict=True)
        ]


class FaultyDetector(_Faulty):
    """A detector with a fault.

    Args:
        fault: what is wrong with it.
        poison: a word; the fault shows only in batches with a text that has it.
        inner: the honest detector behind it.
        name: its name.
    """

    _per_item = _OF_DETECTORS

    def __init__(
        self, fault: Fault | str, *, poison: str | None = None, inner: Detector | None = None, name: str = "faulty"
    ) -> None:
        super().__init__(fault, poison)
        self._inner = inner or FakeDetector()
        self.name = name

    def score(self, batch: Sequence[ScoreRequest], /) -> Any:
        """What the inner detector says, spoiled."""
        return self._spoil([request.text for request in batch], list(self._inner.score(batch)))


class FaultyReader(_Faulty):
    """A reader with a fault.

    Args:
        fault: what is wrong with it.
        inner: the honest reader behind it.
        name: its name.
    """

    _per_item = _OF_READERS

    def __init__(self, fault: Fault | str, *, inner: ImageReader | None = None, name: str = "faulty-reader") -> None:
        super().__init__(fault, None)
        self._inner = inner or FakeReader()
        self.name = name

    def read(self, batch: Sequence[ReadRequest], /) -> Any:
        """What the inner reader reads, spoiled."""
        return self._spoil([""] * len(batch), list(self._inner.read(batch)))


class FaultyDetoxifier(_Faulty):
    """A detoxifier with a fault.

    Args:
        fault: what is wrong with it.
        inner: the honest detoxifier behind it.
        name: its name.
    """

    def __init__(self, fault: Fault | str, *, inner: Detoxifier | None = None, name: str = "faulty-detoxifier") -> None:
        super().__init__(fault, None)
        self._inner = inner or FakeDetoxifier()
        self.name = name

    @classmethod
    def faults(cls) -> tuple[Fault, ...]:
        return (*super().faults(), Fault.STILL_HARMFUL, Fault.BLANK)

    def rewrite(self, batch: Sequence[RewriteRequest], /) -> Any:
        """What the inner detoxifier writes, spoiled."""
        texts = [request.text for request in batch]
        if self.fault is Fault.STILL_HARMFUL:
            return texts
        if self.fault is Fault.BLANK:
            return [" \n" for _ in texts]
        return self._spoil(texts, list(self._inner.rewrite(batch)))


class FaultyDecoder(_Faulty):
    """A decoder with a fault.

    Args:
        fault: what is wrong with it.
        inner: the honest decoder behind it.
    """

    _per_item = _OF_DECODERS

    def __init__(self, fault: Fault | str, *, inner: ImageDecoder | None = None) -> None:
        super().__init__(fault, None)
        self._inner = inner or FakeDecoder()

    def decode(self, batch: Sequence[Image], /) -> Any:
        """What the inner decoder decodes, spoiled."""
        return self._spoil([""] * len(batch), list(self._inner.decode(batch)))


class FaultyHost(_Faulty):
    """A model with a fault.

    Args:
        fault: what is wrong with it.
        poison: a word; the fault shows only in batches with a prompt that has it.
        inner: the honest model behind it.
        name: its name.
    """

    _per_item = _OF_HOSTS

    def __init__(
        self, fault: Fault | str, *, poison: str | None = None, inner: Host | None = None, name: str = "faulty-host"
    ) -> None:
        super().__init__(fault, poison)
        self._inner = inner or FakeHost()
        self.name = name

    def ask(self, batch: Sequence[AskRequest], /) -> Any:
        """What the inner model answers, spoiled."""
        return self._spoil([request.prompt for request in batch], list(self._inner.ask(batch)))
