"""What a node holds: the text that a model would see, images in every form, and what nobody can look at.

LlamaIndex's own `get_content_blocks` fetches URLs and opens files; it is never called here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from llama_index.core.schema import BaseNode, ImageNode, IndexNode, MediaResource, MetadataMode, Node, TextNode

from llama_index.postprocessor.eyelid._images import Found, read_image

#: Who makes the blocks that a multimodal model is shown. What another class would show, nobody knows.
_KNOWN: Final = tuple(kind.get_content_blocks for kind in (TextNode, ImageNode, Node))


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a node.

    Args:
        text: everything that a model would see of it, metadata included.
        metadata: the part of the text that is metadata.
        own: the text without metadata.
        images: in every form.
        uninspectable: parts beside text and images, which nobody can look at.
    """

    text: str = field(repr=False)
    metadata: str = field(repr=False)
    own: str = field(repr=False)
    images: tuple[Found, ...] = ()
    uninspectable: int = 0


def contents(node: BaseNode, mode: MetadataMode = MetadataMode.LLM) -> Contents:
    """What is in a node, with the metadata of this mode. Nothing is fetched or opened."""
    metadata, own = node.get_metadata_str(mode=mode).strip(), node.get_content(metadata_mode=MetadataMode.NONE)
    # A template may leave out what blocks show, and the other way round.
    text = node.get_content(metadata_mode=mode)
    missing = [part for part in (metadata, own, *_asides(node)) if part not in text]
    return Contents(
        text="\n\n".join(filter(None, [text, *missing])),
        metadata=metadata,
        own=own,
        images=tuple(image for image in _images(node) if image is not None),
        uninspectable=sum(_opaque(node)),
    )


def _images(node: BaseNode) -> Iterator[Found | None]:
    if isinstance(node, ImageNode):
        yield read_image(data=node.image, path=node.image_path, url=node.image_url)
    if isinstance(node, Node) and node.image_resource is not None:
        yield read_image(data=node.image_resource.data, path=node.image_resource.path, url=node.image_resource.url)


def _asides(node: BaseNode) -> Iterator[str]:
    """Text beside the text."""
    if isinstance(node, Node):
        for resource in (node.image_resource, node.audio_resource, node.video_resource):
            yield (resource.text if resource else None) or ""
    if isinstance(node, IndexNode) and isinstance(node.obj, str):
        yield node.obj


def _opaque(node: BaseNode) -> Iterator[bool]:
    yield type(node).get_content_blocks not in _KNOWN
    if isinstance(node, Node):
        for resource in (node.text_resource, node.audio_resource, node.video_resource):
            yield resource is not None and _elsewhere(resource)


def _elsewhere(resource: MediaResource) -> bool:
    held: tuple[Any, ...] = (resource.data, resource.path, resource.url)
    return any(held)
