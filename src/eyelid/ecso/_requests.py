"""The three questions that the model is asked beside the user's own."""

from __future__ import annotations

from collections.abc import Sequence

from eyelid.ecso._rules import EcsoRules
from eyelid.protocols import AskRequest
from eyelid.types import Image

#: As the verdict may begin; hosts that can say how likely each is.
YES, NO = "yes", "no"


def judge_request(rules: EcsoRules, query: str, response: str, images: Sequence[Image]) -> AskRequest:
    """Step 2: is the answer harmful?"""
    judged = response if rules.max_judged is None else response[: rules.max_judged]
    text = rules.judge_prompt().fill({"query": query, "response": judged}, hardened=rules.hardened)
    shown = tuple(images) if rules.image_in_judge else ()
    return AskRequest(
        text, shown, budget=rules.judge_budget, temperature=rules.temperature, seed=rules.seed, options=(YES, NO)
    )


def caption_request(rules: EcsoRules, query: str, images: Sequence[Image]) -> AskRequest:
    """Step 3: what is in the image that matters for the request?"""
    given = {"query": query} if rules.query_aware else {}
    text = rules.caption_prompt().fill(given, hardened=rules.hardened)
    return AskRequest(text, tuple(images), budget=rules.budget, temperature=rules.temperature, seed=rules.seed)


def answer_request(rules: EcsoRules, query: str, caption: str, images: Sequence[Image]) -> AskRequest:
    """Step 4: the request again, with the caption in the place of the image."""
    text = rules.answer_prompt().fill({"query": query, "caption": caption}, hardened=rules.hardened)
    shown = tuple(images) if rules.image_in_answer else ()
    return AskRequest(text, shown, budget=rules.budget, temperature=rules.temperature, seed=rules.seed, continues=True)
