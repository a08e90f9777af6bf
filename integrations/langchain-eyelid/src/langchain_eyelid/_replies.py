"""What a model call of an agent returns, looked at: its messages, and the structured response made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eyelid import Policy, Surface
from langchain.agents.middleware import ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic import TypeAdapter

from langchain_eyelid._check import Ruling
from langchain_eyelid._looks import Look, Rulings, nothing
from langchain_eyelid._marks import Rules, is_marked
from langchain_eyelid._messages import blocked, replace_text
from langchain_eyelid._results import call_ids
from langchain_eyelid._values import readable

#: How LangChain tells the model of its structured response.
_RETURNING = "Returning structured response: {}"


def look_at_reply(reply: ModelResponse[Any], policy: Policy, by: Rules) -> Look[ModelResponse[Any]]:
    """The reply that may be passed on. What was looked at under these rules already is not looked at again.

    No tool call is left without its result, nor a result without its call.

    A structured response is an answer, whichever way the model gives it: it is looked at leaf by leaf, and rewritten
    where what comes out still fits its schema. Otherwise there is none, and a refusal in its place.
    """
    made = reply.structured_response
    if made is None and all(is_marked(message, by) for message in reply.result):
        return nothing(reply)
    if made is None:
        return Look(tuple(reply.result), lambda rulings: replace(reply, result=_answered(reply.result, rulings)))
    by_tool = any(isinstance(message, ToolMessage) for message in reply.result)
    probes = (_as_answer(made),) if by_tool else ()
    return Look((*reply.result, *probes), lambda rulings: _structured(reply, rulings, policy, by_tool=by_tool))


def _as_answer(made: Any) -> AIMessage:
    text, complete = readable(made)
    opaque: list[str | dict[Any, Any]] = [{"type": "text", "text": text}, {"type": "non_standard", "value": {}}]
    return AIMessage(text if complete else opaque)


def _structured(reply: ModelResponse[Any], rulings: Rulings, policy: Policy, *, by_tool: bool) -> ModelResponse[Any]:
    result = _answered(reply.result, rulings)
    stopped = next((ruling for ruling in rulings if not ruling.allowed), None)
    if stopped is None:
        return replace(reply, result=result)
    answer = rulings[len(reply.result)] if by_tool else next(r for r in rulings if isinstance(r.message, AIMessage))
    made, data = _mended(reply.structured_response, answer)
    if made is not None and not by_tool:
        return replace(reply, result=result, structured_response=made)
    if made is not None and isinstance(data, dict):
        told = {**stopped.verdict, "action": "rewrite"}
        pairs = zip(reply.result, rulings, strict=False)
        now = {_RETURNING.format(reply.structured_response): _RETURNING.format(made)}
        again = [_told_again(message, ruling, data, told, now) for message, ruling in pairs]
        return replace(reply, result=again, structured_response=made)
    refusal = policy.refusal(Surface.OUTPUT, stopped.verdict["category"] or "failed")
    spoken = [message for message in reply.result if not isinstance(message, ToolMessage)]
    refused: list[BaseMessage] = [blocked(message, refusal, _as_block(stopped)) for message in spoken]
    return replace(reply, result=refused, structured_response=None)


def _as_block(ruling: Ruling[BaseMessage]) -> dict[str, Any]:
    return {**ruling.verdict, "action": "block"}


def _answered(messages: Sequence[BaseMessage], rulings: Rulings) -> list[BaseMessage]:
    """The messages without results of calls that are no more."""
    passed = [ruling.message for ruling, _ in zip(rulings, messages, strict=False)]
    gone = call_ids(messages) - call_ids(passed)
    return [message for message in passed if getattr(message, "tool_call_id", None) not in gone]


def _mended(made: Any, answer: Ruling[BaseMessage]) -> tuple[Any, Any]:
    """The structured response with its rewritten strings and its JSON; None where it does not fit any more."""
    if answer.allowed or answer.verdict["action"] != "rewrite":
        return None, None
    try:
        data = json.loads(answer.message.text)
        return (data if isinstance(made, dict) else TypeAdapter(type(made)).validate_python(data)), data
    except ValueError:
        return None, None


def _told_again(
    message: BaseMessage, ruling: Ruling[BaseMessage], data: dict[str, Any], told: dict[str, Any], now: dict[str, str]
) -> BaseMessage:
    """The call of the structured response with its rewritten arguments, or the result of that call."""
    if isinstance(message, AIMessage):
        calls = [{**call, "args": data} for call in message.tool_calls]
        return replace_text(message, "", told, calls=()).model_copy(update={"tool_calls": calls})
    if ruling.allowed:
        return ruling.message
    return replace_text(message, now.get(str(message.content), "Returning structured response."), told)
