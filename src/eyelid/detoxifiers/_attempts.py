"""Writing until it is harmless: attempts, a second look at each, and what becomes of those that never are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, Detector, Detoxifier, RewriteRequest, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Surface

#: Writes each of some requests, given temperature and seed.
Write: TypeAlias = Callable[[Sequence[RewriteRequest], float, int], Sequence[str | Failure]]

#: What another attempt may mend.
_AGAIN = ("harmful", "empty", "unchanged")
#: Letters and digits below which a text may stand in another one by chance.
_SHORT = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often is tried, and what counts as done.

    Args:
        name: of the detoxifier.
        recheck: looks at each rewrite; without one the first is taken, and the guard's second look decides.
        threshold: probability of harm, or of what the text was flagged for, from which on a rewrite is tried again.
        tries: attempts in all. The first takes the likeliest tokens, the others are drawn.
        temperature: of those.
        seed: of the second; each after it has the next one.
        refusal: what stands for a text that no attempt made harmless; `None` for a failure, which the guard answers
            with its policy's refusal.
        rest: rewrites what is no answer, such as tools' results; without it that is a failure.

    Raises:
        ConfigurationError: a number is out of range.
    """

    name: str
    recheck: Detector | None = None
    threshold: float = 0.5
    tries: int = 2
    temperature: float = 0.8
    seed: int = 1
    refusal: str | None = None
    rest: Detoxifier | None = None

    def __post_init__(self) -> None:
        if self.tries < 1 or not 0.0 < self.threshold <= 1.0 or not 0.0 < self.temperature < math.inf:
            raise ConfigurationError(
                "a detoxifier needs at least one try, a threshold in (0, 1] and a temperature above 0, not "
                f"{self.tries}, {self.threshold} and {self.temperature}"
            )

    def run(self, batch: Sequence[RewriteRequest], write: Write) -> list[str | Failure]:
        """The rewrite of each text, or why there is none."""
        found: dict[int, str | Failure] = {}
        own = [at for at, request in enumerate(batch) if request.surface is Surface.OUTPUT]
        others = [at for at in range(len(batch)) if at not in set(own)]
        found |= zip(others, self._others([batch[at] for at in others]), strict=True)
        for attempt in range(self.tries):
            if not own:
                break
            asked = [batch[at] for at in own]
            heat = self.temperature if attempt else 0.0
            written = self._looked_at(asked, write(asked, heat, self.seed + attempt - 1 if attempt else 0))
            found |= zip(own, written, strict=True)
            own = [
                at for at, made in zip(own, written, strict=True) if isinstance(made, Failure) and made.code in _AGAIN
            ]
        if self.refusal is not None:
            found |= dict.fromkeys(own, self.refusal)
        return [found[at] for at in range(len(batch))]

    def _others(self, batch: Sequence[RewriteRequest]) -> Sequence[str | Failure]:
        if self.rest is not None and batch:
            return self.rest.rewrite(batch)
        return [Failure("rewrite", "unsupported", "it rewrites answers only", self.name)] * len(batch)

    def _looked_at(self, asked: Sequence[RewriteRequest], written: Sequence[str | Failure]) -> list[str | Failure]:
        """What was written, with a failure in the place of what is no rewrite or still harmful."""
        made = [self._new(text, request) for request, text in zip(asked, written, strict=True)]
        if self.recheck is None:
            return made
        to_see = [(request, text) for request, text in zip(asked, made, strict=True) if isinstance(text, str)]
        looks = [ScoreRequest(text, prompt=request.prompt) for request, text in to_see]
        scored = iter(self.recheck.score(looks) if looks else ())
        return [
            self._passed(request, text, next(scored)) if isinstance(text, str) else text
            for request, text in zip(asked, made, strict=True)
        ]

    def _new(self, text: str | Failure, request: RewriteRequest) -> str | Failure:
        if isinstance(text, Failure):
            return text
        if not text.strip():
            return Failure("rewrite", "empty", "the model wrote nothing", self.name)
        if _repeats(text, request.text):
            return Failure("rewrite", "unchanged", "the model repeated the text", self.name)
        return text.strip()

    def _passed(self, request: RewriteRequest, text: str, found: Assessment | Failure) -> str | Failure:
        if isinstance(found, Failure):
            return Failure("rewrite", found.code, "the rewrite could not be scored", found.source)
        if found.covered < len(text):
            return Failure("rewrite", "coverage", "the rewrite was not looked at as a whole", self.name)
        risks = (found.scores[Category.HARM], found.scores.get(request.category, 0.0))
        if all(risk < self.threshold for risk in risks):  # false for what is no number
            return text
        return Failure("rewrite", "harmful", "what the model wrote is harmful as well", self.name)


def _repeats(text: str, original: str) -> bool:
    """Whether a text says the original again, whatever stands around it."""
    new, old = ("".join(filter(str.isalnum, each.casefold())) for each in (text, original))
    return new == old if len(old) < _SHORT else old in new
