"""Values of any kind, read for words and images: providers' keyword arguments, raw results of tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any, Final

from llama_index.core.base.llms.types import (
    BaseContentBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.schema import BaseNode, MetadataMode
from pydantic import BaseModel

from llama_index.postprocessor.eyelid._images import Found, read_block

_DEPTH: Final = 12
_NUMBERS: Final = (bool, int, float, complex, type(None))
#: Opaque tokens of providers, handed back to them as they came; no words.
_OPAQUE: Final = frozenset({"signature", "encrypted_content", "redacted_data"})
_BLOCKS: Final = (TextBlock, ImageBlock, CitableBlock, CitationBlock, ThinkingBlock, ToolCallBlock, CachePoint)


@dataclass(slots=True)
class Readable:
    """What can be read in values, in order.

    Args:
        strings: the words, keys of mappings included.
        images: images, not yet fetched.
        uninspectable: parts nobody can look at.
    """

    strings: list[str] = field(default_factory=list, repr=False)
    images: list[Found] = field(default_factory=list)
    uninspectable: int = 0

    def read(self, value: Any, depth: int = _DEPTH) -> None:
        """Take in everything in a value."""
        match value:
            case Enum():
                self.read(value.value, depth)
            case str():
                self.strings.append(value)
            case _ if isinstance(value, _NUMBERS):
                pass
            case _ if depth == 0:
                self.uninspectable += 1
            case ImageBlock():
                self.images.append(read_block(value))
            case BaseContentBlock() if not isinstance(value, (*_BLOCKS, ChatMessage)):
                self.uninspectable += 1  # audio, video, documents, and what may come
            case BaseNode():
                self._read_node(value, depth)
            case Mapping():
                self._read_mapping(value, depth)
            case BaseModel():
                self._read_mapping({**value.__dict__, **(value.__pydantic_extra__ or {})}, depth, named=False)
            case _ if is_dataclass(value) and not isinstance(value, type):
                self._read_mapping({f.name: getattr(value, f.name) for f in fields(value)}, depth, named=False)
            case Sequence() | Set() if not isinstance(value, (bytes, bytearray, memoryview)):
                for each in value:
                    self.read(each, depth - 1)
            case _:
                self.uninspectable += 1

    def _read_mapping(self, value: Mapping[Any, Any], depth: int, *, named: bool = True) -> None:
        for key, each in value.items():
            if isinstance(each, str) and key in _OPAQUE and not any(map(str.isspace, each)):
                continue
            if named and isinstance(key, str) and any(map(str.isspace, key)):
                self.strings.append(key)  # keys are names; one with spaces may be a sentence
            self.read(each, depth - 1)

    def _read_node(self, node: BaseNode, depth: int) -> None:
        plain = type(node).__name__ in ("TextNode", "Document", "Node", "IndexNode")
        resources = [getattr(node, name, None) for name in ("image_resource", "audio_resource", "video_resource")]
        self.strings.append(node.get_content(MetadataMode.ALL))
        self.uninspectable += not plain or any(resource is not None for resource in resources)


def readable(*values: Any) -> Readable:
    """Everything in the values that can be looked at, and how much there is that cannot."""
    found = Readable()
    for value in values:
        found.read(value)
    return found


def leaves(value: Any, most: int) -> tuple[str, ...]:
    """The different strings in a value, at most so many."""
    found = dict.fromkeys(said for said in readable(value).strings if said.strip())
    return tuple(found)[:most]
