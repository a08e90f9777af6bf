"""The embedded reader: visible writing, found with RapidOCR in a few views of every picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyelid._optional import require
from eyelid.protocols import Reading, ReadRequest
from eyelid.readers._engine import Look, OutOfTime, Pixels, TooManyBoxes, turn
from eyelid.readers._lines import Line, arrange, merge
from eyelid.readers._views import doubled, shrunk, span, stretched, tiles, without
from eyelid.types import DecodedImage, Failure, Frame

_SMALL_WRITING = 16.0  # pixels; letters of 12 are all read as they are, of 8 to 10 better at twice the size
_SURE = 0.95  # above this score a line is not looked at again
# The detector overlooks small writing on a large, mostly empty canvas: letters of 20 pixels are all found at
# 760x760, a third of them at 1280x1280, none at 2048x2048.
_ONE_LOOK_SIDE = 800
_TILE = 640
_SMALL_TILE = 400  # for writing that is looked at doubled, and for dense writing
_SHRINK = 3  # huge or blurred letters are only seen from afar
_FLAT = 6  # levels; a tile that varies less outside the boxes already found holds nothing new
_KEPT = 0.3  # below this score a text is noise
_READ = 0.6  # below this score a box counts as not read
# Patterns in icons, photos and charts are taken for letters, at most four of them; writing has lines.
_LINE_LENGTH = 4.0  # times the height
_LEGIBLE_HEIGHT = 8.0  # pixels; smaller than this nobody reads


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
        budget: seconds for one image with all its pictures, once it is its turn; beyond it the image is a
            failed look.
        box_limit: boxes of writing in one look; a denser picture is read tile by tile, and one that is too
            dense even then is a failed look.

    Raises:
        MissingExtraError: the extra `ocr` is not installed.
    """

    name = "rapidocr"

    def __init__(self, *, budget: float = 10.0, box_limit: int = 200) -> None:
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
        try:
            with turn() as engine:
                look = Look(engine, deadline=time.monotonic() + self._budget, box_limit=self._box_limit)
                pages = [self._page(_pixels(frame), look) for frame in dict.fromkeys(image.frames)]
            texts = dict.fromkeys(arrange(page.lines) for page in pages)
        except OutOfTime:
            return self._failure("timeout", f"reading took longer than {self._budget:g} s")
        except TooManyBoxes:
            return self._failure("too_dense", "there is more writing than can be read in time")
        except Exception as error:  # noqa: BLE001 - a session that fails must fail this image alone
            return self._failure("error", f"the reader raised {type(error).__name__}")
        return Reading(
            text="\n\n".join(text for text in texts if text),
            frames=len(image.frames),
            pixels=sum(frame.width * frame.height for frame in image.frames),
            unreadable=sum(page.unreadable for page in pages),
        )

    def _page(self, pixels: Pixels, look: Look) -> _Page:
        lines = _plain(pixels, look)
        # stretched noise and shrunk patterns may look like writing; only what can be read is taken from them
        faint = stretched(pixels, lines)
        if faint is not None:
            lines = merge([lines, _readable(_plain(faint, look))])
        if not lines and span(pixels) >= _FLAT:
            lines = _readable([line.scale(_SHRINK) for line in look(shrunk(pixels, _SHRINK))])
        lines = _doubled(pixels, look, lines)
        return _Page(tuple(line for line in lines if line.score >= _KEPT), _unreadable(lines))

    def _failure(self, code: str, detail: str) -> Failure:
        return Failure(stage="read", code=code, detail=detail, source=self.name)


def _plain(pixels: Pixels, look: Look) -> list[Line]:
    """One look at the whole, and where it is large or dense at its tiles."""
    try:
        whole = look(pixels)
    except TooManyBoxes:
        if max(pixels.shape[:2]) <= _SMALL_TILE:
            raise
        return _tiled(pixels, look, _SMALL_TILE, [])
    if max(pixels.shape[:2]) <= _ONE_LOOK_SIDE:
        return whole
    return _tiled(pixels, look, _TILE, whole)


def _tiled(pixels: Pixels, look: Look, size: int, lines: list[Line]) -> list[Line]:
    """The lines, and what the tiles add to them."""
    rest = without(pixels, lines)
    for left, top, tile in tiles(pixels, size=size, overlap=size // 6):
        if span(rest[top : top + size, left : left + size]) >= _FLAT:
            known = [line.shift(-left, -top) for line in lines if line.score >= _SURE]
            lines = merge([lines, [line.shift(left, top) for line in look(tile, known)]])
    return lines


def _doubled(pixels: Pixels, look: Look, lines: list[Line]) -> list[Line]:
    """The lines, and what is read better in tiles with small writing when they are twice as large."""
    for left, top, tile in tiles(pixels, size=_SMALL_TILE, overlap=_SMALL_TILE // 6):
        height, width = tile.shape[:2]
        small = [line for line in lines if line.height < _SMALL_WRITING and line.score < _SURE]
        if any(line.meets(left, top, left + width, top + height) for line in small):
            known = [line.shift(-left, -top).scale(2) for line in lines if line.score >= _SURE]
            found = [line.scale(0.5).shift(left, top) for line in look(doubled(tile), known)]
            lines = merge([lines, found])
    return lines


def _unreadable(lines: Sequence[Line]) -> int:
    """Boxes that must be writing, by their length, and could not be read."""
    return sum(
        line.score < _READ and line.height >= _LEGIBLE_HEIGHT and line.length >= _LINE_LENGTH * line.height
        for line in lines
    )


def _readable(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.score >= _READ]


def _pixels(frame: Frame) -> Pixels:
    return np.frombuffer(frame.rgb, dtype=np.uint8).reshape(frame.height, frame.width, 3)
