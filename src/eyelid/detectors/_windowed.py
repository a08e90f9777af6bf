"""The looks at one text → what was found in it: the worst look counts, and a failed one fails the text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from eyelid.detectors._unknown import covered
from eyelid.engine import failure_of
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.types import Failure, Scores, Span

_SPANS = 3


class Look(Protocol):
    """A range of the text in characters, and how many letters of it the tokenizer does not know."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def unknown(self) -> int: ...


def failed(made: Sequence[Any], name: str) -> Failure | None:
    """What is wrong with the logits of the looks at one text, if anything is.

    Args:
        made: logits of each look, or the exception in their place.
        name: of the detector.
    """
    for answer in made:
        if isinstance(answer, BaseException):
            return failure_of(answer, name)
    if not all(math.isfinite(logit) for logits in made for logit in logits):
        return Failure("score", "invalid", "the model gave a value that is not finite", name)
    return None


def assessed(
    request: ScoreRequest,
    looks: Sequence[Look],
    made: Sequence[Any],
    read: Callable[[Sequence[float]], Mapping[str, float]],
    *,
    category: str,
    name: str,
) -> Assessment | Failure:
    """What was found in a text.

    Args:
        request: the text.
        looks: the windows over it.
        made: logits of each, or the exception in their place.
        read: logits → probability of each category.
        category: the one that its spans are about.
        name: of the detector.
    """
    if failure := failed(made, name):
        return failure
    return found(request, looks, [read(logits) for logits in made], category=category)


def found(
    request: ScoreRequest, looks: Sequence[Look], scores: Sequence[Mapping[str, float]], *, category: str
) -> Assessment:
    """As `assessed`, of looks that are scored.

    Args:
        request: the text.
        looks: the windows over it.
        scores: category → probability, for each.
        category: the one that its spans are about.
    """
    spans = [
        Span(look.start, look.end, category, each[category])
        for look, each in zip(looks, scores, strict=True)
        if look.start < look.end
    ]
    spans.sort(key=lambda span: -span.score)
    worst = Scores.maximum([Scores(each) for each in scores])
    read = covered(request.text, sum(look.unknown for look in looks))
    return Assessment(worst, tuple(spans[:_SPANS]), covered=read, looks=len(looks))
