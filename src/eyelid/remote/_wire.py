"""What goes over the wire between two eyelids: `POST /v1/score` and `POST /v1/rewrite`.

The server answers every item, in order, with the `id` it came with. An item that could not be done has a failure in the
place of its result; the call itself then still succeeds. A call that cannot be taken in as a whole is answered with
an HTTP status: 400 or 422 not such a call, 401 or 403 no leave, 413 too large, 429 or 503 no room (`Retry-After`),
504 too late. Positions and lengths count characters (code points), as Python does.

Requests with unknown fields are refused. Replies may grow fields, but none of those named here may be missing: an
answer that does not say what was asked is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyelid.protocols import Assessment, RewriteRequest, ScoreRequest
from eyelid.remote._text import sendable
from eyelid.taxonomy import Category
from eyelid.types import Failure, Scores, Span, Surface

SCORE_PATH = "/v1/score"
REWRITE_PATH = "/v1/rewrite"
#: Items of one call at most.
MAX_ITEMS = 256

#: Words that a failure may have as its code on the wire; others become "error".
CODES = frozenset(
    ("engine", "error", "invalid", "limit", "overloaded", "timeout", "unavailable", "uninspectable", "unsupported")
)
_CATEGORIES = frozenset(str(category) for category in Category)

_Surface = Annotated[Surface, Field(strict=False)]
_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Text = Annotated[str, Field(repr=False)]
_Count = Annotated[int, Field(ge=0)]
_Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Answered(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)


class WireSpan(_Answered):
    """A half-open range of characters, and what is there."""

    start: _Count
    end: _Count
    category: str
    score: _Probability

    def span(self) -> Span:
        """As eyelid's own noun."""
        return Span(self.start, self.end, self.category, self.score)

    @classmethod
    def of(cls, span: Span) -> WireSpan:
        """From eyelid's own noun."""
        return cls(start=span.start, end=span.end, category=str(span.category), score=span.score)


class WireFailure(_Answered):
    """Why an item could not be done: a stable word, never the content."""

    code: str

    @classmethod
    def of(cls, failure: Failure) -> WireFailure:
        """The code alone: details name what stands behind the server."""
        return cls(code=failure.code if failure.code in CODES else "error")

    def failure(self, stage: Literal["score", "rewrite"], source: str) -> Failure:
        """As eyelid's own noun; `source` is the role that asked."""
        code = self.code if self.code in CODES else "error"
        return Failure(stage, code, "the server reports that it could not do this item", source)


class WireAssessment(_Answered):
    """What was found in one text. `scores` names at least "harm" and "injection"."""

    scores: dict[str, _Probability]
    spans: list[WireSpan]
    covered: _Count
    looks: _Count

    @model_validator(mode="after")
    def _says_what_was_asked(self) -> WireAssessment:
        # A score that is not named would count as 0: a renamed field must not look like a clean text.
        if not self.scores.keys() >= {Category.HARM.value, Category.INJECTION.value}:
            raise ValueError("scores must name harm and injection")
        if not self.scores.keys() <= _CATEGORIES:
            raise ValueError("scores name an unknown category")
        return self

    @classmethod
    def of(cls, found: Assessment) -> WireAssessment:
        """From eyelid's own noun."""
        scores = {str(name): value for name, value in found.scores.items()}
        spans = [WireSpan.of(span) for span in found.spans]
        return cls(scores=scores, spans=spans, covered=found.covered, looks=found.looks)

    def assessment(self) -> Assessment:
        """As eyelid's own noun."""
        return Assessment(Scores(self.scores), tuple(span.span() for span in self.spans), self.covered, self.looks)


class ScoreItem(_Asked):
    """One text to be scored. See `eyelid.protocols.ScoreRequest`."""

    id: _Id
    text: _Text
    prompt: _Text = ""
    surface: _Surface = Surface.OUTPUT
    source: Literal["text", "image", "hidden"] = "text"

    def request(self) -> ScoreRequest:
        """As eyelid's own noun."""
        return ScoreRequest(self.text, self.prompt, self.surface, self.source)


