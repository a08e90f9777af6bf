"""One question to a guard model, in tokens: what surrounds a text, what may be answered, and which category follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eyelid.detectors._guard_model_choices import Choices, with_ends
from eyelid.detectors._guard_model_family import GuardFamily, Meaning
from eyelid.models import Template
from eyelid.taxonomy import Category


@dataclass(frozen=True, slots=True)
class Question:
    """A form under a policy.

    Args:
        template: what surrounds the text.
        behind: its last tokens, which the answers bring along because they grow together with them.
        verdicts: what may be answered.
        meanings: verdict → what it means.
        category: what the policy is about, or `None` if it is about all harm.
        codes: harmful verdict → the categories that may follow it; empty where a family has none.
    """

    template: Template
    behind: int
    verdicts: Choices
    meanings: Mapping[str, Meaning]
    category: Category | None
    codes: Mapping[str, Choices]

    @classmethod
    def of(
        cls, template: Template, family: GuardFamily, verdicts: Mapping[str, Meaning], category: Category | None
    ) -> Question:
        """Spell the answers in the tokens of a checkpoint.

        Raises:
            ConfigurationError: two are the same tokens, or one begins another and has no end.
        """
        harmful = [verdict for verdict, meaning in verdicts.items() if meaning != "harmless"]
        named = {verdict: [verdict + family.code_lead + code for code in family.codes] for verdict in harmful}
        coded = [answer for answers in named.values() for answer in answers]
        ended = [answer + end for answer in coded for end in family.ends]
        answers = [*verdicts, *coded, *ended]
        behind, paths = template.continued(answers)
        spelled = {answer: tuple(path) for answer, path in zip(answers, paths, strict=True)}

        def codes(verdict: str) -> Choices:
            begun = verdict + family.code_lead
            return Choices.of(
                with_ends(
                    {code: spelled[begun + code] for code in family.codes},
                    {code: [spelled[begun + code + end] for end in family.ends] for code in family.codes},
                )
            )

        return cls(
            template,
            behind,
            Choices.of({verdict: [spelled[verdict]] for verdict in verdicts}),
            verdicts,
            category,
            {verdict: codes(verdict) for verdict in harmful} if family.codes else {},
        )

    @property
    def tokens(self) -> set[int]:
        """All tokens that the model is asked about."""
        return self.verdicts.tokens.union(*(choices.tokens for choices in self.codes.values()))

    @property
    def room(self) -> int:
        """Tokens that are put behind the template at most."""
        return max([self.verdicts.longest, *(choices.longest for choices in self.codes.values())])

    def harm(self, chances: Mapping[str, float], *, strict: bool) -> float:
        """How probable harm is, given how probable each verdict is."""
        counted = ("harmful", "doubtful") if strict else ("harmful",)
        return min(1.0, sum(chances[verdict] for verdict, meaning in self.meanings.items() if meaning in counted))

    def worst(self, chances: Mapping[str, float]) -> str:
        """The likeliest verdict that is not harmless."""
        return max((name for name, meaning in self.meanings.items() if meaning != "harmless"), key=chances.__getitem__)
