"""Looks at what engines answer: texts, structured answers, and what they say beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.schema import NodeWithScore
from pydantic import BaseModel, ValidationError

from eyelid import Action, Exchange, Outcome, Policy, Status, Strategy, Surface
from eyelid.text import map_json_strings
from llama_index.postprocessor.eyelid._look import Look, nothing
from llama_index.postprocessor.eyelid._messages import MAX_LEAVES
from llama_index.postprocessor.eyelid._values import leaves, readable
from llama_index.postprocessor.eyelid._verdict import KEY, verdict


@dataclass(frozen=True, slots=True)
class Said:
    """What may be passed on of an answer.

    Args:
        value: a text, or a structured answer; a text in its place where that was stopped.
        verdict: plain JSON, without content.
    """

    value: Any = field(repr=False)
    verdict: dict[str, Any]


def text_look(text: str, prompt: str) -> Look[Said]:
    """A look at an answer in text."""
    asked = Exchange(prompt, text)

    def finish(outcomes: Sequence[Outcome]) -> Said:
        return Said(outcomes[0].text, verdict([(Surface.OUTPUT, outcomes[0])]))

    return Look([asked], finish)


def model_look(model: BaseModel, prompt: str, policy: Policy) -> Look[Said]:
    """A look at a structured answer: the whole, and each string in it.

    Where strings are rewritten the whole is looked at again, and has to be valid still. What cannot be mended so is a
    refusal in text.
    """
    try:
        whole = model.model_dump_json()
    except Exception:  # noqa: BLE001 - whatever its serializers do, it could not be looked at
        unseen = Exchange(prompt, "", uninspectable=1)
        return Look([unseen], lambda outcomes: _refused(policy, outcomes, model))
    strings = leaves(model.model_dump(mode="json"), MAX_LEAVES)
    asked = [Exchange(prompt, text) for text in (whole, *strings)]

    def finish(outcomes: Sequence[Outcome]) -> Said | Look[Said]:
        if all(outcome.allowed for outcome in outcomes):
            return Said(model, _ruling(outcomes))
        flagged = {text: each for text, each in zip(strings, outcomes[1:], strict=True) if not each.allowed}
        mended = _mended(model, whole, flagged, policy) if len(strings) < MAX_LEAVES else None
        if mended is None:
            return _refused(policy, outcomes, model)
        again = [Exchange(prompt, mended.model_dump_json())]
        ruling = {**_ruling(outcomes), "action": Action.REWRITE.value}
        return Look(again, lambda last: Said(mended, ruling) if last[0].allowed else _refused(policy, outcomes, model))

    return Look(asked, finish)


def _mended(model: BaseModel, whole: str, flagged: Mapping[str, Outcome], policy: Policy) -> BaseModel | None:
    rewrites = policy.for_surface(Surface.OUTPUT).strategy is Strategy.REWRITE
    if not flagged or not rewrites or any(each.status is not Status.FLAGGED for each in flagged.values()):
        return None
    text = map_json_strings(whole, lambda leaf: flagged[leaf].text if leaf in flagged else leaf)
    try:
        return None if text is None else type(model).model_validate_json(text)
    except (ValidationError, ValueError, TypeError):
        return None


def _refused(policy: Policy, outcomes: Sequence[Outcome], model: BaseModel) -> Said:
    stopped = [outcome for outcome in outcomes if not outcome.allowed]
    if not stopped:  # a policy that lets this surface pass by name
        return Said(model, _ruling(outcomes))
    category = stopped[0].verdict.category or "failed"
    return Said(policy.refusal(Surface.OUTPUT, category), {**_ruling(outcomes), "action": Action.BLOCK.value})


def _ruling(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return verdict((Surface.OUTPUT, outcome) for outcome in outcomes)


def metadata_look(
    metadata: Mapping[str, Any] | None, nodes: Sequence[NodeWithScore], prompt: str
) -> Look[dict[str, Any]]:
    """A look at what an engine says beside its answer (a query it made, a raw result). Stopped, it is left out.

    What it repeats of its source nodes is left out here: whoever passes on the nodes says it anew.
    """
    own = {scored.node_id for scored in nodes}
    rest = {key: value for key, value in (metadata or {}).items() if key not in own and key != KEY}
    if not rest:
        return nothing({})
    found = readable(rest)
    asked = Exchange(
        prompt,
        "\n".join(map(str, [*rest, *found.strings])),
        surface=Surface.TOOL_RESULT,
        uninspectable=found.uninspectable + len(found.images),
    )
    return Look([asked], lambda outcomes: rest if outcomes[0].allowed else {})
