"""A small, repeatable part of `benchmarks/fuzz_images.py`: mutated files end as pictures or failures."""

from __future__ import annotations

import random

import pytest
from tests.images.making import encoded, written

from eyelid.images import SandboxDecoder
from eyelid.types import DecodedImage, Failure, Image

CODES = {"format", "bytes", "pixels", "side", "aspect", "frames", "scans", "broken", "timeout", "memory"}


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 20))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.randrange(len(changed))] if rng.random() < 0.2 else changed)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_mutated_files_end_as_pictures_or_failures(format: str) -> None:
    rng = random.Random(format)
    pages = [written("HELLO"), written("THERE")]
    animated = {} if format == "JPEG" else {"save_all": True, "append_images": pages[1:]}
    originals = [encoded(pages[0], format), encoded(pages[0], format, **animated)]
    files = [Image(mutated(rng.choice(originals), rng)) for _ in range(75)]
    with SandboxDecoder(timeout=60.0) as decoder:
        results = decoder.decode(files)
    failures = [result for result in results if isinstance(result, Failure)]
    pictures = [result for result in results if isinstance(result, DecodedImage)]
    assert len(failures) + len(pictures) == 75
    assert {failure.code for failure in failures} <= CODES
    assert all(len(frame.rgb) == frame.width * frame.height * 3 for picture in pictures for frame in picture.frames)
