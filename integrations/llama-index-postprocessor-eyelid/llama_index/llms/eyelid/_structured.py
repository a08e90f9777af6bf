"""Structured prediction: the arguments of the tool call are the answer, and are looked at leaf by leaf as one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ToolCallBlock

from eyelid import HarmfulContentError, Outcome, Status
from eyelid.errors import UninspectedError
from llama_index.postprocessor.eyelid._case import Ruling

#: Where LlamaIndex keeps a provider's own objects for tool calls.
_RAW: Final = "tool_calls"


def split(message: ChatMessage) -> list[ChatMessage]:
    """The arguments of each tool call as a message of JSON, then the rest, then what providers say of the calls."""
    rest = [block for block in message.blocks if not isinstance(block, ToolCallBlock)]
    said = [ChatMessage(role=MessageRole.ASSISTANT, content=_json(block.tool_kwargs)) for block in _calls(message)]
    beside = {key: value for key, value in message.additional_kwargs.items() if key != _RAW}
    raw = {key: value for key, value in message.additional_kwargs.items() if key == _RAW}
    return [
        *said,
        message.model_copy(update={"blocks": rest, "additional_kwargs": beside}),
        message.model_copy(update={"blocks": [], "additional_kwargs": raw}),
    ]


def joined(message: ChatMessage, rulings: Sequence[Ruling]) -> Ruling:
    """The message with what may be passed on of its parts.

    Raises:
        HarmfulContentError: a part was stopped: there is no structure that could say so.
        UninspectedError: a part could not be looked at.
    """
    *said, rest, raw = rulings
    calls = _calls(message)
    outcomes = tuple(outcome for ruling in rulings for outcome in ruling.outcomes)
    mendable = [*said, rest] if calls else rulings  # what providers say of calls is made anew from the calls
    worst = next((ruling for ruling in mendable if ruling.verdict["action"] == "block"), None)
    if worst is not None or (not calls and not raw.allowed):
        raise _stopped((worst or raw).outcomes)
    changed = next((ruling for ruling in rulings if not ruling.allowed), None)
    if changed is None:
        return Ruling(message, True, rulings[0].verdict, outcomes)
    mended = [
        block.model_copy(update={"tool_kwargs": json.loads(ruling.text)})
        for block, ruling in zip(calls, said, strict=True)
    ]
    beside = dict(rest.message.additional_kwargs)
    if message.additional_kwargs.get(_RAW):
        beside[_RAW] = [_raw_call(block) for block in mended]
    blocks = [block for block in rest.message.blocks if not (isinstance(block, TextBlock) and not block.text)]
    message = rest.message.model_copy(update={"blocks": [*blocks, *mended], "additional_kwargs": beside})
    return Ruling(message, False, changed.verdict, outcomes)


def _calls(message: ChatMessage) -> list[ToolCallBlock]:
    return [block for block in message.blocks if isinstance(block, ToolCallBlock)]


def _raw_call(block: ToolCallBlock) -> dict[str, Any]:
    function = {"name": block.tool_name, "arguments": _json(block.tool_kwargs)}
    return {"id": block.tool_call_id, "type": "function", "function": function}


def _stopped(outcomes: Sequence[Outcome]) -> HarmfulContentError | UninspectedError:
    outcome = next((each for each in outcomes if not each.allowed), outcomes[0])
    if outcome.status is Status.FAILED:
        return UninspectedError("structured output could not be looked at", outcome)
    return HarmfulContentError(f"structured output was flagged: {outcome.verdict.category}", outcome)


def _json(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, default=str)
