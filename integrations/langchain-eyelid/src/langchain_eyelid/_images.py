"""Images in LangChain's messages: every form that its providers know, as an image or as what nobody can look at.

| from | form |
|---|---|
| LangChain v1 | `{"type": "image"}` with `base64`, `url` or `file_id` |
| LangChain v0 | `{"type": "image", "source_type"}` with `data`, `url` or `id` |
| OpenAI | `image_url` as a dict or as a string, `input_image`, `image_generation_call`, screenshots |
| Anthropic | `{"type": "image", "source"}`: base64, URL or file |
| Bedrock | `{"image": {"format", "source"}}`: bytes or S3 |
| Google | `media`, `inline_data`, `file_data`, bare base64 as a URL |
| MCP | `data` or `blob` with `mimeType` |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from eyelid import Image
from eyelid.errors import InputError

from langchain_eyelid._settings import ImageLoader


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that is given by address: an URL or a file id. It is never fetched unless a loader is given."""

    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Uninspectable:
    """An image, or what claims to be one, that cannot be looked at."""


Found: TypeAlias = Image | Reference | Uninspectable

_IMAGE_TYPES = frozenset({"image", "image_url", "input_image", "computer_screenshot"})
_WRAPPERS = ("image", "inline_data", "inlineData")  # Bedrock's and Google's
_ENCODED = ("base64", "data", "bytes", "blob", "result", "file_data")
_ADDRESSES = ("url", "image_url", "file_uri", "fileUri", "uri", "file_url")
_IDS = ("file_id", "fileId")
_MIME_TYPES = ("mime_type", "mimeType", "media_type")


def is_image(block: Mapping[str, Any]) -> bool:
    """Whether a content block of any provider is, or claims to be, an image. Decodes nothing."""
    kind = block.get("type")
    if kind == "image_generation_call":
        return bool(block.get("result"))
    if isinstance(kind, str) and kind in _IMAGE_TYPES:
        return True
    mime_types = (block.get(key) for key in _MIME_TYPES)
    return any(isinstance(block.get(name), Mapping) for name in _WRAPPERS) or any(
        isinstance(mime_type, str) and mime_type.startswith("image/") for mime_type in mime_types
    )


def read_image(block: Mapping[str, Any]) -> Found | None:
    """The image in a content block; None where the block is no image."""
    if not is_image(block):
        return None
    inner: Mapping[str, Any] = next((block[name] for name in _WRAPPERS if isinstance(block.get(name), Mapping)), {})
    return _carried({**block, **inner})


def beside_image(block: Mapping[Any, Any]) -> dict[Any, Any]:
    """What an image's block holds beside the image."""
    carriers = (*_ENCODED, *_ADDRESSES, *_IDS, "s3Location")
    return {
        key: beside_image(value) if key in (*_WRAPPERS, "source") and isinstance(value, Mapping) else value
        for key, value in block.items()
        if key not in carriers and not (key in _MIME_TYPES and _is_mime_type(value))
    }


def _is_mime_type(value: Any) -> bool:
    return isinstance(value, str) and not any(map(str.isspace, value))


def load(found: Iterable[Found], loader: ImageLoader | None) -> tuple[tuple[Image, ...], int]:
    """The images, fetched where a loader is given, and how many could not be had. Blocks while it fetches."""
    images = [_fetched(each, loader) if isinstance(each, Reference) else each for each in found]
    here = tuple(image for image in images if isinstance(image, Image))
    return here, len(images) - len(here)


def _fetched(reference: Reference, loader: ImageLoader | None) -> Image | Uninspectable:
    if loader is None:
        return Uninspectable()
    try:
        return Image(loader(reference.address))
    except Exception:  # noqa: BLE001 - whatever a loader does, the image was not looked at, and no address gets out
        return Uninspectable()


def _carried(block: Mapping[str, Any]) -> Found:
    """The one image that a block carries. Of two, nobody knows which one a model would be shown."""
    source = block.get("source")
    flat = {**block, **source} if isinstance(source, Mapping) else block
    carried = [_encoded(flat[name]) for name in _ENCODED if flat.get(name)]
    carried += [_addressed(flat[name]) for name in _ADDRESSES if flat.get(name)]
    carried += [Reference(flat[name]) for name in _IDS if isinstance(flat.get(name), str)]
    if isinstance(place := flat.get("s3Location"), Mapping):
        carried.append(_addressed(place.get("uri")))
    if not carried and isinstance(block.get("id"), str):  # what LangChain makes of Anthropic's files
        return Reference(block["id"])
    return carried[0] if len(carried) == 1 else Uninspectable()


def _encoded(value: Any) -> Found:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Image(bytes(value))
    if not isinstance(value, str):
        return Uninspectable()
    if value[:5].lower() == "data:":
        head, _, value = value.partition(",")
        if not head.lower().endswith(";base64"):
            return Uninspectable()
    try:
        return Image.from_data_url(f"data:image/any;base64,{''.join(value.split())}")
    except InputError:
        return Uninspectable()


def _addressed(value: Any) -> Found:
    if isinstance(value, Mapping):
        value = value.get("url")
    if not isinstance(value, str) or not value:
        return Uninspectable()
    if value[:5].lower() == "data:":
        return _encoded(value)
    bare = _encoded(value) if "://" not in value else Uninspectable()  # Google takes base64 without a scheme
    return bare if isinstance(bare, Image) else Reference(value)
