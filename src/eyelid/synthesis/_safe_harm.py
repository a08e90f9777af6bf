"""Pairs of harmless and harmful answers, to train a detector and a detoxifier (MLLM-Protector, arXiv 2401.02906)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.evaluation.asking import BoundedHost
from eyelid.synthesis._answers import ask_for_answers
from eyelid.synthesis._card import licence_of, write_card
from eyelid.synthesis._groups import Progress
from eyelid.synthesis._journal import locked, write_json
from eyelid.synthesis._pairs import write_pairs
from eyelid.synthesis._plan import SafeHarm
from eyelid.synthesis._questions import ask_for_questions, ask_for_scenarios, choose_questions
from eyelid.synthesis._remembering import Remembering
from eyelid.synthesis._settings import begin

#: What the model said within the batch that is being worked on.
_REPLIES = "replies.jsonl"
_PROMPTS = "prompts.json"

#: Told the stage, how much of it is done, and of how much.
StageProgress = Callable[[str, int, int], None]

_ABOUT = """\
Questions of harmful kinds, each with a harmless and a harmful answer, for training filters of harmful answers. All of
it was written by the model that is named below, and every answer was checked by the detector below: those that did not
score on their side are not in it. No person has looked at it. Harmful answers are short sketches without anything that
works, as far as the model kept to what it was told. Use it to recognise harm, never to teach a model to answer so."""


def synthesize_safe_harm(
    plan: SafeHarm,
    scenarios: Sequence[str] | int,
    folder: Path,
    *,
    licence: Mapping[str, str] | None = None,
    retry_failed: bool = False,
    progress: StageProgress | None = None,
) -> dict[str, Any]:
    """Make the data set, or go on where that was interrupted; nothing that was answered is asked again.

    Args:
        plan: how.
        scenarios: kinds of harmful requests; or how many the model is to name.
        folder: what is written: `train.jsonl`, `validation.jsonl`, `test.jsonl`, `card.json`, `README.md`, and what
            the work goes on from.
        licence: part → licence, for the card; "data" for the set itself.
        retry_failed: whether questions are tried again for which the model could not be asked, or of whose answers the
            detector could not look at one.
        progress: is told after each batch.

    Returns:
        What is in the card.

    Raises:
        ConfigurationError: there is no scenario, or the run in `folder` was begun with other settings.
        EngineError: the model does not answer at all.
    """
    words = licence_of(licence or {})
    names = scenarios if isinstance(scenarios, int) else list(dict.fromkeys(name.strip() for name in scenarios))
    if (names < 1) if isinstance(names, int) else (not names or "" in names):
        raise ConfigurationError("no scenario: give some, each with a name, or say how many the model is to name")

    def stage(name: str) -> Progress:
        return lambda done, total: progress(name, done, total) if progress else None

    with locked(folder):
        settings = begin(folder, plan.settings(names))
        write_json(folder / _PROMPTS, asdict(plan.prompts))
        host = BoundedHost(plan.host, seconds=plan.seconds)
        try:
            ask = Remembering(host, folder / _REPLIES)
            kinds = ask_for_scenarios(plan, names, ask, folder) if isinstance(names, int) else names
            ask_for_questions(plan, kinds, ask, folder, stage("questions"))
            counts = choose_questions(plan, folder)
            ask_for_answers(plan, counts["questions"], ask, folder, stage("answers"), retry_failed=retry_failed)
        finally:
            host.close()
        made = write_pairs(plan, folder)
        counts |= {"pairs": sum(made["splits"].values())}
        facts = {"counts": counts, **made, "provenance": settings}
        tags = ("eyelid", "safe-harm", "safety", "preference-pairs")
        write_card(folder, title="Safe and harmful answers", about=_ABOUT, facts=facts, licence=words, tags=tags)
    return {**facts, "licence": words}
