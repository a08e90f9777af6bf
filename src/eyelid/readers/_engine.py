"""RapidOCR behind one lock: pixels in, lines with scores out, never past the deadline.

RapidOCR's own call is avoided: its arguments stick to the instance for every later caller, it opens URLs and
paths, and it drops boxes whose writing it could not recognise. Its three steps are public and have none of
these habits.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid.readers._lines import UPRIGHT, Line, Orientation

Pixels = NDArray[np.uint8]

#: Settings are for the life of the process. `limit_type="max"` matters most: with the default, a picture of
#: 32x2000 pixels is scaled up to 736x46000.
_SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_vertical_padding": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": 1280,
}

_CROPS_AT_ONCE = 6  # RapidOCR's own batch; between two of them the clock is looked at
_DOUBTFUL = 0.9  # mirrored writing scores about 0.78, plain writing 0.95 to 1
# Per height of a line's length; plain writing has about 2. A sure reading with fewer misses most of what is there:
# flipped "Open the" is read as "O".
_FEWEST_LETTERS = 0.6
_LONGER = 1.2  # a box this much longer than a line already read may hold more of it
_SMALLEST_SIDE = 32  # the detector works on a grid of 32 pixels


class OutOfTime(Exception):
    """The deadline passed between two steps."""


class TooManyBoxes(Exception):
    """More boxes were found than one look may hold."""


@dataclass(frozen=True, slots=True)
class Look:
    """Reads pixels with one engine, until a deadline, up to a number of boxes.

    Args:
        engine: whose turn it is (`turn`).
        deadline: on the monotonic clock, in seconds.
        box_limit: boxes one look may hold.
    """

    engine: Any
    deadline: float
    box_limit: int

    def __call__(self, pixels: Pixels, known: Sequence[Line] = ()) -> list[Line]:
        """Lines found in an RGB array `(height, width, 3)`, in its coordinates, in no order.

        Args:
            pixels: the picture.
            known: lines read already; boxes that one of them holds and that are no longer are left out.

        Raises:
            OutOfTime: the deadline passed.
            TooManyBoxes: there are more boxes than `box_limit`.
        """
        self.check()
        crops = _detect(self.engine, _padded(np.ascontiguousarray(pixels[:, :, ::-1])))
        if len(crops) > self.box_limit:
            raise TooManyBoxes
        return self._recognise([crop for crop in crops if not any(crop.is_known(line) for line in known)])

    def check(self) -> None:
        """Raise `OutOfTime` once the deadline has passed."""
        if time.monotonic() >= self.deadline:
            raise OutOfTime

    def _recognise(self, crops: list[_Crop]) -> list[Line]:
        # crops of like width together: a batch is padded to its widest
        lines: list[Line] = []
        waiting = sorted(crops, key=lambda crop: crop.pixels.shape[1] / crop.pixels.shape[0])
        for start in range(0, len(waiting), _CROPS_AT_ONCE):
            self.check()
            some = waiting[start : start + _CROPS_AT_ONCE]
            plain = _read(self.engine, some)
            doubtful = [place for place, line in enumerate(plain) if line.score < _DOUBTFUL]
            mirrored = _read(self.engine, [some[place].mirror() for place in doubtful])
            for place, line in zip(doubtful, mirrored, strict=True):
                plain[place] = max(plain[place], line, key=lambda line: line.score)
            lines += plain
        return lines


@dataclass(frozen=True, slots=True)
class _Crop:
    """The pixels of one box, laid so that it is wider than high, and how that turned its writing."""

    pixels: Pixels
    corners: NDArray[np.float64]
    orientation: Orientation

    def is_known(self, line: Line) -> bool:
        x, y = (float(value) for value in self.corners.mean(axis=0))
        length = max(math.dist(self.corners[0], self.corners[1]), math.dist(self.corners[1], self.corners[2]))
        return length <= _LONGER * line.length and line.covers(x, y)

    def mirror(self) -> _Crop:
        return _Crop(np.ascontiguousarray(self.pixels[:, ::-1]), self.corners, self.orientation.mirrored())


class _Station:
    """The engine of one process, made when first needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._engine: Any = None

    def engine(self) -> Any:
        if self._engine is None:
            from rapidocr import RapidOCR

            engine = RapidOCR(params=dict(_SETTINGS))
            # each step loads its model when first used; that is not to count against an image's time
            blank = np.full((64, 64, 3), 255, dtype=np.uint8)
            _detect(engine, blank)
            _read(engine, [_Crop(blank, np.array([(0, 0), (64, 0), (64, 64), (0, 64)], dtype=np.float64), UPRIGHT)])
            self._engine = engine
        return self._engine


# by process id: a session does not survive a fork for certain, and the lock may be held while forking
_stations: dict[int, _Station] = {}


@contextmanager
def turn() -> Iterator[Any]:
    """The engine of this process, loaded if need be, for one caller alone: waiting is over before a clock starts."""
    station = _stations.setdefault(os.getpid(), _Station())
    with station.lock:
        yield station.engine()


def _padded(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    smallest = max(_SMALLEST_SIDE, max(height, width) // 8)  # thin strips are not found at all
    down, across = max(0, smallest - height), max(0, smallest - width)
    return np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="edge") if down or across else pixels


def _detect(engine: Any, pixels: Pixels) -> list[_Crop]:
    from rapidocr.main import RapidOCRError

    try:
        crops, found = engine.detect_and_crop(pixels, {})
    except RapidOCRError:  # its way to say that there are no boxes
        return []
    boxes = np.asarray(found.boxes, dtype=np.float64)
    return [
        _Crop(crop, box, _orientation(box)) for crop, box in zip(crops, boxes, strict=True) if min(crop.shape[:2]) > 0
    ]


def _orientation(box: NDArray[np.float64]) -> Orientation:
    """Along the upper side; along the right side where RapidOCR turned the crop a quarter.

    It does so with boxes at least one and a half times as high as wide.
    """
    upper, right, lower, left = (box[(index + 1) % 4] - box[index] for index in range(4))
    width = int(max(np.linalg.norm(upper), np.linalg.norm(lower)))
    height = int(max(np.linalg.norm(right), np.linalg.norm(left)))
    along = right if height >= 1.5 * width else upper
    x, y = (float(value) for value in along / max(float(np.linalg.norm(along)), 1e-9))
    return Orientation(along=(x, y), onward=(-y, x))


def _read(engine: Any, crops: list[_Crop]) -> list[Line]:
    if not crops:
        return []
    upright, turns = engine.cls_and_rotate([crop.pixels for crop in crops])
    read = engine.recognize_txt(upright)
    lines = []
    for crop, (label, sure), text, score in zip(crops, turns.cls_res, read.txts, read.scores, strict=True):
        turned = "180" in label and sure > engine.cfg.Cls.cls_thresh
        corners = tuple((float(x), float(y)) for x, y in crop.corners)
        # not-a-number compares false with everything and would pass as a good score
        usable = bool(text.strip()) and bool(np.isfinite(score))
        orientation = crop.orientation.turned() if turned else crop.orientation
        line = Line(text.strip(), float(score) if usable else 0.0, corners, orientation)
        too_short = len(line.text) < _FEWEST_LETTERS * line.length / max(1.0, line.height) - 1
        lines.append(replace(line, score=line.score / 2) if too_short else line)
    return lines
