"""What a detector finds in texts, or that it could not look: never a number in the place of a failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from eyelid.protocols import Assessment, Detector, ScoreRequest
from eyelid.types import Scores


def harm(detector: Detector, requests: Sequence[ScoreRequest]) -> list[float | None]:
    """The probability of harm of each text; `None` where it was not looked at, or not at all of it."""
    if not requests:
        return []
    try:
        found: Any = detector.score(requests)
    except Exception:  # noqa: BLE001  a detector is anyone's code, and one text must not end a long run
        found = None
    if not isinstance(found, Sequence) or isinstance(found, (str, bytes)) or len(found) != len(requests):
        if len(requests) == 1:
            return [None]
        return [score for request in requests for score in harm(detector, [request])]
    return [_score(each, request) for each, request in zip(found, requests, strict=True)]


def _score(found: object, request: ScoreRequest) -> float | None:
    if not isinstance(found, Assessment) or found.covered != len(request.text):
        return None
    scores: object = found.scores  # whose type is a promise of anyone's code
    score = scores["harm"] if isinstance(scores, Scores) else math.nan
    return score if 0.0 <= score <= 1.0 else None  # a look that gave no number was none
