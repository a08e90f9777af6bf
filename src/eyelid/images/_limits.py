"""How large an image may be. Everything is checked on the header, before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from eyelid.types import MAX_IMAGE_BYTES


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds on one image file.

    Args:
        bytes: size of the encoded file.
        pixels: width times height of the canvas.
        side: longer side, in pixels.
        handed_on_side: longer side of the pictures that are read and handed on, in pixels; larger ones are
            scaled down. Models scale down what they are given, and what only appears then has to be seen here.
        aspect: longer side over shorter side; asked only of images longer than `aspect_side`, because a
            spacer or a rule of a few pixels is thin and harmless.
        aspect_side: longer side, in pixels, up to which the aspect is not asked.
        frames: frames of an animation.
        total_pixels: pixels over all pictures the file yields (animation frames and views of transparency).
        scans: start-of-scan markers in a JPEG. Decoding time grows with each one, whatever the size; a
            progressive photo has about ten.
    """

    bytes: int = MAX_IMAGE_BYTES
    pixels: int = 16_000_000
    side: int = 8192
    handed_on_side: int = 2048
    aspect: float = 20.0
    aspect_side: int = 512
    frames: int = 16
    total_pixels: int = 64_000_000
    scans: int = 64
