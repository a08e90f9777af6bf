"""What a guarded tool does with its arguments, its results and its exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any, TypeVar

from eyelid import Guard, Surface
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic import BaseModel

from langchain_eyelid._check import Checker, Context
from langchain_eyelid._commands import is_command, look_at_command
from langchain_eyelid._errors import bubbled, is_content, replaced, texts_of
from langchain_eyelid._looks import Look, Rulings, nothing, together
from langchain_eyelid._marks import Rules, is_marked, mark, rules
from langchain_eyelid._results import look_at_content, look_at_message, look_at_result, look_at_value
from langchain_eyelid._settings import Settings
from langchain_eyelid._values import as_json
from langchain_eyelid._verdict import KEY

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is returned instead of calling a tool."""

    text: str = field(repr=False)
    verdict: Mapping[str, Any]


@dataclass(slots=True)
class ToolRun:
    """One run of a tool.

    Args:
        name: the tool's.
        call: the id of the model's call; None where other code called it.
        paired: whether it returns content and artifact.
        known: messages the tool was given; handed on they are not looked at again.
        refusal: what is returned instead of running it.
        waiting: whether an asynchronous run is under way, which looks at the result itself.
        looked: whether what it returned was looked at.
    """

    name: str
    call: str | None = None
    paired: bool = False
    known: tuple[BaseMessage, ...] = field(default=(), repr=False)
    refusal: Refusal | None = None
    waiting: bool = False
    looked: bool = False

    def hears(self, given: Mapping[str, Any]) -> None:
        """Take note of the conversation among what the tool was given: a state, a part of it, or a runtime."""
        self.known = tuple(message for value in given.values() for message in _conversation(value))

    def refused(self) -> Any:
        """The refusal in the form of the tool's results."""
        self.looked = True
        said: Any = self.refusal.text if self.refusal else ""
        if self.call is not None and self.refusal:
            stamp = {KEY: dict(self.refusal.verdict)}
            said = ToolMessage(said, tool_call_id=self.call, name=self.name, status="error", response_metadata=stamp)
        return (said, None) if self.paired else said


class Protection:
    """What a guarded tool carries with it. Copies of the tool share it, deep ones too: a guard has threads."""

    def __init__(self, guard: Guard, settings: Settings, *, check_arguments: bool) -> None:
        self.checker = Checker(guard, settings, Surface.TOOL_RESULT)
        self.check_arguments = check_arguments
        self._rules = rules(guard, settings)

    def __deepcopy__(self, memo: object) -> Protection:
        return self

    def look(self, look: Look[T], run: ToolRun) -> T:
        """What may be passed on."""
        return self._noted(look.run(self.checker, Context.of(run.known), Surface.TOOL_RESULT))

    async def alook(self, look: Look[T], run: ToolRun) -> T:
        """As `look`, without ever blocking the event loop."""
        return self._noted(await look.arun(self.checker, Context.of(run.known), Surface.TOOL_RESULT))

    def _noted(self, value: T) -> T:
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, ToolMessage):
                mark(item, self._rules)
        return value


def look_at_arguments(checker: Checker, name: str, given: Any) -> Look[Refusal | None]:
    """Whether a tool may be called so. Arguments are never rewritten: half a command is no safer than the whole."""
    if not given:
        return nothing(None)
    args = as_json(given if isinstance(given, dict) else {"input": given})
    asked = AIMessage(content="", tool_calls=[{"name": name, "args": args, "id": "call", "type": "tool_call"}])

    def refusal(rulings: Rulings) -> Refusal | None:
        if rulings[0].allowed:
            return None
        found = rulings[0].verdict
        return Refusal(checker.guard.policy.refusal(Surface.TOOL_CALL, found["category"] or "failed"), found)

    return Look((asked,), refusal)


def look_at_returned(value: Any, run: ToolRun) -> Look[Any]:
    """What a tool returned, in the same form."""
    if not run.paired or not isinstance(value, tuple) or len(value) != 2:
        return _single(value, None, run)
    # Without a call LangChain drops the artifact, and with a message of the tool's own as well.
    return together([_single(*value, run)], lambda said: (said[0], getattr(said[0], "artifact", None)))


def look_at_error(error: Exception) -> Look[Exception]:
    """An exception: itself, or one of its class which says what may be said instead."""
    if not is_content(error):
        carried, again = bubbled(error)
        looks = [look_at_command(value) if is_command(value) else look_at_value(value) for value in carried]
        return together(looks, lambda values: error if _same(values, carried) else again(values))

    def passed(rulings: Rulings) -> Exception:
        clean = all(ruling.allowed for ruling in rulings)
        return error if clean else replaced(error, rulings[0].message.text)

    return Look(tuple(ToolMessage(text, tool_call_id="") for text in texts_of(error)), passed)


def look_at_handed(value: Any, known: Sequence[BaseMessage] = (), *, by: Rules | None = None) -> Look[Any]:
    """A message, a command or a list of them, as tools and LangGraph's tool node hand them on.

    Args:
        value: it is not changed.
        known: the conversation; what is handed on of it is not looked at again.
        by: the rules under which messages may have been looked at already.
    """
    if isinstance(value, list):
        return together([look_at_handed(item, known, by=by) for item in value], list)
    if is_command(value):
        return look_at_command(value, known)
    if not isinstance(value, BaseMessage):
        return look_at_content(value)
    return nothing(value) if is_marked(value, by) else look_at_message(value)


def _single(value: Any, artifact: Any, run: ToolRun) -> Look[Any]:
    if _is_handed(value):
        return look_at_handed(value, run.known)
    if run.call is None:
        return look_at_content(value)
    return look_at_result(value, artifact, call=run.call, name=run.name)


def _same(values: list[Any], others: list[Any]) -> bool:
    return all(value is other for value, other in zip(values, others, strict=True))


def _is_handed(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, ToolMessage) or is_command(item) for item in items)


def _conversation(value: Any) -> list[BaseMessage]:
    if not isinstance(value, (Mapping, list, tuple, BaseModel)) and not is_dataclass(value):
        return []
    state = getattr(value, "state", value)
    messages = state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", state)
    return [item for item in messages if isinstance(item, BaseMessage)] if isinstance(messages, (list, tuple)) else []
