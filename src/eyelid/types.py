"""The nouns: what is looked at, what was found, what was decided, what is passed on.

Standard library only. All nouns are frozen; none of them prints the content it carries.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from eyelid.errors import ImageError, InputError
from eyelid.taxonomy import Category

#: The largest encoded image taken in, in bytes.
MAX_IMAGE_BYTES = 10 * 1024 * 1024


class Surface(StrEnum):
    """Where in an application the content stands."""

    INPUT = "input"  #: what a user sends to a model
    OUTPUT = "output"  #: what a model answers
    TOOL_CALL = "tool_call"  #: the arguments a model gives a tool
    TOOL_RESULT = "tool_result"  #: what a tool returns
    RETRIEVED = "retrieved"  #: what a retriever returns


class Action(StrEnum):
    """What becomes of the content."""

    ALLOW = "allow"  #: passed on untouched
    REWRITE = "rewrite"  #: passed on without the harm
    BLOCK = "block"  #: replaced by a refusal


class Strategy(StrEnum):
    """What to do with flagged content."""

    REWRITE = "rewrite"  #: detoxify, score again, refuse if still flagged (MLLM-Protector)
    REASK = "reask"  #: the model judges its answer; if unsafe it answers again without the image (ECSO); needs a host
    BLOCK = "block"  #: refuse
    RAISE = "raise"  #: raise `HarmfulContentError`


class Status(StrEnum):
    """How the look itself ended. A failed look says nothing about the content."""

    CLEAN = "clean"  #: everything was looked at, nothing was found
    FLAGGED = "flagged"  #: something was found
    FAILED = "failed"  #: something could not be looked at


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it was given: encoded bytes, not yet decoded, never a path or a URL.

    Decoding is a part of the check, so that a broken image is a failed look and not an exception
    somewhere else.
    """

    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes):
            raise InputError(
                f"Image takes encoded bytes, not {type(self.data).__name__}; strings are never paths or URLs"
            )

    @property
    def sha256(self) -> str:
        """Hex digest of the encoded bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @classmethod
    def from_data_url(cls, url: str) -> Image:
        """Decode `data:image/...;base64,...`. Any other URL is refused: eyelid fetches nothing.

        Raises:
            ImageError: not a base64 data URL, or too large.
        """
        head, comma, payload = url.partition(",")
        if not comma or not head.lower().startswith("data:image/") or not head.lower().endswith(";base64"):
            raise ImageError(
                "only base64 data URLs of images are read; fetch the image yourself and pass bytes", code="url"
            )
        if len(payload) > MAX_IMAGE_BYTES * 4 // 3 + 4:
            raise ImageError(f"the image is larger than {MAX_IMAGE_BYTES} bytes", code="bytes")
        try:
            return cls(base64.b64decode(payload, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ImageError("the data URL is not valid base64", code="base64") from error

    @classmethod
    def from_path(cls, path: Path, *, root: Path) -> Image:
        """Read a regular file below `root`; symbolic links that lead outside are refused.

        Raises:
            ImageError: outside `root`, not a regular file, unreadable, or too large.
        """
        if not isinstance(path, Path):
            raise InputError("from_path takes a pathlib.Path; strings are never paths")
        try:
            return cls(_bytes_below(root.resolve(), path))
        except ImageError:
            raise
        except (OSError, RuntimeError, ValueError) as error:  # a name that is no path, links that go round
            raise ImageError("the image file could not be read", code="path") from error


def _bytes_below(base: Path, path: Path) -> bytes:
    file = (base / path).resolve()
    if not file.is_relative_to(base):
        raise ImageError("the image lies outside the allowed root", code="path")
    if not file.is_file():
        raise ImageError("the image is not a regular file", code="path")
    if file.stat().st_size > MAX_IMAGE_BYTES:
        raise ImageError(f"the image is larger than {MAX_IMAGE_BYTES} bytes", code="bytes")
    return file.read_bytes()


@dataclass(frozen=True, slots=True)
class Frame:
    """One canonical picture: 8-bit RGB, row-major, `len(rgb) == width * height * 3`."""

    rgb: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Everything a viewer could be shown by one image file.

    Args:
        frames: every frame of an animation and, where there is transparency, every frame on white and on
            black. The first one is what a model should be given.
        source_format: "PNG", "JPEG", "WEBP" or "GIF".
        sha256: hex digest of the encoded bytes it came from.
        total_frames: frames in the file, before alpha doubled them.
    """

    frames: tuple[Frame, ...]
    source_format: str
    sha256: str
    total_frames: int = 1


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is being looked at.

    Args:
        prompt: the request. On `Surface.INPUT` it is what is checked; elsewhere it is context.
        response: the answer, the tool's arguments or result, or the retrieved text.
        images: on `INPUT` the user's, on `OUTPUT` those of the request and of the answer, on `TOOL_RESULT` and
            `RETRIEVED` what came with the response.
        history: earlier turns, oldest first; context only, and only the last of them where there is no prompt.
        surface: where it stands.
        uninspectable: parts beside text and images that came with it and that nobody can look at, such as audio, files
            or addresses that are not fetched; more than 0 makes the look a failed one.

    Raises:
        InputError: a part is of another type, or the surface is unknown.
    """

    prompt: str = field(default="", repr=False)
    response: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()
    history: tuple[str, ...] = field(default=(), repr=False)
    surface: Surface = Surface.OUTPUT
    uninspectable: int = 0

    def __post_init__(self) -> None:
        for name in ("prompt", "response"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name} must be a string, not {type(getattr(self, name)).__name__}")
        # Taken over before they are looked at: an iterator would be empty afterwards.
        object.__setattr__(self, "images", _several("images", self.images))
        object.__setattr__(self, "history", _several("history", self.history))
        if not all(isinstance(image, Image) for image in self.images):
            raise InputError("images must be eyelid.Image objects; strings are never paths or URLs")
        if not all(isinstance(turn, str) for turn in self.history):
            raise InputError("history must hold strings, one for each turn")
        if self.surface not in tuple(Surface):
            raise InputError(f"the surface must be one of {', '.join(Surface)}")
        object.__setattr__(self, "surface", Surface(self.surface))
        if self.uninspectable < 0:
            raise InputError("uninspectable must be a number of parts, 0 or more")

    @property
    def text(self) -> str:
        """The text that is checked and, if allowed, passed on."""
        return self.prompt if self.surface is Surface.INPUT else self.response


def _several(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be a list or a tuple, not {type(values).__name__}")
    return tuple(values)


class Scores(Mapping[str, float]):
    """Category → probability of harm in [0, 1]. Higher is more harmful, everywhere.

    `harm` and `injection` are always present; 0.0 where no detector asked the question. Building one from
    a value that is not finite or not in [0, 1] raises, so a broken detector can never look clean.

    Raises:
        ValueError: a score is not a number in [0, 1].
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, float] | None = None, /, **named: float) -> None:
        merged = {Category.HARM.value: 0.0, Category.INJECTION.value: 0.0, **(values or {}), **named}
        for name, value in merged.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f"score {name!r} is a {type(value).__name__}, not a number")
            if not math.isfinite(value) or not 0.0 <= value <= 1.0:
                raise ValueError(f"score {name!r} is {value!r}, not a probability in [0, 1]")
        self._values = MappingProxyType({str(name): float(value) for name, value in merged.items()})

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[type[Scores], tuple[dict[str, float]]]:
        return Scores, (dict(self._values),)

    def __repr__(self) -> str:
        return "Scores(" + ", ".join(f"{name}={value:.3f}" for name, value in self._values.items()) + ")"

    @classmethod
    def maximum(cls, many: list[Scores] | tuple[Scores, ...]) -> Scores:
        """The largest score of each category over several looks."""
        merged: dict[str, float] = {}
        for scores in many:
            for name, value in scores.items():
                merged[name] = max(value, merged.get(name, 0.0))
        return cls(merged)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open character range `[start, end)` of the checked text, and what was found there."""

    start: int
    end: int
    category: str = Category.HARM.value
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A look that did not happen, or a role that did not do its work. Never a clean pass.

    Args:
        stage: "decode", "read", "score", "rewrite", "ask", "text" or "stream".
        code: a stable word: "error", "timeout", "invalid", "uninspectable", "limit", ...
        detail: one line without any content, for people.
        source: the detector, reader or detoxifier concerned.
    """

    stage: str
    code: str
    detail: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was in fact looked at. What is not `complete` is allowed only where a policy says so by name.

    Characters are those of the original text; pixels those of the decoded frames; blocks are the parts of
    the exchange (the text and each image).
    """

    characters: int = 0
    total_characters: int = 0
    frames: int = 0
    total_frames: int = 0
    pixels: int = 0
    total_pixels: int = 0
    blocks: int = 0
    total_blocks: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything was looked at."""
        return (
            self.characters >= self.total_characters
            and self.frames >= self.total_frames
            and self.pixels >= self.total_pixels
            and self.blocks >= self.total_blocks
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ruling.

    Args:
        action: what becomes of the content.
        category: what it was flagged for; the finest category known, "" if nothing was.
        score: the score that decided, in [0, 1].
        spans: the character ranges of the original text that drove it.
        reason: one line for people; never contains content.
    """

    action: Action
    category: str = ""
    score: float = 0.0
    spans: tuple[Span, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace: what was done, with how many items, and how long it took (seconds)."""

    name: str
    items: int
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HostCall:
    """One time that a model was asked.

    Args:
        step: "answer", "judge", "caption" or "reask".
        images: how many it was shown.
        seconds: until its reply.
        prompt_tokens, reply_tokens: where the host knows.
    """

    step: str
    images: int
    seconds: float
    prompt_tokens: int | None = None
    reply_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reasked:
    """How a model judged its own answer, and what it said with its eyes closed (ECSO, arXiv 2403.09572).

    Args:
        unsafe: whether the answer was taken for unsafe, by the model itself or by a detector.
        risk: of the answer as the model itself judged it, in [0, 1].
        judgement: what it said when it was asked to judge.
        caption: what it said of the images; "" where it was not asked.
        answer: what it answered without them; "" where it was not asked.
        steps: the calls, in order; the one that gave the answer which was judged is the caller's.
    """

    unsafe: bool
    risk: float
    judgement: str = field(default="", repr=False)
    caption: str = field(default="", repr=False)
    answer: str = field(default="", repr=False)
    steps: tuple[HostCall, ...] = ()

    @property
    def calls(self) -> int:
        """How often the model was asked here."""
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller passes on, and why.

    Args:
        text: the text to pass on: the original when allowed, else the rewrite or the refusal.
        verdict: the ruling on the original.
        scores: the largest score of each category over everything that was looked at.
        status: clean, flagged or failed; a failed look is never clean.
        coverage: how much was looked at.
        failures: what could not be looked at or done.
        trace: the steps taken, in order.
        images: canonical PNG bytes of each image, in order, when the outcome was allowed: hand these on, so
            that the model sees the pixels the guard saw. Empty when stopped.
        image_texts: what was read in each image; content, so not shown by `repr`.
        reasked: under the strategy "reask", how the model judged its answer and what it said instead.
    """

    text: str = field(repr=False)
    verdict: Verdict
    scores: Scores
    status: Status
    coverage: Coverage
    failures: tuple[Failure, ...] = ()
    trace: tuple[Step, ...] = ()
    images: tuple[bytes, ...] = field(default=(), repr=False)
    image_texts: tuple[str, ...] = field(default=(), repr=False)
    reasked: Reasked | None = None

    @property
    def allowed(self) -> bool:
        """Whether the content is passed on untouched."""
        return self.verdict.action is Action.ALLOW

    @property
    def timings(self) -> dict[str, float]:
        """Seconds spent in each kind of step."""
        seconds: dict[str, float] = {}
        for step in self.trace:
            seconds[step.name] = seconds.get(step.name, 0.0) + step.seconds
        return seconds
