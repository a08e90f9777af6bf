"""The pictures made of one picture, so that writing can be found that a plain look misses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyelid.readers._lines import Line

Pixels = NDArray[np.uint8]

_FULL_CONTRAST = 200  # levels between darkest and brightest above which stretching changes little
_FAINT = 64  # levels between darkest and brightest outside the boxes below which stretching may show more
_MARGIN = 10  # pixels around a box that belong to it: JPEG blocks ring by up to 8


def without(pixels: Pixels, lines: Sequence[Line]) -> Pixels:
    """What lies outside the boxes already found; the boxes are filled with the usual colour."""
    rest = pixels.copy()
    usual = np.median(pixels[::4, ::4], axis=(0, 1))
    for line in lines:
        rest[_around(line.top, line.bottom), _around(line.left, line.right)] = usual
    return rest


def span(pixels: Pixels) -> int:
    """Levels between darkest and brightest, in the colour where they lie farthest apart."""
    return int(np.ptp(pixels.reshape(-1, 3), axis=0).max())


def stretched(pixels: Pixels, lines: Sequence[Line]) -> Pixels | None:
    """What lies outside the boxes already found, at full contrast; None if it is flat or strong already."""
    rest = without(pixels, lines)
    if not 0 < span(rest) < (_FAINT if lines else _FULL_CONTRAST):
        return None
    low, high = rest.min(axis=(0, 1)).astype(np.float32), rest.max(axis=(0, 1)).astype(np.float32)
    full: Pixels = ((rest - low) * (255.0 / np.maximum(high - low, 1.0))).astype(np.uint8)
    return full


def _around(start: float, end: float) -> slice:
    return slice(max(0, int(start) - _MARGIN), int(end) + _MARGIN)


def doubled(pixels: Pixels) -> Pixels:
    """Twice the size."""
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((width * 2, height * 2), Image.Resampling.BICUBIC))


def shrunk(pixels: Pixels, factor: int) -> Pixels:
    """A fraction of the size, smoothly."""
    return np.asarray(Image.fromarray(pixels).reduce(factor))


def tiles(pixels: Pixels, *, size: int, overlap: int) -> Iterator[tuple[int, int, Pixels]]:
    """Overlapping squares that cover everything, each with its left and top."""
    height, width = pixels.shape[:2]
    for top in _starts(height, size, overlap):
        for left in _starts(width, size, overlap):
            yield left, top, pixels[top : top + size, left : left + size]


def _starts(length: int, size: int, overlap: int) -> list[int]:
    if length <= size:
        return [0]
    count = -(-(length - overlap) // (size - overlap))
    return [round(index * (length - size) / (count - 1)) for index in range(count)]
