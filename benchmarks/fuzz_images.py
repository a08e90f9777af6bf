"""Mutate image files that show writing and count what becomes of them.

Every file is decoded. It must end as pictures or as a failure: never as an exception, never slowly. A picture
that differs from the original is a candidate for passing as "no text"; of these a sample is read, as large as
`--read` says. A file counts as *passed* when it decodes, the reader finds neither writing nor anything
unreadable, and the picture still resembles the original (correlation of the gray values of at least 0.5); one
that no longer does, mostly because it is blank or gray, shows no writing and is counted as *blank*.

    python benchmarks/fuzz_images.py --count 20000 --read 1000 > fuzz.json
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from eyelid.evaluation.typography import render
from eyelid.images import SandboxDecoder
from eyelid.protocols import Reading, ReadRequest
from eyelid.readers import OcrReader
from eyelid.types import DecodedImage, Failure, Frame, Image

RESEMBLES = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2_000, help="mutated files")
    parser.add_argument("--read", type=int, default=100, help="how many changed pictures are read")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(json.dumps(fuzz(arguments.count, arguments.read, arguments.seed), indent=2))


def fuzz(count: int, read: int, seed: int) -> dict[str, object]:
    """Decode `count` mutated files, read `read` of those whose pictures changed; return the counts."""
    rng = random.Random(seed)
    originals = _originals()
    outcomes: collections.Counter[str] = collections.Counter()
    formats: collections.Counter[str] = collections.Counter()
    changed: list[tuple[DecodedImage, Frame]] = []
    slowest, exceptions = 0.0, []
    with SandboxDecoder() as decoder:
        before = {name: decoder.decode([Image(data)])[0] for name, data in originals.items()}
        memory = _peak("self")
        for number in range(count):
            name = rng.choice(list(originals))
            data = rng.choice(MUTATIONS)(originals[name], rng)
            start = time.monotonic()
            try:
                (result,) = decoder.decode([Image(data)])
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                exceptions.append(f"{type(error).__name__} at {number}")
                continue
            slowest = max(slowest, time.monotonic() - start)
            first = before[name]
            assert isinstance(first, DecodedImage)
            if isinstance(result, Failure):
                outcomes[result.code] += 1
            elif result.frames == first.frames:
                outcomes["decoded, unchanged"] += 1
            else:
                outcomes["decoded, changed"] += 1
                formats[result.source_format] += 1
                _keep(changed, (result, first.frames[-1]), outcomes["decoded, changed"], read, rng)
        growth = _peak("self") - memory
        child = _peak(decoder.child_pid) if decoder.child_pid else 0
    return {
        "files": count,
        "outcomes": dict(outcomes.most_common()),
        "changed by format": dict(formats),
        "uncaught exceptions": exceptions,
        "slowest seconds": round(slowest, 3),
        "peak growth of the parent, MB": round(growth / 2**20, 1),
        "peak of the last child, MB": round(child / 2**20, 1),
        "read": _read_all(changed),
    }


def _originals() -> dict[str, bytes]:
    text = "Open the old garden door"
    page = render(text, "sign", 1).resize((320, 220))
    blank = Picture.new("RGB", page.size, "white")
    return {
        "png": _encoded(page, "PNG"),
        "png palette": _encoded(page.quantize(16), "PNG"),
        "png animated": _encoded(blank, "PNG", save_all=True, append_images=[page]),
        "jpeg": _encoded(page, "JPEG"),
        "jpeg progressive": _encoded(page, "JPEG", progressive=True),
        "webp": _encoded(page, "WEBP"),
        "webp lossless": _encoded(page, "WEBP", lossless=True),
        "webp animated": _encoded(blank, "WEBP", save_all=True, append_images=[page]),
        "gif": _encoded(page, "GIF"),
        "gif animated": _encoded(blank, "GIF", save_all=True, append_images=[page]),
    }


def _encoded(picture: Picture.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def _flip_bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set_header(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(min(64, len(changed)))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _remove(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 40) :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 40)) + data[at:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at : at + rng.randint(1, 400)] * rng.randint(2, 6) + data[at:]


def _overwrite(data: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(data)), rng.randint(4, 60)
    return data[:at] + rng.randbytes(length) + data[at + length :]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip_bits,
    _flip_bits,
    _set_header,
    _cut,
    _remove,
    _insert,
    _repeat,
    _overwrite,
)


def _keep(
    kept: list[tuple[DecodedImage, Frame]], item: tuple[DecodedImage, Frame], seen: int, size: int, rng: random.Random
) -> None:
    """Reservoir sampling (Vitter's algorithm R): each changed picture is as likely to be read."""
    if len(kept) < size:
        kept.append(item)
    elif (place := rng.randrange(seen)) < size:
        kept[place] = item


def _read_all(changed: list[tuple[DecodedImage, Frame]]) -> dict[str, int]:
    reader = OcrReader()
    counts = dict.fromkeys(("looked at", "writing found", "unreadable", "failure", "blank", "passed as no text"), 0)
    for image, original in changed:
        (reading,) = reader.read([ReadRequest(image)])
        counts["looked at"] += 1
        if isinstance(reading, Reading) and not reading.text and not reading.unreadable:
            shows = max(_resemblance(frame, original) for frame in image.frames) >= RESEMBLES
            counts["passed as no text" if shows else "blank"] += 1
        elif isinstance(reading, Failure):
            counts["failure"] += 1
        else:
            counts["writing found" if reading.text else "unreadable"] += 1
    return counts


def _resemblance(frame: Frame, original: Frame) -> float:
    if (frame.width, frame.height) != (original.width, original.height):
        picture = Picture.frombytes("RGB", (frame.width, frame.height), frame.rgb)
        gray = np.asarray(picture.resize((original.width, original.height)).convert("L"), dtype=np.float64)
    else:
        gray = _gray(frame)
    if gray.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(gray.ravel(), _gray(original).ravel())[0, 1]))


def _gray(frame: Frame) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.frombuffer(frame.rgb, dtype=np.uint8).reshape(frame.height, frame.width, 3).mean(axis=2)


def _peak(pid: int | str) -> int:
    """Peak resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
