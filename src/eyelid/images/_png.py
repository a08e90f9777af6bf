"""Canonical PNG bytes: the same pixels always give the same file."""

from __future__ import annotations

import io

from eyelid.types import Frame


def to_png(frame: Frame) -> bytes:
    """Encode one picture as 8-bit RGB PNG without any metadata.

    Hand these bytes to the model instead of the original file, so that it sees the pixels that were looked
    at: nothing that hides in other frames, under transparency, in metadata or behind the end of the file
    survives.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.frombytes("RGB", (frame.width, frame.height), frame.rgb).save(file, format="PNG", compress_level=1)
    return file.getvalue()
