"""eyelid's categories in OpenAI's words (the thirteen of omni-moderation), and ours beside them."""

from __future__ import annotations

from collections.abc import Mapping

from eyelid.policy import SurfacePolicy
from eyelid.taxonomy import Category
from eyelid.types import Outcome, Scores, Status

#: OpenAI's category → those of ours that say the same. Where there is none, its detectors were not asked that
#: question: the category is false, its score 0 and its `category_applied_input_types` empty.
OPENAI: Mapping[str, tuple[Category, ...]] = {
    "harassment": (Category.DEFAMATION,),
    "harassment/threatening": (),
    "hate": (Category.HATE,),
    "hate/threatening": (),
    "illicit": (Category.NON_VIOLENT_CRIMES, Category.CODE_ABUSE, Category.INDISCRIMINATE_WEAPONS),
    "illicit/violent": (Category.VIOLENT_CRIMES, Category.INDISCRIMINATE_WEAPONS, Category.SEX_CRIMES),
    "self-harm": (Category.SELF_HARM,),
    "self-harm/instructions": (),
    "self-harm/intent": (),
    "sexual": (Category.SEXUAL_CONTENT, Category.SEX_CRIMES, Category.CHILD_EXPLOITATION),
    "sexual/minors": (Category.CHILD_EXPLOITATION,),
    "violence": (Category.VIOLENT_CRIMES,),
    "violence/graphic": (),
}
#: Categories that OpenAI's own model applies to images as well; its client's types know no others.
_OF_IMAGES = frozenset(
    ("self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "violence", "violence/graphic")
)
#: Ours that OpenAI has no word for; what is flagged for one of them alone is flagged all the same.
OURS: Mapping[str, Category] = {
    f"eyelid/{category}": category for category in Category if not any(category in ours for ours in OPENAI.values())
}
FAILED = "eyelid/failed"


def moderation(outcome: Outcome, rules: SurfacePolicy, *, text: bool, images: bool) -> dict[str, object]:
    """One result of a moderation. What was found, or could not be looked at, is flagged, whatever the policy does.

    Args:
        outcome: of the look.
        rules: of the surface it was looked at on.
        text: whether there was a text.
        images: whether there were images.
    """
    found = _found(outcome, rules)
    scores = {name: max((outcome.scores.get(own, 0.0) for own in ours), default=0.0) for name, ours in OPENAI.items()}
    categories = {name: any(own in found for own in ours) for name, ours in OPENAI.items()}
    for name, own in OURS.items():
        categories[name] = own in found
        scores[name] = outcome.scores.get(own, 0.0)
    failed = bool(outcome.failures)
    categories[FAILED], scores[FAILED] = failed, float(failed)
    return {
        "flagged": failed or outcome.status is not Status.CLEAN or not outcome.allowed,
        "categories": categories,
        "category_scores": {name: round(score, 6) for name, score in scores.items()},
        "category_applied_input_types": {
            name: _inputs(text=text, images=images and name in _OF_IMAGES) if ours else []
            for name, ours in OPENAI.items()
        },
    }


def _found(outcome: Outcome, rules: SurfacePolicy) -> set[str]:
    """Our categories that reached their threshold; a finer one has that of harm where it has none of its own."""
    if outcome.status is not Status.FLAGGED:
        return set()
    return {outcome.verdict.category} | {name for name in outcome.scores if _reached(outcome.scores, name, rules)}


def _reached(scores: Scores, name: str, rules: SurfacePolicy) -> bool:
    own = rules.thresholds.get(name)
    if own is None and name != Category.INJECTION:
        own = rules.thresholds.get(Category.HARM)
    return own is not None and not scores[name] < own


def _inputs(*, text: bool, images: bool) -> list[str]:
    return [*(["text"] if text else []), *(["image"] if images else [])]
