"""Messages: what is in one, and how it is put back after a ruling."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eyelid import Surface
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolMessage

from langchain_eyelid._calls import Call, beside_arguments, calls_in, key_of, raw_calls
from langchain_eyelid._content import Kind, Readable, kind_of, spoken
from langchain_eyelid._images import Found
from langchain_eyelid._metadata import with_verdict, without_content

M = TypeVar("M", bound=BaseMessage)

#: Fields of messages that are read by name, or hold no words of a model's or a tool's.
_FIELDS = """
content additional_kwargs response_metadata type name id example role tool_calls invalid_tool_calls tool_call_chunks
usage_metadata chunk_position tool_call_id status artifact
"""
_KNOWN_FIELDS = frozenset(_FIELDS.split())
_RAW_CALLS = ("tool_calls", "function_call")


@dataclass(frozen=True, slots=True)
class Parts:
    """What is in a message.

    Args:
        text: the text a reader sees: all its text blocks, joined as LangChain joins them.
        blocks: (index of the content block, start, end) of each stretch of `text`; index 0 for a content that is one
            string.
        asides: what is not the text and can be read nevertheless: reasoning, refusals, citations, what server-side
            tools were asked and said, invalid tool calls, artifacts.
        calls: the tool calls.
        images: images, not yet fetched.
        uninspectable: parts nobody can look at: audio, video, files, blocks of an unknown kind.
    """

    text: str = field(default="", repr=False)
    blocks: tuple[tuple[int, int, int], ...] = ()
    asides: tuple[str, ...] = field(default=(), repr=False)
    calls: tuple[Call, ...] = ()
    images: tuple[Found, ...] = ()
    uninspectable: int = 0


def parts(message: BaseMessage) -> Parts:
    """Everything in a message that can be looked at, and how much there is that cannot."""
    if _is_plain(message):
        text = str(message.content)
        return Parts(text, ((0, 0, len(text)),) if text else ())
    text, blocks, rest = "", [], Readable()
    for index, block in enumerate(_content(message)):
        kind = kind_of(block)
        if kind is Kind.TEXT:
            said = _text_of(block)
            blocks.append((index, len(text), len(text) + len(said)))
            text += said
            block = {key: value for key, value in block.items() if key != "text"} if isinstance(block, dict) else ""
        if kind is not Kind.CALL and block:
            rest.uninspectable += kind is Kind.UNKNOWN
            rest.read(block)
    _read_fields(message, rest)
    return Parts(
        text=text,
        blocks=tuple(blocks),
        asides=tuple(dict.fromkeys(said for said in rest.strings if said.strip() and said not in text)),
        calls=calls_in(message),
        images=tuple(rest.images),
        uninspectable=rest.uninspectable,
    )


def text_of(message: BaseMessage) -> str:
    """The text a reader sees, as in `parts`; nothing else is looked for."""
    return "".join(_text_of(block) for block in _content(message) if kind_of(block) is Kind.TEXT)


def surface_of(message: BaseMessage) -> Surface:
    """Where a message stands: a tool's result, a model's answer, or else input."""
    if isinstance(message, (ToolMessage, FunctionMessage)):
        return Surface.TOOL_RESULT
    return Surface.OUTPUT if isinstance(message, AIMessage) else Surface.INPUT


def stamped(message: M, verdict: Mapping[str, Any]) -> M:
    """The message with the verdict in `response_metadata["eyelid"]`, and nothing else changed."""
    return message.model_copy(update={"response_metadata": with_verdict(message.response_metadata, verdict)})


def replace_text(
    message: M,
    text: str,
    verdict: Mapping[str, Any],
    *,
    calls: Collection[str] | None = None,
    images: bool = False,
) -> M:
    """The message with another text: same class, id, usage, name and tool_call_id.

    What would carry the raw text on is left out: reasoning, refusals, citations, log probabilities, parsed values,
    artifacts, providers' copies.

    Args:
        message: it is not changed.
        text: takes the place of all its text blocks.
        verdict: goes to `response_metadata["eyelid"]`.
        calls: keys of the tool calls to keep, byte for byte; all of them if left out.
        images: whether images and uninspectable blocks stay.
    """
    kept = {call.key for call in calls_in(message)} if calls is None else calls
    metadata = with_verdict(without_content(message.response_metadata), verdict)
    changed: dict[str, Any] = {"response_metadata": metadata, "additional_kwargs": {}}
    changed["content"] = text if isinstance(message.content, str) else _put_back(message.content, text, kept, images)
    if isinstance(message, AIMessage):
        invalid = {key_of(call) for call in message.invalid_tool_calls}
        changed["invalid_tool_calls"] = []
        for name in ("tool_calls", "tool_call_chunks"):
            own = getattr(message, name, None)
            if own is not None:
                changed[name] = [call for call in own if key_of(call) in kept and key_of(call) not in invalid]
    if isinstance(message, ToolMessage):
        changed["artifact"] = None
    changed.update(dict.fromkeys(set(type(message).model_fields) - _KNOWN_FIELDS))
    copy = message.model_copy(update=changed)
    object.__setattr__(copy, "__pydantic_extra__", {})
    return copy


def blocked(message: M, refusal: str, verdict: Mapping[str, Any]) -> M:
    """The message with a refusal in the place of everything that was in it, tool calls included."""
    stopped = replace_text(message, refusal, verdict, calls=())
    return stopped.model_copy(update={"status": "error"}) if isinstance(stopped, ToolMessage) else stopped


def _is_plain(message: BaseMessage) -> bool:
    """Whether a message is one string and nothing else, as most are."""
    calls = isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls)
    beside = calls or message.additional_kwargs or message.model_extra or getattr(message, "artifact", None)
    return isinstance(message.content, str) and not beside and _KNOWN_FIELDS.issuperset(type(message).model_fields)


def _content(message: BaseMessage) -> Iterable[Any]:
    return [message.content] if isinstance(message.content, str) else message.content


def _text_of(block: str | Mapping[str, Any]) -> str:
    return block if isinstance(block, str) else block.get("text") or ""


def _read_fields(message: BaseMessage, rest: Readable) -> None:
    """What a message holds beside its content."""
    raw = raw_calls(message)
    for call in (*(block for block in _content(message) if kind_of(block) is Kind.CALL), *raw):
        beside = beside_arguments(call)  # its words are looked at with the call
        rest.images += beside.images
        rest.uninspectable += beside.uninspectable
    read = _RAW_CALLS if raw else ()
    rest.read({key: value for key, value in message.additional_kwargs.items() if key not in read})
    if isinstance(message, AIMessage):
        for call in message.invalid_tool_calls:
            rest.read([call.get("name"), call.get("args"), call.get("error")])
    rest.read(getattr(message, "artifact", None), foreign=True)
    for name in set(type(message).model_fields) - _KNOWN_FIELDS:
        rest.read(getattr(message, name), foreign=True)
    rest.read(message.model_extra, foreign=True)


def _put_back(content: list[Any], text: str, calls: Collection[str], images: bool) -> list[Any]:
    """The content blocks with the text in the place of the first one that had any."""
    output: list[Any] = []
    missing = bool(text)
    for block in content:
        kind = kind_of(block)
        if kind is Kind.TEXT and missing:
            output.append(text if isinstance(block, str) else _text_block(block, text))
            missing = False
        elif (kind is Kind.CALL and key_of(block) in calls) or (images and _is_wordless(kind, block)):
            output.append(block)
    return [{"type": "text", "text": text}, *output] if missing else output


def _is_wordless(kind: Kind, block: Any) -> bool:
    """Whether a block is an image or the like, without a word in it."""
    rest = Readable()
    rest.read(block)
    return kind in (Kind.IMAGE, Kind.UNKNOWN) and not any(map(str.strip, rest.strings))


def _text_block(block: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The block with another text, without citations and whatever else belonged to the old one."""
    kept = {key: block[key] for key in ("type", "id", "index") if key in block and not spoken(block[key])}
    return {**kept, "text": text}
