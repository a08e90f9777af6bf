"""What a role gave back, item by item: either what its contract promises, or a `Failure`.

Roles may be anyone's code, so nothing is taken on trust: a NaN compares false with every threshold, and a
string counts as a sequence of strings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from eyelid.guard._effects import Effect, Stage
from eyelid.protocols import Assessment, Reading, Reply
from eyelid.taxonomy import Category
from eyelid.text import Views
from eyelid.types import DecodedImage, Failure, Frame, Scores, Span

_CATEGORIES = frozenset(str(category) for category in Category)


def vet(effect: Effect, item: Any, result: Any) -> Any:
    """The result if it keeps the contract of its stage, else a `Failure` that says what is wrong with it."""
    if isinstance(result, Failure):
        return result
    problem = _PROBLEM[effect.stage](item, result)
    if problem:
        return effect.failure("invalid", problem)
    return _bounded(item.text, result) if effect.stage is Stage.SCORE else result


def _assessment(item: Any, result: Any) -> str:
    if not isinstance(result, Assessment) or not isinstance(result.scores, Scores):
        return f"expected an Assessment with Scores, not {type(result).__name__}"
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in result.scores.values()):
        return "a score is not a probability in [0, 1]"
    unknown = [name for name in result.scores if name not in _CATEGORIES]
    if unknown:
        return f"unknown categories in the scores: {len(unknown)}"
    # More than there is means another unit, such as bytes, in which a part would look like the whole.
    return "" if _count(result.covered) and result.covered <= len(item.text) else "covered is not a part of the text"


def _reading(item: Any, result: Any) -> str:
    if not isinstance(result, Reading) or not isinstance(result.text, str):
        return f"expected a Reading with text, not {type(result).__name__}"
    counts = (result.frames, result.pixels, result.unreadable)
    return "" if all(_count(count) for count in counts) else "a count is not a number from 0"


def _decoded(item: Any, result: Any) -> str:
    if not isinstance(result, DecodedImage) or not result.frames:
        return f"expected a DecodedImage with frames, not {type(result).__name__}"
    return "" if all(_is_whole(frame) for frame in result.frames) else "a frame is not width x height RGB pixels"


def _is_whole(frame: Any) -> bool:
    return (
        isinstance(frame, Frame)
        and min(frame.width, frame.height) > 0
        and len(frame.rgb) == frame.width * frame.height * 3
    )


def _reply(item: Any, result: Any) -> str:
    if not isinstance(result, Reply) or not isinstance(result.text, str):
        return f"expected a Reply with text, not {type(result).__name__}"
    if result.chances is None:
        return ""
    chances: Any = result.chances
    whole = isinstance(chances, Mapping) and all(map(_chance, chances.values()))
    return "" if whole else "a chance is not a probability in [0, 1]"


def _chance(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and 0.0 <= value <= 1.0


def _instance_of(kind: type) -> Callable[[Any, Any], str]:
    def problem(item: Any, result: Any) -> str:
        return "" if isinstance(result, kind) else f"expected {kind.__name__}, not {type(result).__name__}"

    return problem


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _bounded(text: str, assessment: Assessment) -> Assessment:
    """Without spans that lie outside the text: they explain a verdict but do not make it."""
    given: Iterable[Any] = assessment.spans
    spans = tuple(span for span in given if isinstance(span, Span) and 0 <= span.start < span.end <= len(text))
    return replace(assessment, spans=spans)


_PROBLEM: Mapping[Stage, Callable[[Any, Any], str]] = {
    Stage.TEXT: _instance_of(Views),
    Stage.DECODE: _decoded,
    Stage.READ: _reading,
    Stage.SCORE: _assessment,
    Stage.REWRITE: _instance_of(str),
    Stage.ENCODE: _instance_of(bytes),
    Stage.ASK: _reply,
}
