"""Requests → exchanges: what a client sends as it is written, and what the guard looks at."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence

from eyelid.serving._bodies import CheckBody, ImagePart, TextPart
from eyelid.serving._problem import Problem
from eyelid.serving._settings import Settings
from eyelid.types import MAX_IMAGE_BYTES, Exchange, Image, Surface

#: Letters of base64 decoded in one go, so that other threads get their turn; a multiple of four.
_GO = 1024 * 1024
#: Letters up to which decoding is quicker than handing it to another thread.
_QUICK = 64 * 1024


async def exchange_of(body: CheckBody, settings: Settings, *, within: str = "") -> Exchange:
    """What is to be looked at.

    Raises:
        Problem: there is nothing, or an image is none.
    """
    images = await images_of(body.images, settings, within=f"{within}.images" if within else "images")
    surface = body.place
    wanted = "prompt" if surface is Surface.INPUT else "response"
    if getattr(body, wanted) is None and not images:
        where = f"{within}.{wanted}" if within else wanted
        raise Problem(400, "nothing", f"the surface {surface.value!r} looks at {wanted!r} and 'images'", param=where)
    return Exchange(body.prompt or "", body.response or "", images, tuple(body.history), surface)


async def exchange_of_parts(parts: Sequence[TextPart | ImagePart], surface: Surface, settings: Settings) -> Exchange:
    """Texts and images that belong together, on one surface; the texts are joined by blank lines."""
    text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
    links = [part.image_url.url for part in parts if isinstance(part, ImagePart)]
    images = await images_of(links, settings, within="input")
    return exchange_of_text(text, surface, images)


def exchange_of_text(text: str, surface: Surface, images: tuple[Image, ...] = ()) -> Exchange:
    """A text as what is looked at on a surface."""
    if surface is Surface.INPUT:
        return Exchange(prompt=text, images=images, surface=surface)
    return Exchange(response=text, images=images, surface=surface)


async def images_of(links: Sequence[str], settings: Settings, *, within: str) -> tuple[Image, ...]:
    """Images of a request.

    Raises:
        Problem: there are too many, or one is not base64 or too large.
    """
    if len(links) > settings.max_images:
        raise Problem(413, "too_many", f"{within} has more than {settings.max_images} images", param=within)
    return tuple([await _image(link, f"{within}.{number}") for number, link in enumerate(links)])


async def _image(link: str, where: str) -> Image:
    letters = _letters(link, where)
    if len(letters) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise Problem(413, "too_large", f"{where} is larger than {MAX_IMAGE_BYTES} bytes", param=where)
    try:
        if len(letters) <= _QUICK:
            return Image(_decoded(letters))
        return Image(await asyncio.to_thread(_decoded, letters))
    except (binascii.Error, ValueError):
        raise Problem(400, "base64", f"{where} is not base64", param=where) from None


def _letters(link: str, where: str) -> str:
    if link[:5].lower() != "data:":
        if "://" in link[:64]:
            raise Problem(400, "url", f"{where} is a URL; nothing is fetched, send the image itself", param=where)
        return link
    head, comma, letters = link.partition(",")
    if not comma or not head[:11].lower() == "data:image/" or not head[-7:].lower() == ";base64":
        raise Problem(400, "url", f"{where} is not a base64 data URL of an image", param=where)
    return letters


def _decoded(letters: str) -> bytes:
    # Strict: lax decoding would drop what is no base64, and another reader might see another image.
    if any("=" in letters[end - 2 : end] for end in range(_GO, len(letters), _GO)):
        raise ValueError
    return b"".join(base64.b64decode(letters[at : at + _GO], validate=True) for at in range(0, len(letters), _GO))
