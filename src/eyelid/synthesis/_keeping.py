"""Which answers are worth training on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eyelid._names import known
from eyelid.errors import ConfigurationError
from eyelid.evaluation.judges import refuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The filter. It works on records, so that another one costs no new answers.

    Args:
        which: "all" answers, or those "replaced": given with closed eyes in the place of an unsafe one.
        refusals: whether answers that refuse are kept.
        failures: whether rows are kept where the model or the guard failed, and a refusal stands in for the answer.
        below: the probability of harm from which on an answer is left out, by the detector of the run; one that it
            could not look at is left out as well. `None` to keep whatever it found.
        longest: characters of an answer at most; `None` for any number.

    Raises:
        ConfigurationError: a value out of range.
    """

    which: Literal["all", "replaced"] = "all"
    refusals: bool = True
    failures: bool = False
    below: float | None = None
    longest: int | None = None

    def __post_init__(self) -> None:
        known("filter", self.which, ("all", "replaced"))
        if self.below is not None and not 0.0 < self.below <= 1.0:
            raise ConfigurationError(f"below is {self.below!r}; it must be a probability above 0")
        if self.longest is not None and self.longest < 1:
            raise ConfigurationError(f"longest is {self.longest!r}; it must be at least 1 character")

    def reason(self, record: Mapping[str, Any]) -> str:
        """Why a record is left out, in a word; "" where it is kept."""
        text = record["text"]
        if record["failures"] and not (self.failures and text):
            return "no_image" if "no_image" in record["failures"] else "failed"
        if not text.strip():
            return "empty"
        if self.which == "replaced" and not record.get("replaced"):
            return "not_replaced"
        if not self.refusals and refuses(text):
            return "refusal"
        if self.longest is not None and len(text) > self.longest:
            return "long"
        return self._found(record)

    def _found(self, record: Mapping[str, Any]) -> str:
        if self.below is None:
            return ""
        score = record.get("harm")
        if score is None:
            return "unchecked"
        return "" if score < self.below else "flagged"
