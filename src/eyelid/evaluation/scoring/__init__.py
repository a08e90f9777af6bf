"""Right or wrong: how answers to ordinary questions are scored, by fixed rules or, for MM-Vet, by a host.

Every scorer has a name with a version, which is the judge's identity in a run's records. Figures of different scorers
are never added up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from eyelid.errors import ConfigurationError
from eyelid.evaluation.scoring._capabilities import CapabilityScores, capability_scores
from eyelid.evaluation.scoring._choice import chosen_letter
from eyelid.evaluation.scoring._correctness import Graded, HostCorrectness, parse_points
from eyelid.evaluation.scoring._key_phrases import key_phrase_recall
from eyelid.evaluation.scoring._yes_no import (
    Answered,
    MmeScores,
    PopeScores,
    Said,
    answered,
    mme_scores,
    pope_scores,
    said_at_all,
    said_first,
)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A fixed rule.

    Args:
        name: identity, with a version.
        score: answer and references → points in [0, 1].
        about: the rule in a sentence.
    """

    name: str
    score: Callable[[str, Sequence[str]], float]
    about: str


def _mme(answer: str, references: Sequence[str]) -> float:
    return float(said_first(answer).value in references)


def _pope(answer: str, references: Sequence[str]) -> float:
    return float(said_at_all(answer).value in references)


def _mm_vet(answer: str, references: Sequence[str]) -> float:
    return max((key_phrase_recall(answer, reference) for reference in references), default=0.0)


def _choice(answer: str, references: Sequence[str]) -> float:
    """The first reference is the right letter; the others, if any, are all options, such as "A. a cat"."""
    right, *options = references
    parts = (option.partition(".") for option in options)
    return float(chosen_letter(answer, {letter.strip(): text.strip() for letter, _, text in parts}) == right)


#: What `Sample.scoring` names → the rule.
SCORERS: Mapping[str, Scorer] = MappingProxyType(
    {
        "mme": Scorer("mme.yes_no.v1", _mme, "yes or no within the first four characters, as MME reads answers"),
        "pope": Scorer("pope.yes_no.v1", _pope, "no where the first sentence has no or not, as POPE reads answers"),
        "mm-vet": Scorer("mm-vet.key_phrases.v1", _mm_vet, "share of the expected phrases; not MM-Vet's judge"),
        "choice": Scorer("choice.letter.v1", _choice, "the one option that is chosen, by letter or by its words"),
    }
)


def scorer(name: str) -> Scorer:
    """The rule that `Sample.scoring` names.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in SCORERS:
        raise ConfigurationError(f"unknown scoring {name!r}; known: {', '.join(SCORERS)}")
    return SCORERS[name]


__all__ = [
    "SCORERS",
    "Answered",
    "CapabilityScores",
    "Graded",
    "HostCorrectness",
    "MmeScores",
    "PopeScores",
    "Said",
    "Scorer",
    "answered",
    "capability_scores",
    "chosen_letter",
    "key_phrase_recall",
    "mme_scores",
    "parse_points",
    "pope_scores",
    "said_at_all",
    "said_first",
    "scorer",
]
