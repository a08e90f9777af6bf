"""What is in a content block: text, a tool call, an image, something else that can be read, or none of these."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from langchain_eyelid._images import Found, beside_image, is_image, read_image

#: How deep a value is followed; what lies deeper is uninspectable.
MAX_DEPTH = 32


class Kind(StrEnum):
    """What a content block is."""

    TEXT = "text"  #: a part of the message's text
    CALL = "call"  #: a tool call, or a piece of one
    IMAGE = "image"  #: an image
    ASIDE = "aside"  #: something else that consists of strings
    UNKNOWN = "unknown"  #: something nobody can look at, or of which nobody knows what it is


_CALLS = """
tool_call tool_call_chunk invalid_tool_call tool_use toolUse function_call custom_tool_call input_json_delta
"""
_ASIDES = """
reasoning thinking redacted_thinking reasoning_content reasoningContent refusal text-plain document search_result
citation citations citationsContent server_tool_use executable_code code_execution_result resource resource_link json
output_text summary_text input_text tool_result cachePoint cache_point compaction mcp_list_tools mcp_approval_request
"""
_CALL_KINDS, _ASIDE_KINDS = frozenset(_CALLS.split()), frozenset(_ASIDES.split())
#: Tools that run on the provider's side: what they were asked, and what they said.
_SERVER_TOOLS = ("_call", "_call_chunk", "_call_output", "_tool_use", "_tool_result", "_tool_result_error")


def kind_of(block: Any) -> Kind:
    """What a content block is."""
    if isinstance(block, str):
        return Kind.TEXT
    if not isinstance(block, Mapping):
        return Kind.UNKNOWN
    name = block.get("type")
    if (name == "text" or (name is None and "text" in block)) and isinstance(block.get("text"), (str, type(None))):
        return Kind.TEXT
    name = str(name if name is not None else next(iter(block), ""))
    if name == "non_standard" and isinstance(block.get("value"), Mapping):
        inner = kind_of(block["value"])
        return Kind.ASIDE if inner is Kind.TEXT else inner
    if name in _CALL_KINDS:
        return Kind.CALL
    if is_image(block):
        return Kind.IMAGE
    return Kind.ASIDE if name in _ASIDE_KINDS or name.endswith(_SERVER_TOOLS) else Kind.UNKNOWN


@dataclass(slots=True)
class Readable:
    """What could be read in values of any shape, and how much could not."""

    strings: list[str] = field(default_factory=list, repr=False)
    images: list[Found] = field(default_factory=list)
    uninspectable: int = 0

    def read(self, value: Any, *, foreign: bool = False, depth: int = 0) -> None:
        """Take in every string and every image in a value.

        Args:
            value: of JSON, a pydantic model or a dataclass; anything else is uninspectable.
            foreign: whether the value's keys are not a provider's but somebody else's, so that none of them says what
                is binary or opaque.
            depth: how deep in the outermost value it lies.
        """
        if isinstance(value, BaseModel):
            value = value.model_dump()
        elif is_dataclass(value) and not isinstance(value, type):
            value = asdict(value)
        if value is None or isinstance(value, _WORDLESS):
            return
        if isinstance(value, (str, PurePath)):
            self.strings.append(str(value))
        elif depth >= MAX_DEPTH:
            self.uninspectable += 1
        elif isinstance(value, Mapping):
            self._read_mapping(value, foreign, depth + 1)
        elif isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray, memoryview)):
            for item in value:
                self.read(item, foreign=foreign, depth=depth + 1)
        else:
            self.uninspectable += 1

    def _read_mapping(self, value: Mapping[Any, Any], foreign: bool, depth: int) -> None:
        if not foreign and value.get("type") == "redacted_thinking" and not spoken(value):
            return  # encrypted for the provider; nobody else is shown it
        image = read_image(value)
        if image is not None:
            self.images.append(image)
            value = beside_image(value)
        elif not foreign and _elsewhere(value):
            self.uninspectable += 1
        for key, said in value.items():
            if foreign and isinstance(key, str):
                self.strings.append(key)
            if not foreign and _opaque(str(key)) and not spoken(said):
                continue
            if not foreign and key in _BINARY and said and value.get("type") != "text":
                self.uninspectable += 1
                continue
            self.read(said, foreign=foreign or key in _FOREIGN, depth=depth)


_WORDLESS = (bool, int, float, Decimal, UUID, date, time, timedelta)
_BINARY = frozenset({"base64", "data", "bytes", "blob", "file_data"})
#: Below these the keys are the model's or a tool's own.
_FOREIGN = frozenset({"args", "input", "arguments", "parsed", "json"})
_IDENTIFIERS = """
type id index call_id tool_call_id tool_use_id toolUseId file_id container_id mime_type media_type mimeType status
format detail cache_control name role language outcome server_label namespace caller toolset_name redacted_content
"""
_OPAQUE = frozenset(_IDENTIFIERS.split())
_WORDS = re.compile(r"\S\s+\S")


def _opaque(key: str) -> bool:
    """Whether providers put names, ids, or what only they can read under this key."""
    return key in _OPAQUE or "signature" in key or "encrypted" in key or key.startswith("__")


def spoken(value: Any) -> bool:
    """Whether a value under such a key is words nevertheless."""
    if isinstance(value, Mapping):
        return any(map(spoken, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(spoken, value))
    return isinstance(value, str) and _WORDS.search(value) is not None


def _elsewhere(block: Mapping[Any, Any]) -> bool:
    """Whether the content of a block is given by an address or a file id, and so is not here."""
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") in ("url", "file"):
        return True
    return block.get("type") == "text-plain" and not block.get("text")
