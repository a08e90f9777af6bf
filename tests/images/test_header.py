from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from tests.images.making import encoded, jpeg_of_scans

from eyelid.errors import ImageError
from eyelid.images import ImageLimits
from eyelid.images._header import Header, check_header, read_header

LIMITS = ImageLimits()
STARTS = [
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    b"\xff\xd8\xff",
    b"RIFF\xff\xff\x00\x00WEBP",
    b"RIFF\xff\xff\x00\x00WEBPVP8X",
    b"GIF89a",
    b"",
]


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=400))
def test_any_bytes_give_a_header_or_an_image_error(start: bytes, rest: bytes) -> None:
    code, frames = "", 0
    try:
        frames = read_header(start + rest, LIMITS).frames
    except ImageError as error:
        code = error.code
    assert frames >= 1 or code in {"format", "broken"}


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"lossless": True}, {"interlace": 1}])
def test_size_is_that_of_the_picture(format: str, options: dict[str, object]) -> None:
    header = read_header(encoded(Picture.new("RGB", (123, 45), "red"), format, **options), LIMITS)
    assert (header.format, header.width, header.height, header.frames) == (format, 123, 45, 1)


def test_size_of_webp_with_alpha() -> None:
    header = read_header(encoded(Picture.new("RGBA", (123, 45), (1, 2, 3, 4)), "WEBP"), LIMITS)
    assert (header.width, header.height) == (123, 45)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_frames_are_counted(format: str) -> None:
    frames = [Picture.new("RGB", (20, 20), (number * 20, 0, 0)) for number in range(7)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    assert read_header(data, LIMITS).frames == 7


def test_scans_are_counted() -> None:
    assert read_header(encoded(Picture.new("RGB", (20, 20)), "JPEG"), LIMITS).scans == 1
    assert read_header(jpeg_of_scans(100), LIMITS).scans > 100


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (Header("PNG", 0, 10), "broken"),
        (Header("PNG", 8193, 1000), "side"),
        (Header("PNG", 4001, 4000), "pixels"),
        (Header("PNG", 2100, 100), "aspect"),
        (Header("GIF", 10, 10, frames=17), "frames"),
        (Header("GIF", 4000, 4000, frames=5), "pixels"),
        (Header("JPEG", 10, 10, scans=65), "scans"),
    ],
)
def test_each_limit(header: Header, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        check_header(header, LIMITS)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "header",
    [Header("PNG", 4000, 4000), Header("PNG", 2000, 100), Header("PNG", 512, 1), Header("GIF", 2000, 2000, frames=16)],
)
def test_within_the_limits(header: Header) -> None:
    check_header(header, LIMITS)
