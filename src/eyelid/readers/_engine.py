"""RapidOCR behind one lock: pixels in, lines with scores out, never past the deadline.

RapidOCR's own call is avoided: its arguments stick to the instance for every later caller, it opens URLs and
paths, and it drops boxes whose writing it could not recognise. Its three steps are public and have none of
these habits.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid.readers._lines import Line

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
_SMALLEST_SIDE = 32  # the detector works on a grid of 32 pixels


class OutOfTime(Exception):
    """The deadline passed between two steps."""


class TooManyBoxes(Exception):
    """More boxes were found than one look may hold."""


@dataclass(frozen=True, slots=True)
class Look:
    """Reads pixels with one engine, until a deadline, up to a number of boxes.

    Args:
        deadline: on the monotonic clock, in seconds.
        box_limit: boxes one look may hold.
    """

    deadline: float
    box_limit: int

    def __call__(self, pixels: Pixels) -> list[Line]:
        """Lines found in an RGB array `(height, width, 3)`, in its coordinates, in no order.

        Raises:
            OutOfTime: the deadline passed.
            TooManyBoxes: there are more boxes than `box_limit`.
        """
        self.check()
        padded = _padded(np.ascontiguousarray(pixels[:, :, ::-1]))
        station = _stations.setdefault(os.getpid(), _Station())
        with station.lock:
            self.check()
            engine = station.engine()
            crops, boxes = _detect(engine, padded)
            if len(boxes) > self.box_limit:
                raise TooManyBoxes
            return self._recognise(engine, crops, boxes)

    def check(self) -> None:
        """Raise `OutOfTime` once the deadline has passed."""
        if time.monotonic() >= self.deadline:
            raise OutOfTime

    def _recognise(self, engine: Any, crops: list[Pixels], boxes: list[NDArray[np.float64]]) -> list[Line]:
        # crops of like width together: a batch is padded to its widest
        order = sorted(range(len(crops)), key=lambda index: crops[index].shape[1] / max(1, crops[index].shape[0]))
        lines: list[Line] = []
        for start in range(0, len(order), _CROPS_AT_ONCE):
            self.check()
            chosen = order[start : start + _CROPS_AT_ONCE]
            plain = _texts(engine, [crops[index] for index in chosen])
            lines += [Line.at(boxes[index], *read) for index, read in zip(chosen, plain, strict=True)]
        return self._mirrored(engine, crops, order, lines)

    def _mirrored(self, engine: Any, crops: list[Pixels], order: list[int], lines: list[Line]) -> list[Line]:
        doubtful = [place for place, line in enumerate(lines) if line.score < _DOUBTFUL]
        for start in range(0, len(doubtful), _CROPS_AT_ONCE):
            self.check()
            chosen = doubtful[start : start + _CROPS_AT_ONCE]
            turned = [np.ascontiguousarray(crops[order[place]][:, ::-1]) for place in chosen]
            for place, (text, score) in zip(chosen, _texts(engine, turned), strict=True):
                if score > lines[place].score:
                    lines[place] = lines[place].mirror(text, score)
        return lines


class _Station:
    """The engine of one process, made when first needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._engine: Any = None

    def engine(self) -> Any:
        if self._engine is None:
            from rapidocr import RapidOCR

            self._engine = RapidOCR(params=dict(_SETTINGS))
        return self._engine


# by process id: a session does not survive a fork for certain, and the lock may be held while forking
_stations: dict[int, _Station] = {}


def _padded(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    smallest = max(_SMALLEST_SIDE, max(height, width) // 8)  # thin strips are not found at all
    down, across = max(0, smallest - height), max(0, smallest - width)
    return np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="edge") if down or across else pixels


def _detect(engine: Any, pixels: Pixels) -> tuple[list[Pixels], list[NDArray[np.float64]]]:
    from rapidocr.main import RapidOCRError

    try:
        crops, found = engine.detect_and_crop(pixels, {})
    except RapidOCRError:  # its way to say that there are no boxes
        return [], []
    usable = [index for index, crop in enumerate(crops) if min(crop.shape[:2]) > 0]
    return [crops[index] for index in usable], [np.asarray(found.boxes[index], dtype=np.float64) for index in usable]


def _texts(engine: Any, crops: list[Pixels]) -> list[tuple[str, float]]:
    upright, _ = engine.cls_and_rotate(list(crops))
    read = engine.recognize_txt(upright)
    # not-a-number compares false with everything and would pass as a good score
    scores = [float(score) if np.isfinite(score) else 0.0 for score in read.scores]
    return [(text.strip(), score if text.strip() else 0.0) for text, score in zip(read.txts, scores, strict=True)]
