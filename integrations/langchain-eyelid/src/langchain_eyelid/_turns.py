"""What stands in an agent's state, looked at: what the user asks, and what was answered last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, RemoveMessage, ToolMessage

from langchain_eyelid._looks import Look, Rulings, together
from langchain_eyelid._marks import is_marked, mark
from langchain_eyelid._results import call_ids, look_at_message
from langchain_eyelid._verdict import KEY

#: Ends an agent's run.
_END = {"jump_to": "end"}


def look_at_requests(messages: Sequence[BaseMessage]) -> Look[dict[str, Any] | None]:
    """All that the user said, since a caller may send the conversation anew each time.

    The update of the state: requests without what was found, and where the last turn was refused, the refusal and the
    end of the run. None where there is nothing to change.
    """
    asked = [message for message in messages if _is_request(message)]
    begun = _last_answer(messages) + 1
    last = {id(message) for message in messages[begun:]}

    def update(rulings: Rulings) -> dict[str, Any] | None:
        changed = [ruling.message for ruling in rulings if not ruling.allowed]
        refused = [r.message for m, r in zip(asked, rulings, strict=True) if id(m) in last and is_blocked(r.message)]
        if not refused:
            return {"messages": changed} if changed else None
        verdict = {KEY: refused[0].response_metadata[KEY]}
        return {"messages": [*changed, AIMessage(refused[0].text, response_metadata=verdict)], **_END}

    return Look(tuple(asked), update)


def look_at_last_turn(messages: Sequence[BaseMessage], rules: Any) -> Look[dict[str, Any] | None]:
    """The last answer and what came after it, as far as it was not looked at under these rules.

    The update of the state; a refused answer that calls no tool ends the run, since an agent that is to give a
    structured response would ask the model again and again.
    """
    turn = list(messages[max(_last_answer(messages), 0) :])
    unseen = [message for message in turn if _is_said(message) and not is_marked(message, rules)]

    def update(values: list[BaseMessage]) -> dict[str, Any] | None:
        passed = {id(old): new for old, new in zip(unseen, values, strict=True)}
        now = [passed.get(id(message), message) for message in turn]
        for message in now:
            mark(message, rules)
        gone = call_ids(turn) - call_ids(now)
        changed = [new for old, new in zip(turn, now, strict=True) if _differs(old, new)]
        orphans = [
            RemoveMessage(id=m.id) for m in now if isinstance(m, ToolMessage) and m.tool_call_id in gone and m.id
        ]
        end = bool(now) and is_blocked(now[0]) and not call_ids(now)
        return {**({"messages": [*changed, *orphans]} if changed else {}), **(_END if end else {})} or None

    return together([look_at_message(message) for message in unseen], update)


def is_blocked(message: BaseMessage) -> bool:
    """Whether a refusal stands in the place of the message."""
    verdict = message.response_metadata.get(KEY)
    return isinstance(verdict, dict) and verdict.get("action") == "block"


def _differs(old: BaseMessage, new: BaseMessage) -> bool:
    """Whether more than the verdict is new."""
    parts = ("content", "additional_kwargs", "tool_calls", "invalid_tool_calls")
    said = any(getattr(old, part, None) != getattr(new, part, None) for part in parts)
    return said or getattr(old, "artifact", None) is not getattr(new, "artifact", None)


def _is_request(message: BaseMessage) -> bool:
    return isinstance(message, HumanMessage) or (isinstance(message, ChatMessage) and message.role in ("user", "human"))


def _is_said(message: BaseMessage) -> bool:
    return isinstance(message, (AIMessage, ToolMessage))


def _last_answer(messages: Sequence[BaseMessage]) -> int:
    return next((place for place in range(len(messages) - 1, -1, -1) if isinstance(messages[place], AIMessage)), -1)
