"""Images in LlamaIndex's blocks and nodes: as bytes, as an address, or as what nobody can look at.

LlamaIndex's own `resolve_image` fetches URLs and opens any path; it is never called here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import IOBase
from pathlib import Path
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ImageBlock

from eyelid import Image
from eyelid.errors import InputError
from llama_index.postprocessor.eyelid._settings import Settings


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that is given by its address. It is never fetched unless a loader is given."""

    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """An image that is given by a path. It is never opened unless it lies below the allowed root."""

    path: Path = field(repr=False)


@dataclass(frozen=True, slots=True)
class Uninspectable:
    """An image, or what claims to be one, that cannot be looked at."""


Found: TypeAlias = Image | Reference | LocalFile | Uninspectable


def read_image(*, data: Any = None, path: Any = None, url: Any = None) -> Found | None:
    """The image of which a block or a node has these fields; None where all are empty.

    Of two forms nobody knows which one a model would be shown, so together they are uninspectable.

    Args:
        data: base64 as a string or bytes, encoded bytes, or an open buffer.
        path: a path, or `file://`.
        url: a data URL, or an address.
    """
    found = [read(value) for read, value in ((_encoded, data), (_local, path), (_addressed, url)) if value]
    if not found:
        return None
    return found[0] if len(found) == 1 else Uninspectable()


def read_block(block: ImageBlock) -> Found:
    """The image in a block of a message; a block without one is uninspectable."""
    return read_image(data=block.image, path=block.path, url=block.url) or Uninspectable()


def load(found: Sequence[Found], settings: Settings) -> tuple[tuple[Image, ...], int]:
    """The images, and how many could not be had. Blocks while it reads files and fetches."""
    images = [_loaded(each, settings) for each in found]
    here = tuple(image for image in images if isinstance(image, Image))
    return here, len(images) - len(here)


async def aload(found: Sequence[Found], settings: Settings) -> tuple[tuple[Image, ...], int]:
    """As `load`, without ever blocking the event loop."""
    if all(isinstance(each, (Image, Uninspectable)) for each in found):
        return load(found, settings)
    return await asyncio.to_thread(load, found, settings)


def _loaded(found: Found, settings: Settings) -> Image | Uninspectable:
    match found:
        case Reference(address) if settings.image_loader is not None:
            try:
                return Image(settings.image_loader(address))
            except Exception:  # noqa: BLE001 - whatever a loader does, the image was not looked at
                return Uninspectable()
        case LocalFile(path) if settings.allowed_root is not None:
            try:
                return Image.from_path(path.absolute(), root=settings.allowed_root)
            except InputError:
                return Uninspectable()
        case Image():
            return found
    return Uninspectable()


def _encoded(value: Any) -> Found:
    if isinstance(value, IOBase):
        return _buffered(value)
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if not isinstance(value, (bytes, bytearray, memoryview)):
        return Uninspectable()
    raw = bytes(value)
    try:
        # LlamaIndex takes bytes for base64 wherever they can be read so, and hands them to the model as such.
        return Image.from_data_url(f"data:image/any;base64,{raw.decode('ascii').strip()}")
    except (InputError, UnicodeDecodeError):
        return Image(raw)


def _buffered(buffer: IOBase) -> Found:
    try:
        place = buffer.tell()
        buffer.seek(0)
        raw = buffer.read()
        buffer.seek(place)
    except (OSError, ValueError, AttributeError):
        return Uninspectable()
    return Image(raw) if isinstance(raw, bytes) else Uninspectable()


def _local(value: Any) -> Found:
    text = str(value)
    return LocalFile(Path(text.removeprefix("file://"))) if text else Uninspectable()


def _addressed(value: Any) -> Found:
    text = str(value)
    if text[:5].lower() == "data:":
        try:
            return Image.from_data_url(text)
        except InputError:
            return Uninspectable()
    return _local(text) if text[:7].lower() == "file://" else Reference(text)
