"""The child process that decodes images. Run by path; imports the standard library and Pillow only.

It talks over a socket on its standard input. A request is a JSON line with the format, the size of the
data and the limits, then the data. The answer is one JSON line per picture with its size, then its pixels;
the last line is `{"done": frames}` or `{"code": ...}`.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from PIL import Image, ImageChops, ImageOps, ImageSequence

try:
    import resource
except ImportError:  # no such limits on this system: the parent's deadline is what remains
    resource = None  # type: ignore[assignment]


class Refused(Exception):
    """The pixels are not what the header promised, or more than the limits allow."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def main() -> None:
    connection = socket.socket(fileno=0)
    stream = cast(BinaryIO, connection.makefile("rwb", buffering=1 << 16))
    _confine(int(sys.argv[1]))
    while line := stream.readline():
        request = json.loads(line)
        data = stream.read(request["size"])
        _renew_cpu(request["cpu"])
        _answer(stream, data, request)


def _confine(memory: int) -> None:
    """No files, no processes, no core dumps, and `memory` bytes above what is in use now."""
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as statm:
            baseline = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (baseline + memory, baseline + memory))


def _renew_cpu(seconds: float) -> None:
    if resource is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, hard))


def _answer(stream: BinaryIO, data: bytes, request: dict[str, Any]) -> None:
    # Pillow raises OSError, SyntaxError, ValueError, RuntimeError, AttributeError and more on broken files
    try:
        frames = 0
        total = 0
        for number, picture in _pictures(data, request):
            frames = number
            total += picture.width * picture.height
            if total > request["total_pixels"]:
                raise Refused("pixels")
            _line(stream, {"width": picture.width, "height": picture.height})
            stream.write(picture.tobytes())
        answer: dict[str, Any] = {"done": frames}
    except Refused as refusal:
        answer = {"code": refusal.code}
    except MemoryError:
        answer = {"code": "memory"}
    except Exception:  # noqa: BLE001 - the decoding boundary: whatever it was, this image alone is broken
        answer = {"code": "broken"}
    _line(stream, answer)
    stream.flush()


def _line(stream: BinaryIO, value: dict[str, Any]) -> None:
    stream.write(json.dumps(value).encode() + b"\n")


def _pictures(data: bytes, request: dict[str, Any]) -> Iterator[tuple[int, Image.Image]]:
    """Every picture of every frame, with the number of frames seen so far."""
    with Image.open(io.BytesIO(data), formats=[request["format"]]) as image:
        if image.size != (request["width"], request["height"]):
            raise Refused("broken")
        number = 0
        for number, frame in enumerate(ImageSequence.Iterator(image), start=1):
            if number > request["frames"]:
                raise Refused("frames")
            if frame.width * frame.height > request["pixels"]:
                raise Refused("pixels")
            for picture in _views(_oriented(frame)):
                picture.thumbnail((request["side"], request["side"]), Image.Resampling.LANCZOS, reducing_gap=None)
                yield number, picture
        if request["exact"] and number != request["expected"]:
            raise Refused("broken")


def _oriented(frame: Image.Image) -> Image.Image:
    frame.load()
    return ImageOps.exif_transpose(frame)


def _views(image: Image.Image) -> Iterator[Image.Image]:
    """8-bit RGB pictures, the one for a model first; further ones only where they differ."""
    if image.mode.startswith("I"):
        yield from _deep_gray(image)
    elif image.has_transparency_data:
        yield from _transparent(image.convert("RGBA"))
    else:
        yield image.convert("RGB")


def _deep_gray(image: Image.Image) -> Iterator[Image.Image]:
    """16-bit gray: scaled as a viewer does, and clipped as a careless conversion does."""
    deep = image.convert("I")
    scaled = deep.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    clipped = deep.convert("L")
    yield scaled.convert("RGB")
    low, high = clipped.getextrema()
    if low != high:
        yield clipped.convert("RGB")


def _transparent(image: Image.Image) -> Iterator[Image.Image]:
    """On white, on black, and without its alpha: writing can hide in any of the three."""
    seen: list[Image.Image] = []
    for background in ("white", "black", None):
        if background is None:
            view = image.convert("RGB")
        else:
            view = Image.new("RGB", image.size, background)
            view.paste(image, mask=image.getchannel("A"))
        if all(ImageChops.difference(view, other).getbbox() for other in seen):
            seen.append(view)
            yield view


if __name__ == "__main__":
    main()
