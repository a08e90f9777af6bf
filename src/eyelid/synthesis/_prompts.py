"""The templates of the generator, each of which may be replaced."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from eyelid.synthesis import _wording
from eyelid.synthesis._settings import digest
from eyelid.text import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeHarmPrompts:
    """What the model is asked.

    Args:
        scenarios: for kinds of harmful requests, with `{count}`.
        questions: for questions of one kind, with `{scenario}` and `{count}`, and if wanted `{part}`, the number of the
            list, so that the same words are not asked twice.
        harmless: for a good answer, with `{question}` and if wanted `{scenario}`.
        harmful: for a bad answer, likewise. The model is to illustrate it shortly, with nothing that works.

    Raises:
        ConfigurationError: a template lacks a field, or has an unknown one.
    """

    scenarios: str = _wording.SCENARIOS
    questions: str = _wording.QUESTIONS
    harmless: str = _wording.HARMLESS
    harmful: str = _wording.HARMFUL

    def __post_init__(self) -> None:
        self._scenarios(), self._questions(), self._answer("harmless"), self._answer("harmful")

    @property
    def digest(self) -> str:
        """Sixteen hex digits, the same for the same templates."""
        return digest(*asdict(self).values())

    def for_scenarios(self, count: int) -> str:
        """The request for kinds of requests."""
        return self._scenarios().fill({"count": str(count)})

    def for_questions(self, scenario: str, count: int, part: int) -> str:
        """The request for questions of one kind."""
        return self._questions().fill({"scenario": scenario, "count": str(count), "part": str(part)})

    def for_answer(self, side: str, scenario: str, question: str) -> str:
        """The request for an answer; `side` is "harmless" or "harmful"."""
        return self._answer(side).fill({"scenario": scenario, "question": question})

    def _scenarios(self) -> Prompt:
        return Prompt(self.scenarios, fields=("count",))

    def _questions(self) -> Prompt:
        return Prompt(self.questions, fields=("scenario", "count"), optional=("part",))

    def _answer(self, side: str) -> Prompt:
        return Prompt(getattr(self, side), fields=("question",), optional=("scenario",))
