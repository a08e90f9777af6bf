"""Small pictures for a page: only pixels that came out of the bounded decoder, never the file that was given."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from eyelid.protocols import ImageDecoder
from eyelid.types import DecodedImage, Frame, Image


def thumbnails(decoder: ImageDecoder, images: Sequence[Image], *, side: int = 200) -> list[str]:
    """A PNG data URL for each image, at most `side` pixels wide and high; "" for one that cannot be decoded."""
    decoded = decoder.decode(list(images)) if images else []
    return [_data_url(item.frames[0], side) if isinstance(item, DecodedImage) else "" for item in decoded]


def _data_url(frame: Frame, side: int) -> str:
    from PIL import Image as Pillow

    picture = Pillow.frombytes("RGB", (frame.width, frame.height), frame.rgb)
    picture.thumbnail((side, side))
    png = io.BytesIO()
    picture.save(png, "PNG")
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
