"""Writing until it is harmless: attempts, a second look at each, and what becomes of those that never are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, Detector, Detoxifier, RewriteRequest, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Surface

#: Writes each of some requests, given the number of the attempt from 0.
Write: TypeAlias = Callable[[Sequence[RewriteRequest], int], Sequence[str | Failure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often is tried, and what counts as done.

    Args:
        name: of the detoxifier.
        recheck: looks at each rewrite; without one the first is taken, and the guard's second look decides.
        threshold: harm from which on a rewrite is tried again, a probability.
        tries: attempts in all.
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
    refusal: str | None = None
    rest: Detoxifier | None = None

    def __post_init__(self) -> None:
        if self.tries < 1 or not 0.0 < self.threshold <= 1.0:
            raise ConfigurationError(
                f"a detoxifier needs at least one try and a threshold in (0, 1], not {self.tries} and {self.threshold}"
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
            written = write([batch[at] for at in own], attempt)
            harmless = self._harmless([batch[at] for at in own], written)
            found |= zip(own, written, strict=True)
            own = [at for at, good in zip(own, harmless, strict=True) if not good]
        for at in own:
            if isinstance(found[at], str) or self.refusal is not None:
                failure = Failure("rewrite", "harmful", f"still harmful after {self.tries} tries", self.name)
                found[at] = failure if self.refusal is None else self.refusal
        return [found[at] for at in range(len(batch))]

    def _others(self, batch: Sequence[RewriteRequest]) -> Sequence[str | Failure]:
        if self.rest is not None and batch:
            return self.rest.rewrite(batch)
        return [Failure("rewrite", "unsupported", "it rewrites answers only", self.name)] * len(batch)

    def _harmless(self, asked: Sequence[RewriteRequest], written: Sequence[str | Failure]) -> list[bool]:
        """Whether each is done with; what was not written may be tried again."""
        texts = [text if isinstance(text, str) else None for text in written]
        if self.recheck is None:
            return [text is not None for text in texts]
        looks = [
            ScoreRequest(text, prompt=request.prompt)
            for request, text in zip(asked, texts, strict=True)
            if text is not None
        ]
        scored = iter(self.recheck.score(looks) if looks else ())
        return [text is not None and self._passes(text, next(scored)) for text in texts]

    def _passes(self, text: str, found: Assessment | Failure) -> bool:
        if isinstance(found, Failure) or found.covered < len(text):
            return False
        return found.scores[Category.HARM] < self.threshold
