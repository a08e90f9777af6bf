"""The roles of a guard asked directly: for a guard elsewhere that makes the views and decides itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eyelid.guard._effects import Effect, Flow, Stage
from eyelid.protocols import Assessment, RewriteRequest, ScoreRequest
from eyelid.types import Failure, Scores, Surface


def scored(
    requests: Sequence[ScoreRequest], detectors: Mapping[Surface, Sequence[str]]
) -> Flow[list[Assessment | Failure]]:
    """What all detectors of its surface find in each text, as one assessment."""
    names = dict.fromkeys(name for request in requests for name in detectors[request.surface])
    places = {name: [at for at, r in enumerate(requests) if name in detectors[r.surface]] for name in names}
    answers = yield tuple(
        Effect(Stage.SCORE, tuple(requests[at] for at in those), name) for name, those in places.items()
    )
    found: list[list[Assessment | Failure]] = [[] for _ in requests]
    for those, answer in zip(places.values(), answers, strict=True):
        for at, result in zip(those, answer.results, strict=True):
            found[at].append(result)
    return [_as_one(each) for each in found]


def rewritten(requests: Sequence[RewriteRequest]) -> Flow[list[str | Failure]]:
    """Each text as the detoxifier leaves it."""
    if not requests:
        return []
    (answer,) = yield (Effect(Stage.REWRITE, tuple(requests)),)
    return list(answer.results)


def _as_one(found: Sequence[Assessment | Failure]) -> Assessment | Failure:
    """The worst of what was found; a part that one detector did not see was not seen."""
    assessments = [each for each in found if isinstance(each, Assessment)]
    failed = next((each for each in found if isinstance(each, Failure)), None)
    if failed is not None:
        return failed
    spans = sorted((span for each in assessments for span in each.spans), key=lambda span: -span.score)
    return Assessment(
        Scores.maximum([each.scores for each in assessments]),
        tuple(spans),
        covered=min(each.covered for each in assessments),
        looks=sum(each.looks for each in assessments),
    )
