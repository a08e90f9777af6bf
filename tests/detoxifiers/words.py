"""A detector that knows words: each has a weight, and the weights of the different ones in a text add up."""

from collections.abc import Mapping, Sequence

from eyelid.protocols import Assessment, ScoreRequest
from eyelid.types import Failure, Scores


class WordDetector:
    name = "words"

    def __init__(self, harm: Mapping[str, float], injection: Mapping[str, float] | None = None) -> None:
        self._harm, self._injection = harm, injection or {}
        self.calls = 0

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        self.calls += 1
        return [self._assess(request.text.lower()) for request in batch]

    def _assess(self, text: str) -> Assessment | Failure:
        if "unscorable" in text:
            return Failure("score", "error", source=self.name)
        if "unreadable" in text and len(text) < 40:
            return Failure("score", "uninspectable", source=self.name)
        harm = min(1.0, sum(weight for word, weight in self._harm.items() if word in text))
        injection = min(1.0, sum(weight for word, weight in self._injection.items() if word in text))
        return Assessment(Scores(harm=harm, injection=injection), covered=len(text))
