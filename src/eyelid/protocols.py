"""The roles. Each has one method, takes a batch and gives one result for each item, in order.

An item that cannot be done gets a `Failure` in its place; the others are not concerned. A role that raises,
returns another number of results or takes too long fails for its whole batch, and the guard stops what
depended on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from eyelid.types import DecodedImage, Failure, Image, Scores, Span, Surface


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """One text to be scored.

    Args:
        text: one view of the content, of any length; the detector windows it and must cover all of it.
        prompt: the request it answers, or "" where there is none; context, not itself scored.
        surface: where the content stands.
        source: "text", "image" (read from pixels) or "hidden" (a decoded payload): what kind of text it is.
    """

    text: str = field(repr=False)
    prompt: str = field(default="", repr=False)
    surface: Surface = Surface.OUTPUT
    source: str = "text"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a detector found in one text.

    Args:
        scores: the maximum over the windows.
        spans: ranges of the *request's* text with the highest scores, best first; may be empty.
        covered: characters of the request's text that some window saw; less than all is a failed look, and
            more than there are is no count of characters.
        looks: how many windows were scored.
    """

    scores: Scores
    spans: tuple[Span, ...] = ()
    covered: int = 0
    looks: int = 1


@runtime_checkable
class Detector(Protocol):
    """Finds harm or injection; it does not decide.

    One that keeps what it has read of a growing text, so that a longer one costs only what is new, says so by an
    attribute `incremental = True`: streams then ask it more often, each time for the text from its beginning.
    """

    @property
    def name(self) -> str: ...

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Assessment | Failure]: ...


@runtime_checkable
class Deferred(Protocol):
    """A detector that need not hold a thread while its models run.

    A guard prefers `start` to `score`; both must give the same.
    """

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]: ...


@runtime_checkable
class ImageDecoder(Protocol):
    """Encoded bytes → canonical pixels, bounded in time and memory."""

    def decode(self, batch: Sequence[Image], /) -> Sequence[DecodedImage | Failure]: ...


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One image to be read, and the question asked about it."""

    image: DecodedImage
    question: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an image says.

    Args:
        text: the visible writing (or a caption), "" when there is none.
        frames: frames read.
        pixels: pixels read, over all frames.
        unreadable: boxes that look like writing and could not be read; more than 0 makes the image
            uninspectable, never "no text".
    """

    text: str = field(repr=False)
    frames: int
    pixels: int
    unreadable: int = 0


@runtime_checkable
class ImageReader(Protocol):
    """Image (and question) → text: visible writing, or a query-aware caption."""

    @property
    def name(self) -> str: ...

    def read(self, batch: Sequence[ReadRequest], /) -> Sequence[Reading | Failure]: ...


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """A flagged text to be made harmless.

    Args:
        text: the flagged text.
        prompt: the request it answers, or "".
        surface: where it stands; a tool result loses its injected instructions and keeps its data.
        category: what it was flagged for.
        spans: the ranges that drove the verdict, if known.
    """

    text: str = field(repr=False)
    prompt: str = field(default="", repr=False)
    surface: Surface = Surface.OUTPUT
    category: str = "harm"
    spans: tuple[Span, ...] = ()


@runtime_checkable
class Detoxifier(Protocol):
    """Harmful response → harmless one. Its result is always scored again before it leaves."""

    @property
    def name(self) -> str: ...

    def rewrite(self, batch: Sequence[RewriteRequest], /) -> Sequence[str | Failure]: ...


@dataclass(frozen=True, slots=True)
class AskRequest:
    """One question to a model, as a conversation of one turn.

    Args:
        prompt: the text of the user's turn.
        images: shown with it, before the text.
        system: what the model is told beforehand; "" for nothing.
        budget: tokens of the reply at most.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn.
        seed: of the drawing.
        options: words of which the reply is to begin with one, such as "yes" and "no". A host that can says in
            `Reply.chances` how likely each is; none is forced.
        continues: whether it takes the place of the last turn in a conversation that the host stands in, such as an
            answer to the same request without the image; a host that stands in none takes no notice. Without images
            here, no earlier turn shows any either.
    """

    prompt: str = field(repr=False)
    images: tuple[Image, ...] = ()
    system: str = field(default="", repr=False)
    budget: int = 1024
    temperature: float = 0.0
    seed: int = 0
    options: tuple[str, ...] = ()
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Args:
        text: the answer, without special tokens.
        chances: option → probability in [0, 1] that the reply begins with it, over all of the vocabulary, so that they
            add up to at most 1; `None` where options were not asked for or the host cannot say.
        prompt_tokens, reply_tokens: what it took, where the host knows.
    """

    text: str = field(repr=False)
    chances: Mapping[str, float] | None = None
    prompt_tokens: int | None = None
    reply_tokens: int | None = None


@runtime_checkable
class Host(Protocol):
    """The guarded model itself, for methods that ask it again (ECSO), for judges and for data engines.

    Like a detector it may offer `start` beside `ask`, so that no thread is held while it answers (`StartingHost`).
    """

    @property
    def name(self) -> str: ...

    def ask(self, batch: Sequence[AskRequest], /) -> Sequence[Reply | Failure]: ...


@runtime_checkable
class StartingHost(Protocol):
    """A host that need not hold a thread while it answers. `start` and `ask` must give the same."""

    def start(self, batch: Sequence[AskRequest], /) -> Future[Sequence[Reply | Failure]]: ...
