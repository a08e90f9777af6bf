"""Images in LangChain's messages: every form that its providers know, as an image or as what nobody can look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from eyelid import Image

from langchain_eyelid._settings import ImageLoader


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that is given by address: an URL or a file id. It is never fetched unless a loader is given."""

    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Uninspectable:
    """An image, or what claims to be one, that cannot be looked at."""


Found: TypeAlias = Image | Reference | Uninspectable


def read_image(block: Mapping[str, Any]) -> Found | None:
    """The image in a content block of any provider; None where the block is no image."""
    raise NotImplementedError


def load(found: Iterable[Found], loader: ImageLoader | None) -> tuple[tuple[Image, ...], int]:
    """The images, fetched where a loader is given, and how many could not be had. Blocks while it fetches."""
    raise NotImplementedError
