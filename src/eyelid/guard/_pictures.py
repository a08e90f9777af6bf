"""The images of an exchange: decoded, read, and how much of them was seen."""

from __future__ import annotations

from dataclasses import dataclass

from eyelid.guard._case import Case
from eyelid.guard._effects import Effect, Flow, Stage
from eyelid.protocols import Reading, ReadRequest
from eyelid.types import DecodedImage, Failure


@dataclass(frozen=True, slots=True)
class Picture:
    """One image and what was read in it; `None` for what could not be done."""

    decoded: DecodedImage | None = None
    reading: Reading | None = None

    @property
    def text(self) -> str:
        """The visible writing."""
        return self.reading.text if self.reading else ""

    @property
    def total_frames(self) -> int:
        """Frames to be read; an image that could not be decoded has at least one."""
        return max(len(self.decoded.frames), self.decoded.total_frames) if self.decoded else 1

    @property
    def total_pixels(self) -> int:
        """Pixels to be read, over all frames."""
        return sum(frame.width * frame.height for frame in self.decoded.frames) if self.decoded else 1

    @property
    def frames(self) -> int:
        """Frames that were read."""
        return min(self.reading.frames, self.total_frames) if self.reading else 0

    @property
    def pixels(self) -> int:
        """Pixels that were read."""
        return min(self.reading.pixels, self.total_pixels) if self.reading else 0

    @property
    def problem(self) -> Failure | None:
        """Why an image that was read is nevertheless uninspectable."""
        if self.reading is None:
            return None  # whatever prevented it has its own failure
        if self.reading.unreadable:
            return Failure("read", "uninspectable", f"{self.reading.unreadable} pieces of writing could not be read")
        if self.frames < self.total_frames or self.pixels < self.total_pixels:
            return Failure("read", "coverage", "some frames or pixels were not read")
        return None

    @property
    def seen(self) -> bool:
        """Whether all of it was read."""
        return self.reading is not None and self.problem is None


def look_at(case: Case) -> Flow[list[Picture]]:
    """Decode and read the images, in order."""
    (decoded,) = yield from case.asking.ask(Effect(Stage.DECODE, case.exchange.images))
    whole = [image for image in decoded if not isinstance(image, Failure)]
    requests = tuple(ReadRequest(image, question=case.exchange.prompt) for image in whole)
    (readings,) = yield from case.asking.ask(Effect(Stage.READ, requests))
    read = iter(readings)
    pictures = [Picture() if isinstance(image, Failure) else _picture(image, next(read)) for image in decoded]
    case.asking.failures += [picture.problem for picture in pictures if picture.problem]
    return pictures


def _picture(decoded: DecodedImage, reading: Reading | Failure) -> Picture:
    return Picture(decoded, None if isinstance(reading, Failure) else reading)
