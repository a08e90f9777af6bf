"""What an image file says of itself, read from the raw bytes in linear time.

No decoder runs here. Only what is needed to refuse a file is read; the decoder in the child process checks
that it finds the same size and the same number of frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from eyelid.errors import ImageError
from eyelid.images._limits import ImageLimits

#: A GIF may cut its data into sub-blocks of one byte; a well-formed one of the largest allowed size has 41 000.
_MAX_GIF_BLOCKS = 200_000

#: Start-of-frame markers of JPEG: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_JPEG_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Header:
    """Format, canvas size in pixels, number of frames, and JPEG scans (0 elsewhere).

    `frames` stops counting one above the limit.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    scans: int = 0


def read_header(data: bytes, limits: ImageLimits) -> Header:
    """Recognise the format by its signature and read the header.

    Raises:
        ImageError: with code "format" or "broken".
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data, limits)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data, limits)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _gif(data, limits)
    except (struct.error, IndexError) as error:
        raise ImageError("the image ends inside its header", code="broken") from error
    raise ImageError("only PNG, JPEG, WebP and GIF images are taken in", code="format")


def check_header(header: Header, limits: ImageLimits) -> None:
    """Hold a header against the limits.

    Raises:
        ImageError: with the code of the limit that is exceeded, or "broken" for an empty canvas.
    """
    width, height = header.width, header.height
    long, short = max(width, height), min(width, height)
    if short < 1:
        raise ImageError("the image has no pixels", code="broken")
    if long > limits.side:
        raise ImageError(f"a side of {long} pixels is above the limit of {limits.side}", code="side")
    if width * height > limits.pixels:
        raise ImageError(f"{width * height} pixels are above the limit of {limits.pixels}", code="pixels")
    if long > limits.aspect_side and long > short * limits.aspect:
        raise ImageError(f"{width}x{height} is more elongated than 1:{limits.aspect:g}", code="aspect")
    if header.frames > limits.frames:
        raise ImageError(f"there are more than {limits.frames} frames", code="frames")
    if width * height * header.frames > limits.total_pixels:
        raise ImageError(f"all frames together have more than {limits.total_pixels} pixels", code="pixels")
    if header.scans > limits.scans:
        raise ImageError(f"{header.scans} JPEG scans are above the limit of {limits.scans}", code="scans")


def _png(data: bytes, limits: ImageLimits) -> Header:
    if data[12:16] != b"IHDR":
        raise ImageError("the PNG does not start with its header", code="broken")
    width, height = struct.unpack_from(">II", data, 16)
    controls, pixels_first = 0, False
    for name in _png_chunks(data):
        if name == b"fcTL":
            controls += 1
        elif name == b"IDAT" and controls == 0:
            pixels_first = True  # with an animation: a default image that is not a part of it
        if controls > limits.frames:
            break
    return Header("PNG", width, height, frames=max(1, controls + pixels_first) if controls else 1)


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        yield name
        if name == b"IEND":
            return
        at += length + 12


def _jpeg(data: bytes) -> Header:
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            at = _next_marker(data, at)
        marker = data[at + 1]
        if marker in _JPEG_START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            # 0xFF inside pixel data is always stuffed, so every FF DA is a scan (or lies in a thumbnail)
            return Header("JPEG", width, height, scans=data.count(b"\xff\xda"))
        if marker in (0xDA, 0xD9):
            raise ImageError("the JPEG has no frame header", code="broken")
        standalone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 2 if standalone else 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])


def _next_marker(data: bytes, at: int) -> int:
    found = data.find(b"\xff", at)
    if found < 0:
        raise ImageError("the JPEG has no frame header", code="broken")
    return found


def _gif(data: bytes, limits: ImageLimits) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames, blocks = 13 + _gif_palette(flags), 0, 0
    while at < len(data) and data[at] != 0x3B and frames <= limits.frames:
        if data[at] == 0x2C:
            left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
            at += 11 + _gif_palette(flags)
        elif data[at] == 0x21:
            at += 2
        else:
            at += 1
            blocks += 1
            continue
        while at < len(data) and data[at] and blocks <= _MAX_GIF_BLOCKS:
            at += data[at] + 1
            blocks += 1
        at += 1
        if blocks > _MAX_GIF_BLOCKS:
            raise ImageError("the GIF is cut into too many blocks", code="broken")
    return Header("GIF", width, height, frames=max(1, frames))


def _gif_palette(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _webp(data: bytes, limits: ImageLimits) -> Header:
    width = height = frames = 0
    at = 12
    while at + 8 <= len(data) and frames <= limits.frames:
        name, (length,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        if name in (b"VP8X", b"VP8 ", b"VP8L"):
            chunk_width, chunk_height = _webp_size(name, data, at + 8)
            width, height = max(width, chunk_width), max(height, chunk_height)
        elif name == b"ANMF":
            frames += 1
        at += 8 + length + (length & 1)
    return Header("WEBP", width, height, frames=max(1, frames))


def _webp_size(name: bytes, data: bytes, at: int) -> tuple[int, int]:
    """Canvas (VP8X) or bitstream size; RFC 9649, sections 2.7, 3.4 and RFC 6386, 9.1."""
    if name == b"VP8X":
        packed = int.from_bytes(data[at + 4 : at + 10], "little")
        return (packed & 0xFFFFFF) + 1, (packed >> 24) + 1
    if name == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, at + 1)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, at + 6)
    return width & 0x3FFF, height & 0x3FFF
