"""Files that are small on disk and large or slow in memory: refused at once and at no cost."""

from __future__ import annotations

import resource
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.images.making import (
    encoded,
    gif_of,
    image,
    jpeg_of_scans,
    png_chunk,
    png_file,
    webp_lossless_header,
    written,
)

from eyelid.images import SandboxDecoder
from eyelid.types import Failure, Image

MEGABYTE = 1024 * 1024


def processor_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def peak_memory(pid: int | str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def zipped_text_png() -> bytes:
    packed = zlib.compress(bytes(200 * MEGABYTE), 9)
    return png_file(8, 8, [png_chunk(b"zTXt", b"Comment\x00\x00" + packed)])


def animated_webp(frames: int) -> bytes:
    one = encoded(Picture.new("RGB", (16, 16), "red"), "WEBP", lossless=True)[12:]
    control = struct.pack("<HBHB", 0, 0, 0, 0) + (15).to_bytes(3, "little") * 2 + bytes(4)
    frame = control[:6] + (15).to_bytes(3, "little") + (15).to_bytes(3, "little") + bytes(4) + one
    chunk = b"ANMF" + struct.pack("<I", len(frame)) + frame + bytes(len(frame) & 1)
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + (15).to_bytes(3, "little") * 2
    body = b"WEBP" + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6) + chunk * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS = {
    "webp-canvas": (lambda: webp_lossless_header(13_000, 13_000), {"side"}),
    "webp-canvas-under-the-side-limit": (lambda: webp_lossless_header(8_000, 8_000), {"pixels"}),
    "webp-frames": (lambda: animated_webp(5_000), {"frames"}),
    "png-one-bit": (lambda: png_file(10_000, 10_000), {"side"}),
    "png-one-bit-under-the-side-limit": (lambda: png_file(8_000, 8_000), {"pixels"}),
    "png-line": (lambda: png_file(65_000, 1), {"side"}),
    "png-thin": (lambda: png_file(8_000, 20), {"aspect"}),
    "png-frames": (lambda: png_file(8, 8, [png_chunk(b"fcTL", bytes(26))] * 20_000), {"frames"}),
    "png-zipped-text": (zipped_text_png, {"broken"}),
    "jpeg-scans": (lambda: jpeg_of_scans(500), {"scans"}),
    "gif-frames": (lambda: gif_of(50_000), {"frames"}),
    "gif-slow-frames": (lambda: gif_of(16), {"pixels"}),
    "gif-tiny-blocks": (lambda: gif_of(1)[:-2] + b"\x01\x00" * 4_000_000, {"broken", "frames"}),
    "too-many-bytes": (lambda: encoded(written("HELLO"), "PNG") + bytes(10 * MEGABYTE), {"bytes"}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(name: str) -> None:
    make, codes = BOMBS[name]
    bomb = Image(make())
    decoder = SandboxDecoder()
    own_peak, start = peak_memory("self"), processor_seconds()
    (result,) = decoder.decode([bomb])
    growth = peak_memory("self") - own_peak
    if decoder.child_pid is not None:
        growth += peak_memory(decoder.child_pid)
    decoder.close()
    assert processor_seconds() - start < 1.0
    assert growth < 300 * MEGABYTE
    assert isinstance(result, Failure)
    assert result.code in codes


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (512, 1), (300, 4), (1000, 50)])
def test_small_and_thin_pictures_are_taken_in(size: tuple[int, int]) -> None:
    with SandboxDecoder(timeout=60.0) as decoder:
        (result,) = decoder.decode([image(Picture.new("RGB", size, "white"))])
        assert not isinstance(result, Failure)


def test_a_large_photo_is_taken_in_within_its_memory() -> None:
    with SandboxDecoder(timeout=60.0, cpu=30.0) as decoder:
        (result,) = decoder.decode([image(Picture.new("RGBA", (4_000, 4_000), (9, 9, 9, 90)))])
        assert not isinstance(result, Failure)
        assert len(result.frames) == 3
        pid = decoder.child_pid
        assert pid is not None
        assert peak_memory(pid) < 400 * MEGABYTE
