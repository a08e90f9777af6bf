"""Tool calls, in whatever places and forms a message has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eyelid.text import map_json_strings
from langchain_core.messages import AIMessage, BaseMessage

from langchain_eyelid._content import Kind, Readable, kind_of

#: Leaves that are looked at one by one; the leaves of a call that has more are looked at in so many groups.
MAX_LEAVES = 64

_TOOL_NAME = re.compile(r"[\w.:/-]{0,64}")
_ARGUMENTS = ("args", "input", "arguments", "partial_json")
_WRAPPERS = ("function", "toolUse", "value")
_READ = frozenset({*_ARGUMENTS, "name"})


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call.

    Args:
        key: what names it wherever it stands: its id, or its arguments where it has none.
        texts: what is looked at: its arguments as a whole (in each form they have), then leaf by leaf.
    """

    key: str = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)


def calls_in(message: BaseMessage) -> tuple[Call, ...]:
    """The tool calls of a message; those that could not be parsed are not among them."""
    forms: dict[str, dict[str, None]] = {}
    for call in _raw_calls(message):
        forms.setdefault(key_of(call), {}).update(dict.fromkeys(_forms(call)))
    return tuple(Call(key, _texts(list(texts))) for key, texts in forms.items())


def key_of(call: Mapping[str, Any]) -> str:
    """What names a call: its id as LangChain knows it, or its arguments."""
    names = (_name_of(each) for each in (call, *_wrapped(call).values()))
    name = next(filter(None, names), None)
    return str(name) if name else f"args:{''.join(_forms(call))}"


def leaves(document: str) -> list[str]:
    """The different strings in a JSON text, keys not among them; none where it is not JSON.

    More than `MAX_LEAVES` of them are joined, so that no document asks for more looks than that.
    """
    found: dict[str, None] = {}

    def note(leaf: str) -> str:
        found[leaf] = None
        return leaf

    map_json_strings(document, note)
    spoken = [leaf for leaf in found if any(character.isalnum() for character in leaf)]
    if len(spoken) <= MAX_LEAVES:
        return spoken
    return ["\n".join(spoken[start::MAX_LEAVES]) for start in range(MAX_LEAVES)]


def _raw_calls(message: BaseMessage) -> Iterator[Mapping[str, Any]]:
    if isinstance(message, AIMessage):
        yield from message.tool_calls
        invalid = {key_of(call) for call in message.invalid_tool_calls}
        yield from (call for call in getattr(message, "tool_call_chunks", ()) if key_of(call) not in invalid)
    content: Sequence[Any] = message.content if isinstance(message.content, list) else ()
    yield from (block for block in content if kind_of(block) is Kind.CALL)
    yield from raw_calls(message)


def raw_calls(message: BaseMessage) -> list[Mapping[str, Any]]:
    """The calls as OpenAI's older interfaces keep them beside a message; none where they are not in that form."""
    kept = message.additional_kwargs.get("tool_calls") or []
    kept = [*(kept if isinstance(kept, list) else [kept]), message.additional_kwargs.get("function_call") or {}]
    return [call for call in kept if call] if all(isinstance(call, Mapping) for call in kept) else []


def beside_arguments(call: Mapping[str, Any]) -> Readable:
    """What a call holds beside its name and its arguments."""
    rest = Readable()
    rest.read({key: value for key, value in call.items() if key not in _READ and key not in _wrapped(call)})
    return rest


def _wrapped(call: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What is one level down: OpenAI, Bedrock and LangChain's `non_standard` put the arguments there."""
    return {name: call[name] for name in _WRAPPERS if isinstance(call.get(name), Mapping)}


def _name_of(call: Mapping[str, Any]) -> Any:
    return call.get("call_id") or call.get("toolUseId") or call.get("id")


def _forms(call: Mapping[str, Any]) -> list[str]:
    """The arguments as text, in each form that the call has them in, and whatever else it says."""
    given = [call[name] for name in _ARGUMENTS if call.get(name)]
    forms = [value if isinstance(value, str) else _dumped(value) for value in given]
    name = str(call.get("name") or "")
    if not _TOOL_NAME.fullmatch(name):
        forms.append(name)  # no developer gives a tool such a name
    forms += [said for said in beside_arguments(call).strings if said.strip()]
    return [*forms, *(form for inner in _wrapped(call).values() for form in _forms(inner))]


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)


def _texts(forms: Sequence[str]) -> tuple[str, ...]:
    """Each form that says something else, and the leaves of all of them."""
    different = {_parsed(form): form for form in reversed(forms)}
    whole = list(reversed(different.values()))
    return tuple(dict.fromkeys([*whole, *(leaf for form in whole for leaf in leaves(form))]))


def _parsed(form: str) -> str:
    """What tells forms apart: all keys and values in order, duplicate keys included."""
    try:
        return json.dumps(json.loads(form, object_pairs_hook=list), ensure_ascii=False)
    except (ValueError, RecursionError):
        return form
