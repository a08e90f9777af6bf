"""Messages: what is in one, and how it is put back after a ruling."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from llama_index.core.base.llms.types import CachePoint, ChatMessage, ImageBlock, TextBlock, ToolCallBlock

from llama_index.postprocessor.eyelid._images import Found
from llama_index.postprocessor.eyelid._values import Readable, leaves

#: The most strings of one tool call or document that are looked at one by one; beyond it only the whole is.
MAX_LEAVES: Final = 256


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call in a message.

    Args:
        key: tells the calls of a message apart.
        whole: name and arguments as JSON.
        texts: what is looked at: the whole, and each string in the arguments.
    """

    key: str
    whole: str = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is in a message.

    Args:
        text: the text a reader sees, as `ChatMessage.content` joins it.
        asides: what is not the text and can be read nevertheless: thinking, citations, keyword arguments.
        calls: the tool calls, those in `additional_kwargs` included.
        images: images, not yet fetched.
        uninspectable: parts nobody can look at: audio, video, documents, blocks of an unknown kind.
    """

    text: str = field(default="", repr=False)
    asides: tuple[str, ...] = field(default=(), repr=False)
    calls: tuple[Call, ...] = ()
    images: tuple[Found, ...] = ()
    uninspectable: int = 0


def parts(message: ChatMessage) -> Parts:
    """Everything in a message that can be looked at, and how much there is that cannot."""
    text, rest = message.content or "", Readable()
    for block in message.blocks:
        if not isinstance(block, (TextBlock, ToolCallBlock, CachePoint)):
            rest.read(block)
    rest.read({name: value for name, value in message.additional_kwargs.items() if name != "tool_calls"})
    return Parts(
        text=text,
        asides=tuple(dict.fromkeys(said for said in rest.strings if said.strip() and said not in text)),
        calls=_calls(message),
        images=tuple(rest.images),
        uninspectable=rest.uninspectable,
    )


def replaced(
    message: ChatMessage, text: str, *, calls: Collection[str] = (), images: bool = False, plain: bool = False
) -> ChatMessage:
    """A message of the same role with another text; blocks that would carry the raw text on are left out.

    Args:
        message: it is not changed.
        text: takes the place of all its text blocks.
        calls: keys of the tool calls to keep as they are.
        images: whether images stay.
        plain: whether everything else in `additional_kwargs` is left out.
    """
    blocks: list[Any] = []
    for index, block in enumerate(message.blocks):
        kept = isinstance(block, ToolCallBlock) and _key(index, block) in calls
        if kept or (images and isinstance(block, ImageBlock)):
            blocks.append(block)
    first = [TextBlock(text=text)] if text or not blocks else []
    return message.model_copy(
        update={"blocks": [*first, *blocks], "additional_kwargs": _kwargs(message, calls, plain=plain)}
    )


def _kwargs(message: ChatMessage, calls: Collection[str], *, plain: bool) -> dict[str, Any]:
    own = message.additional_kwargs
    kept = {} if plain else {key: value for key, value in own.items() if key not in ("tool_calls", "images")}
    listed = own.get("tool_calls")
    raw = [call for index, call in enumerate(listed) if f"raw {index}" in calls] if isinstance(listed, list) else []
    return {**kept, "tool_calls": raw} if raw else kept


def _calls(message: ChatMessage) -> tuple[Call, ...]:
    own = [(_key(index, each), each) for index, each in enumerate(message.blocks) if isinstance(each, ToolCallBlock)]
    listed = message.additional_kwargs.get("tool_calls")
    listed = listed if isinstance(listed, list) else [] if listed is None else [listed]
    calls = [call_of(key, block.tool_name, block.tool_kwargs) for key, block in own]
    return (*calls, *(_raw_call(f"raw {index}", each) for index, each in enumerate(listed)))


def call_of(key: str, name: str, arguments: Any) -> Call:
    """A tool call by its name and arguments; arguments that are JSON in a string are read as such."""
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments)
    whole = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False, default=str)
    return Call(key, whole, (whole, *leaves(arguments, MAX_LEAVES)))


def _raw_call(key: str, raw: Any) -> Call:
    """A provider's own object for a tool call, which LlamaIndex keeps beside the blocks."""
    found = leaves(raw, MAX_LEAVES)
    nested: list[str] = []
    for said in found:
        try:
            nested += leaves(json.loads(said), MAX_LEAVES) if said.lstrip()[:1] in ("{", "[") else ()
        except ValueError:
            continue
    whole = "\n".join(found)
    return Call(key, whole, tuple(dict.fromkeys(each for each in (whole, *found, *nested) if each)))


def _key(index: int, block: ToolCallBlock) -> str:
    return f"{index} {block.tool_call_id or ''}"