class ScoreCall(_Asked):
    """`POST /v1/score`: every text is looked at by all detectors of the server.

    `seconds` is how long the client will wait; work that would be late need not be done.
    """

    items: Annotated[list[ScoreItem], Field(min_length=1, max_length=MAX_ITEMS)]
    seconds: _Seconds | None = None


class ScoreResult(_Answered):
    """What became of one item: exactly one of the two."""

    id: _Id
    assessment: WireAssessment | None
    failure: WireFailure | None

    @model_validator(mode="after")
    def _one_of_two(self) -> ScoreResult:
        _exactly_one(self.assessment, self.failure)
        return self

    @classmethod
    def of(cls, id: str, found: Assessment | Failure) -> ScoreResult:
        """From eyelid's own nouns."""
        if isinstance(found, Failure):
            return cls(id=id, assessment=None, failure=WireFailure.of(found))
        return cls(id=id, assessment=WireAssessment.of(found), failure=None)


class ScoreReply(_Answered):
    """One result for each item, in order; `model` changes when what stands behind the server does."""

    model: str
    results: list[ScoreResult]


class RewriteItem(_Asked):
    """One flagged text to be made harmless. See `eyelid.protocols.RewriteRequest`."""

    id: _Id
    text: _Text
    prompt: _Text = ""
    surface: _Surface = Surface.OUTPUT
    category: str = "harm"
    spans: list[WireSpan] = []

    def request(self) -> RewriteRequest:
        """As eyelid's own noun."""
        spans = tuple(span.span() for span in self.spans)
        return RewriteRequest(self.text, self.prompt, self.surface, self.category, spans)


class RewriteCall(_Asked):
    """`POST /v1/rewrite`: the server's detoxifier; whoever calls scores the results before they leave."""

    items: Annotated[list[RewriteItem], Field(min_length=1, max_length=MAX_ITEMS)]
    seconds: _Seconds | None = None


class RewriteResult(_Answered):
    """What became of one item: exactly one of the two."""

    id: _Id
    text: Annotated[str | None, Field(repr=False)]
    failure: WireFailure | None

    @model_validator(mode="after")
    def _one_of_two(self) -> RewriteResult:
        _exactly_one(self.text, self.failure)
        return self

    @classmethod
    def of(cls, id: str, found: str | Failure) -> RewriteResult:
        """From eyelid's own nouns."""
        if isinstance(found, Failure):
            return cls(id=id, text=None, failure=WireFailure.of(found))
        return cls(id=id, text=found, failure=None)


class RewriteReply(_Answered):
    """One result for each item, in order; `model` changes when what stands behind the server does."""

    model: str
    results: list[RewriteResult]


class AnyReply(_Answered):
    """Either reply, for reading its results one by one: one that is broken leaves the others whole."""

    model: str
    results: list[Any]


def _exactly_one(*parts: object) -> None:
    if sum(part is not None for part in parts) != 1:
        raise ValueError("a result is either what was asked for or a failure")


def score_call(requests: Mapping[str, ScoreRequest], *, seconds: float | None = None) -> ScoreCall:
    """The call for requests by id.

    Raises:
        pydantic.ValidationError: a request is not of the contract; the message holds no content.
    """
    items = [
        ScoreItem(
            id=id,
            text=sendable(r.text),
            prompt=sendable(r.prompt),
            surface=r.surface,
            source=r.source,  # type: ignore[arg-type]  # pydantic looks at it
        )
        for id, r in requests.items()
    ]
    return ScoreCall(items=items, seconds=seconds)


def rewrite_call(requests: Mapping[str, RewriteRequest], *, seconds: float | None = None) -> RewriteCall:
    """The call for requests by id.

    Raises:
        pydantic.ValidationError: a request is not of the contract; the message holds no content.
    """
    items = [
        RewriteItem(
            id=id,
            text=sendable(r.text),
            prompt=sendable(r.prompt),
            surface=r.surface,
            category=str(r.category),
            spans=[WireSpan.of(span) for span in r.spans],
        )
        for id, r in requests.items()
    ]
    return RewriteCall(items=items, seconds=seconds)
