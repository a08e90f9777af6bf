"""Conversations: where the user's last turn stands, and what is shown of the others while eyes are closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_eyelid._case import is_human
from langchain_eyelid._content import Kind, Readable, kind_of

M = TypeVar("M", bound=BaseMessage)

#: Takes the place of a message that was nothing but images, so that turns still alternate.
LEFT_OUT = "(an image, left out)"


def last_turn(messages: Sequence[BaseMessage]) -> slice:
    """What the user sent last, be it in one message or in several on end; an empty slice at the end if nothing."""
    end = next((at + 1 for at in reversed(range(len(messages))) if is_human(messages[at])), None)
    if end is None:
        return slice(len(messages), len(messages))
    begin = next((at + 1 for at in reversed(range(end)) if not is_human(messages[at])), 0)
    return slice(begin, end)


def continued(messages: Sequence[BaseMessage], asked: HumanMessage, *, blind: bool) -> list[BaseMessage]:
    """The conversation with another last turn of the user.

    Args:
        messages: they are not changed.
        asked: the other turn.
        blind: whether all images are left out of the rest, in whatever form.
    """
    place = last_turn(messages)
    before, after = messages[: place.start], messages[place.stop :]
    if blind:
        before, after = [list(map(without_images, part)) for part in (before, after)]
    return [*before, asked, *after]


def without_images(message: M) -> M:
    """The message without images, and without anything that nobody can read; text and tool calls stay."""
    beside = {name: said for name, said in message.additional_kwargs.items() if _is_readable(said)}
    changed: dict[str, Any] = {"additional_kwargs": beside}
    if not isinstance(message.content, str):
        kept = [block for block in message.content if _stays(block)]
        calls = isinstance(message, AIMessage) and message.tool_calls
        changed["content"] = kept if kept or calls or not message.content else LEFT_OUT
    return message.model_copy(update=changed)


def has_calls(messages: Iterable[BaseMessage]) -> bool:
    """Whether tools were called in it."""
    return any(isinstance(message, AIMessage) and message.tool_calls for message in messages)


def _stays(block: Any) -> bool:
    kind = kind_of(block)
    if kind in (Kind.IMAGE, Kind.UNKNOWN):
        return False
    if kind is Kind.TEXT and isinstance(block, Mapping):
        block = {name: said for name, said in block.items() if name != "text"}
    return kind is Kind.CALL or _is_readable(block)


def _is_readable(value: Any) -> bool:
    found = Readable()
    found.read(value)
    return not found.images and not found.uninspectable
