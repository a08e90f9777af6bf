"""Structured prediction: the arguments of the tool call are the answer, and are looked at leaf by leaf as one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from eyelid import HarmfulContentError, Outcome, Status
from eyelid.errors import UninspectedError
from llama_index.postprocessor.eyelid._case import Ruling


def split(message: ChatMessage) -> list[ChatMessage]:
    """The arguments of each tool call as a message of JSON, and after them the message without those calls."""
    calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    rest = [block for block in message.blocks if not isinstance(block, ToolCallBlock)]
    said = [ChatMessage(role=MessageRole.ASSISTANT, content=_json(block.tool_kwargs)) for block in calls]
    return [*said, message.model_copy(update={"blocks": rest})]


def joined(message: ChatMessage, rulings: Sequence[Ruling]) -> Ruling:
    """The message with what may be passed on of its parts.

    Raises:
        HarmfulContentError: a part was stopped: there is no structure that could say so.
        UninspectedError: a part could not be looked at.
    """
    outcomes = [outcome for ruling in rulings for outcome in ruling.outcomes]
    worst = next((ruling for ruling in rulings if ruling.verdict["action"] == "block"), None)
    if worst is not None:
        raise _stopped(worst.outcomes)
    changed = next((ruling for ruling in rulings if not ruling.allowed), None)
    if changed is None:
        return Ruling(message, True, rulings[-1].verdict if len(rulings) == 1 else rulings[0].verdict, tuple(outcomes))
    own = iter(rulings)
    blocks: list[Any] = [
        block.model_copy(update={"tool_kwargs": json.loads(next(own).text)})
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    rest = rulings[-1].message
    message = rest.model_copy(update={"blocks": [*rest.blocks, *blocks]})
    return Ruling(message, False, changed.verdict, tuple(outcomes))


def _stopped(outcomes: Sequence[Outcome]) -> HarmfulContentError | UninspectedError:
    outcome = next((each for each in outcomes if not each.allowed), outcomes[0])
    if outcome.status is Status.FAILED:
        return UninspectedError("structured output could not be looked at", outcome)
    return HarmfulContentError(f"structured output was flagged: {outcome.verdict.category}", outcome)


def _json(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, default=str)
