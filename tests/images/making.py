"""Pictures and files for the tests, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from eyelid.types import DecodedImage, Frame, Image


def written(
    text: str,
    *,
    size: tuple[int, int] = (360, 120),
    ink: object = "black",
    paper: object = "white",
    mode: str = "RGB",
    points: int = 40,
) -> Picture.Image:
    """A picture with the text on it."""
    picture = Picture.new(mode, size, paper)  # type: ignore[arg-type]
    ImageDraw.Draw(picture).text((20, 20), text, font=ImageFont.load_default(points), fill=ink)  # type: ignore[arg-type]
    return picture


def encoded(picture: Picture.Image, format: str, **options: object) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def image(picture: Picture.Image, format: str = "PNG", **options: object) -> Image:
    """A picture as the guard is given it."""
    return Image(encoded(picture, format, **options))


def decoded(*pictures: Picture.Image) -> DecodedImage:
    """Pictures as a decoder hands them on."""
    frames = tuple(Frame(picture.convert("RGB").tobytes(), *picture.size) for picture in pictures)
    return DecodedImage(frames=frames, source_format="PNG", sha256="", total_frames=len(frames))


def as_picture(frame: Frame) -> Picture.Image:
    """A frame as a Pillow image."""
    return Picture.frombytes("RGB", (frame.width, frame.height), frame.rgb)


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_file(width: int, height: int, chunks: Sequence[bytes] = (), *, depth: int = 1, color: int = 0) -> bytes:
    """A PNG of zeros with extra chunks before its pixels."""
    row = 1 + (width * depth + 7) // 8
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(row)) for _ in range(height)) + packer.flush()
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def webp_lossless_header(width: int, height: int) -> bytes:
    """A few bytes that a WebP decoder takes for a canvas of one colour."""
    bits = (width - 1) | (height - 1) << 14
    data = b"\x2f" + struct.pack("<I", bits) + b"\x88\x88\x08" + bytes(1)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def gif_of(frames: int, *, side: int = 4000) -> bytes:
    """A GIF whose canvas is large and whose frames are one pixel each."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    frame = (
        b"\x21\xf9\x04\x00\x00\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    )
    return head + frame * frames + b"\x3b"


def jpeg_of_scans(scans: int) -> bytes:
    """A progressive JPEG of 4000x4000 whose last scan is repeated."""
    file = encoded(Picture.new("L", (4000, 4000), 90), "JPEG", progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:last] + file[last:-2] * scans + file[-2:]
