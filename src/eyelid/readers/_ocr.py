"""The embedded reader: visible writing, found with RapidOCR in a few views of every picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyelid._optional import require
from eyelid.protocols import Reading, ReadRequest
from eyelid.readers._engine import Look, OutOfTime, Pixels, TooManyBoxes
from eyelid.readers._lines import Line, arrange, merge
from eyelid.readers._views import doubled, stretched, tiles
from eyelid.types import DecodedImage, Failure, Frame

_SMALL_WRITING = 22.0  # pixels; below, writing is read better at twice the size
_ONE_LOOK_SIDE = 1600  # pixels; the detector sees at most 1280 of them
_TILE, _OVERLAP = 1280, 160
_DENSE_TILE = 480
_KEPT = 0.3  # below this score a text is noise
_READ = 0.6  # below this score a box counts as not read


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines of one picture and the boxes that could not be read."""

    lines: tuple[Line, ...]
    unreadable: int


class OcrReader:
    """Read the writing in images with RapidOCR, whose models come with its package; nothing is downloaded.

    Every picture of an image is read: first as it is; what lies outside the boxes at full contrast, where it
    is faint; doubtful boxes in a mirror; small writing at twice the size; large pictures also tile by tile.
    One session per process serves every reader, on one processor thread; calls take turns.

    Args:
        budget: seconds for one image with all its pictures; beyond it the image is a failed look.
        box_limit: boxes of writing in one look; a denser picture is read tile by tile, and one that is too
            dense even then is a failed look.

    Raises:
        MissingExtraError: the extra `ocr` is not installed.
    """

    name = "rapidocr"

    def __init__(self, *, budget: float = 5.0, box_limit: int = 200) -> None:
        require("ocr", "rapidocr", "onnxruntime")
        self._budget = budget
        self._box_limit = box_limit

    def read(self, batch: Sequence[ReadRequest], /) -> list[Reading | Failure]:
        """Read every image.

        Returns:
            For each image, in order, its text (pictures parted by an empty line) or a `Failure` of stage
            "read" with the code "timeout", "too_dense" or "error".
        """
        return [self._read_one(request.image) for request in batch]

    def _read_one(self, image: DecodedImage) -> Reading | Failure:
        look = Look(deadline=time.monotonic() + self._budget, box_limit=self._box_limit)
        try:
            pages = [self._page(_pixels(frame), look) for frame in dict.fromkeys(image.frames)]
        except OutOfTime:
            return self._failure("timeout", f"reading took longer than {self._budget:g} s")
        except TooManyBoxes:
            return self._failure("too_dense", "there is more writing than can be read in time")
        except Exception as error:  # a session or an image library that fails must fail this image alone
            return self._failure("error", f"the reader raised {type(error).__name__}")
        texts = dict.fromkeys(arrange(page.lines) for page in pages)
        return Reading(
            text="\n\n".join(text for text in texts if text),
            frames=len(image.frames),
            pixels=sum(frame.width * frame.height for frame in image.frames),
            unreadable=sum(page.unreadable for page in pages),
        )

    def _page(self, pixels: Pixels, look: Look) -> _Page:
        lines = _plain(pixels, look)
        weak_ones_count = list(lines)
        faint = stretched(pixels, lines)
        if faint is not None:
            # stretched noise may look like writing; only what can be read is taken from it
            lines = merge([lines, [line for line in _plain(faint, look) if line.score >= _READ]])
        if lines and min(line.height for line in lines) < _SMALL_WRITING and max(pixels.shape[:2]) < _ONE_LOOK_SIDE:
            larger = [line.scale(0.5) for line in _plain(doubled(pixels), look)]
            lines = merge([lines, larger])
        return _Page(tuple(line for line in lines if line.score >= _KEPT), _unreadable(lines, weak_ones_count))

    def _failure(self, code: str, detail: str) -> Failure:
        return Failure(stage="read", code=code, detail=detail, source=self.name)


def _plain(pixels: Pixels, look: Look) -> list[Line]:
    """One look at the whole, and where it is large or dense at its tiles."""
    try:
        whole = look(pixels)
    except TooManyBoxes:
        if max(pixels.shape[:2]) <= _DENSE_TILE:
            raise
        return _tiled(pixels, look, _DENSE_TILE)
    if max(pixels.shape[:2]) <= _ONE_LOOK_SIDE:
        return whole
    return merge([whole, _tiled(pixels, look, _TILE)])


def _tiled(pixels: Pixels, look: Look, size: int) -> list[Line]:
    return merge(
        [line.shift(left, top) for line in look(tile)]
        for left, top, tile in tiles(pixels, size=size, overlap=size // 8)
    )


def _unreadable(lines: Sequence[Line], found: Sequence[Line]) -> int:
    weak = [line for line in lines if line.score < _READ]
    return len(weak)


def _pixels(frame: Frame) -> Pixels:
    return np.frombuffer(frame.rgb, dtype=np.uint8).reshape(frame.height, frame.width, 3)
