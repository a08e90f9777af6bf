"""Nodes under way: looked at together, and copied with what may be passed on. The nodes themselves are not changed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeWithScore,
    RelatedNodeInfo,
    RelatedNodeType,
    TextNode,
)

from eyelid import Exchange, Image, Outcome, Status, Surface
from llama_index.postprocessor.eyelid._contents import Contents, contents
from llama_index.postprocessor.eyelid._images import Uninspectable, load
from llama_index.postprocessor.eyelid._look import Look, each
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._verdict import KEY, emit, verdict

Action: TypeAlias = Literal["drop", "rewrite", "caption"]
ACTIONS: Final = ("drop", "rewrite", "caption")


@dataclass(frozen=True, slots=True)
class Held:
    """A node, what is in it, and those of its images that could be had."""

    scored: NodeWithScore = field(repr=False)
    contents: Contents = field(repr=False)
    images: tuple[Image, ...]
    missing: int


def hold(nodes: Sequence[NodeWithScore], settings: Settings, mode: MetadataMode = MetadataMode.LLM) -> list[Held]:
    """Take up nodes. Blocks while files are read and images are fetched."""
    return [_held(scored, contents(scored.node, mode), settings) for scored in nodes]


async def ahold(
    nodes: Sequence[NodeWithScore], settings: Settings, mode: MetadataMode = MetadataMode.LLM
) -> list[Held]:
    """As `hold`, without ever blocking the event loop."""
    found = [contents(scored.node, mode) for scored in nodes]
    if all(isinstance(image, (Image, Uninspectable)) for each in found for image in each.images):
        return [_held(*pair, settings) for pair in zip(nodes, found, strict=True)]
    return await asyncio.to_thread(lambda: [_held(*pair, settings) for pair in zip(nodes, found, strict=True)])


def _held(scored: NodeWithScore, found: Contents, settings: Settings) -> Held:
    images, missing = load(found.images, settings)
    return Held(scored, found, images, missing + found.uninspectable)


def look(held: Sequence[Held], prompt: str, action: Action, where: str) -> Look[list[NodeWithScore]]:
    """A look at nodes, each an exchange of its own.

    Args:
        held: see `hold`.
        prompt: the request they were retrieved for.
        action: what becomes of those that are stopped; "caption" replaces every image.
        where: as events name it.
    """

    def one(each: Held) -> Look[NodeWithScore | None]:
        asked = Exchange(
            prompt, each.contents.text, images=each.images, surface=Surface.RETRIEVED, uninspectable=each.missing
        )
        return Look([asked], lambda outcomes: _passed(each, outcomes[0], action, where))

    return each(map(one, held), lambda passed: [scored for scored in passed if scored is not None])


def _passed(held: Held, outcome: Outcome, action: Action, where: str) -> NodeWithScore | None:
    ruling = verdict([(Surface.RETRIEVED, outcome)])
    emit(ruling, where)
    if not outcome.allowed and action == "drop":
        return None
    make: Callable[[Held, Outcome, dict[str, Any]], BaseNode] = _stopped
    if outcome.allowed:
        make = _captioned if action == "caption" and held.contents.images else _stamped
    return held.scored.model_copy(update={"node": make(held, outcome, ruling)})


def _stamped(held: Held, outcome: Outcome, ruling: dict[str, Any]) -> BaseNode:
    """The node as it was, with its verdict. Images that were given by address now stand in it as they were seen."""
    node = held.scored.node
    update: dict[str, Any] = {
        "metadata": {**node.metadata, KEY: ruling},
        "excluded_llm_metadata_keys": _with_key(node.excluded_llm_metadata_keys),
        "excluded_embed_metadata_keys": _with_key(node.excluded_embed_metadata_keys),
        "relationships": dict(node.relationships),
    }
    elsewhere = any(not isinstance(image, Image) for image in held.contents.images)
    if elsewhere and held.images:
        data = base64.b64encode(held.images[0].data).decode("ascii")
        if isinstance(node, ImageNode):
            update |= {"image": data, "image_path": None, "image_url": None}
        if isinstance(node, Node) and node.image_resource is not None:
            update["image_resource"] = MediaResource(data=data.encode("ascii"), mimetype=node.image_resource.mimetype)
    return node.model_copy(update=update)


def _captioned(held: Held, outcome: Outcome, ruling: dict[str, Any]) -> BaseNode:
    """What was read in the images stands in their place: the model's eyes stay closed (ECSO, arXiv 2403.09572)."""
    empty = "[Image that could not be read]" if outcome.status is Status.FAILED else "[Image without writing]"
    texts = [f"[Image] {text}" if text.strip() else empty for text in outcome.image_texts or ("",)]
    return _plain(held.scored.node, "\n\n".join(filter(None, [held.contents.own, *texts])), ruling, metadata=True)


def _stopped(held: Held, outcome: Outcome, ruling: dict[str, Any]) -> BaseNode:
    """The rewritten text alone, and of the metadata what was looked at and found harmless."""
    metadata, text = held.contents.metadata, outcome.text
    kept = bool(metadata) and outcome.text.startswith(metadata)
    return _plain(
        held.scored.node, text[len(metadata) :].lstrip() if kept else text, ruling, metadata=kept, stripped=True
    )


def _plain(node: BaseNode, text: str, ruling: dict[str, Any], *, metadata: bool, stripped: bool = False) -> TextNode:
    """A node of text alone in the place of another; nothing else of it is left but, if wanted, its metadata.

    Args:
        node: the other.
        text: its text.
        ruling: its verdict.
        metadata: whether it keeps its metadata.
        stripped: whether it loses what a model would not have seen: other metadata, those of related nodes.
    """
    hidden = set(node.excluded_llm_metadata_keys) if stripped else set()
    kept = {key: value for key, value in node.metadata.items() if key not in hidden} if metadata else {}
    related = node.relationships.items()
    return TextNode(
        id_=node.node_id,
        text=text,
        metadata={**kept, KEY: ruling},
        excluded_llm_metadata_keys=_with_key(node.excluded_llm_metadata_keys),
        excluded_embed_metadata_keys=_with_key(node.excluded_embed_metadata_keys),
        relationships={kind: _bare(other) for kind, other in related} if stripped else dict(related),
        **(
            {"metadata_template": node.metadata_template, "metadata_separator": node.metadata_separator} if kept else {}
        ),
    )


def _bare(related: RelatedNodeType) -> RelatedNodeType:
    if isinstance(related, list):
        return [RelatedNodeInfo(node_id=other.node_id, node_type=other.node_type) for other in related]
    return RelatedNodeInfo(node_id=related.node_id, node_type=related.node_type)


def _with_key(keys: Sequence[str]) -> list[str]:
    return [*keys, *([] if KEY in keys else [KEY])]
