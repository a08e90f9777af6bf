"""What a tool returns, looked at: text, JSON, content blocks, artifacts, messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage, ToolMessage
from langchain_core.tools.base import TOOL_MESSAGE_BLOCK_TYPES

from langchain_eyelid._check import Ruling
from langchain_eyelid._looks import Look, Rulings, nothing, together
from langchain_eyelid._values import emptied, readable, restored

M = TypeVar("M", bound=BaseMessage)


def look_at_content(value: Any) -> Look[Any]:
    """What a tool returned, for a caller who gets it as it is."""
    if _says_nothing(value):
        return nothing(value)
    if is_content(value):
        return Look((_probe(value),), lambda rulings: value if rulings[0].allowed else rulings[0].message.content)
    shown, (read, complete) = _shown(value), readable(value)
    probes = (_probe(shown),) if shown == read or not complete else (_probe(shown), _aside(value))
    return Look(probes, lambda rulings: _content(value if complete else shown, rulings))


def look_at_result(value: Any, artifact: Any, *, call: str, name: str) -> Look[ToolMessage]:
    """What a tool returned, for a model: the message that LangChain makes of it, with the verdict on it."""
    content = value if is_content(value) else _shown(value)
    return look_at_message(ToolMessage(content, artifact=artifact, tool_call_id=call, name=name))


def look_at_message(message: M) -> Look[M]:
    """A message of a tool, or one that a tool puts into the conversation."""
    if isinstance(message, RemoveMessage):
        return nothing(message)
    if not isinstance(message, ToolMessage):
        return Look((message,), lambda rulings: rulings[0].message)  # type: ignore[arg-type, return-value]
    plain = message if message.artifact is None else message.model_copy(update={"artifact": None})
    looks: list[Look[Any]] = [Look((plain,), lambda rulings: rulings[0]), look_at_artifact(message.artifact)]
    return together(looks, lambda found: _with_artifact(*found))  # type: ignore[return-value, arg-type]


def look_at_artifact(artifact: Any) -> Look[Any]:
    """What goes to the application beside the content: kept as it is, or dropped."""
    if _says_nothing(artifact):
        return nothing(artifact)
    probe = _aside(artifact)
    if isinstance(artifact, (bytes, bytearray)):
        probe = _probe([{"type": "image", "base64": base64.b64encode(artifact).decode(), "mime_type": "image/*"}])
    return Look((probe,), lambda rulings: artifact if rulings[0].allowed else None)


def look_at_value(value: Any) -> Look[Any]:
    """Anything else: kept as it is, rewritten if it is text, or emptied."""
    if _says_nothing(value):
        return nothing(value)
    if isinstance(value, str):
        return Look((_probe(value),), lambda rulings: value if rulings[0].allowed else rulings[0].message.text)
    return Look((_aside(value),), lambda rulings: value if rulings[0].allowed else emptied(value))


def call_ids(messages: Iterable[BaseMessage]) -> set[str | None]:
    """The ids of all tool calls in messages."""
    return {call["id"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls}


def is_content(value: Any) -> bool:
    """Whether LangChain takes it for a message's content; anything else is shown to the model as JSON."""
    return isinstance(value, str) or (isinstance(value, list) and all(map(_is_block, value)))


def _is_block(block: Any) -> bool:
    return isinstance(block, str) or (isinstance(block, dict) and block.get("type") in TOOL_MESSAGE_BLOCK_TYPES)


def _says_nothing(value: Any) -> bool:
    empty = isinstance(value, (str, list, dict, tuple)) and not value
    return empty or value is None or isinstance(value, (bool, int, float))


def _shown(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except Exception:  # noqa: BLE001  # as LangChain does it
        return str(value)


def _probe(content: Any) -> ToolMessage:
    return ToolMessage(content, tool_call_id="")


def _aside(value: Any) -> ToolMessage:
    """A value of any shape: its strings and its images are looked at, whatever else it holds makes a failed look."""
    return ToolMessage("", artifact=value, tool_call_id="")


def _content(value: Any, rulings: Rulings) -> Any:
    stopped = next((ruling for ruling in rulings if not ruling.allowed), None)
    if stopped is None:
        return value
    text = stopped.message.text
    return text if stopped.verdict["action"] == "block" else restored(text, value) or text


def _with_artifact(ruling: Ruling[ToolMessage], artifact: Any) -> ToolMessage:
    if ruling.allowed:
        return ruling.message if artifact is None else ruling.message.model_copy(update={"artifact": artifact})
    status = "error" if ruling.verdict["action"] == "block" else ruling.message.status
    return ruling.message.model_copy(update={"status": status, "artifact": None})
