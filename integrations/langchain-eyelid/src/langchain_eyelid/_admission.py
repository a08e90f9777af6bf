"""What a user sent, before a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eyelid import Action
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_eyelid._check import Ruling
from langchain_eyelid._messages import stamped, text_of


@dataclass(frozen=True, slots=True)
class Admission:
    """What the model is asked, or what is answered in its place."""

    messages: list[BaseMessage] = field(repr=False)
    refusal: AIMessage | None = None


def user_messages(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """What the user sent since the last answer; earlier turns were looked at when they came."""
    answered = max((place for place, message in enumerate(messages) if isinstance(message, AIMessage)), default=-1)
    return [message for message in messages[answered + 1 :] if isinstance(message, HumanMessage)]


def admission(
    messages: list[BaseMessage], asked: Sequence[BaseMessage], rulings: Sequence[Ruling[BaseMessage]]
) -> Admission:
    """The messages with what may be sent of them, or a refusal where one is not to be sent."""
    stopped = next((ruling for ruling in rulings if ruling.verdict["action"] == Action.BLOCK.value), None)
    if stopped is not None:
        refusal = AIMessage(content=text_of(stopped.message))
        return Admission(messages, stamped(refusal, stopped.verdict))
    changed = {id(old): ruling.message for old, ruling in zip(asked, rulings, strict=True) if not ruling.allowed}
    return Admission([changed.get(id(message), message) for message in messages])
