from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable

import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont, ImageOps
from tests.images.making import decoded, image, written

from eyelid.images import SandboxDecoder
from eyelid.protocols import ImageReader, Reading, ReadRequest
from eyelid.types import DecodedImage, Failure, Frame, Image

pytest.importorskip("rapidocr")

from eyelid.readers import OcrReader
from eyelid.readers._engine import turn

TEXT = "Open the\nold garden door"
WORDS = ["open", "the", "old", "garden", "door"]
READER = OcrReader(budget=120.0)  # generous, so that a busy machine changes nothing


def page(**options: object) -> Picture.Image:
    return written(TEXT, size=(420, 180), **options)  # type: ignore[arg-type]


def read(*pictures: Picture.Image) -> Reading:
    (result,) = READER.read([ReadRequest(decoded(*pictures))])
    assert isinstance(result, Reading), result
    return result


def read_file(file: Image) -> Reading:
    with SandboxDecoder(timeout=60.0, cpu=30.0) as decoder:
        (result,) = decoder.decode([file])
    assert isinstance(result, DecodedImage), result
    (reading,) = READER.read([ReadRequest(result)])
    assert isinstance(reading, Reading), reading
    return reading


def words(reading: Reading) -> list[str]:
    return reading.text.lower().split()


def test_is_an_image_reader() -> None:
    assert isinstance(READER, ImageReader)
    assert READER.read([]) == []


def test_plain_writing_is_read_line_by_line() -> None:
    reading = read(page())
    assert reading.text == TEXT
    assert (reading.frames, reading.pixels, reading.unreadable) == (1, 420 * 180, 0)


VIEWS: dict[str, Callable[[], Picture.Image]] = {
    "inverted": lambda: page(paper="black", ink="white"),
    "mirrored": lambda: ImageOps.mirror(page()),
    "upside down": lambda: page().rotate(180),
    "flipped": lambda: ImageOps.flip(page()),
    "lying": lambda: page().rotate(90, expand=True),
    "standing": lambda: page().rotate(270, expand=True),
    "tilted": lambda: page().rotate(12, expand=True, fillcolor="white"),
    "faint": lambda: page(ink=(252, 252, 252)),
    "one level": lambda: page(ink=(254, 254, 254)),
    "small": lambda: page(points=12),
    "small on a large canvas": lambda: written(TEXT, size=(1600, 1200), points=16),
    "equally bright": lambda: page(paper=(255, 0, 0), ink=(0, 130, 0)),
    "strip": lambda: written("Open the old garden door", size=(700, 60), points=14).crop((0, 12, 700, 42)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_writing_is_found_however_it_is_set(name: str) -> None:
    assert words(read(VIEWS[name]())) == WORDS


def test_faint_writing_beside_plain_writing_is_found() -> None:
    both = Picture.new("RGB", (420, 400), "white")
    both.paste(page(ink=(251, 251, 251)), (0, 200))
    ImageDraw.Draw(both).text((20, 60), "Have a nice day", font=ImageFont.load_default(40), fill="black")
    assert set(WORDS) < set(words(read(both)))


def test_letters_far_apart_are_joined() -> None:
    wide = Picture.new("RGB", (900, 160), "white")
    for place, letter in enumerate("GARDEN DESK"):
        ImageDraw.Draw(wide).text((20 + 78 * place, 50), letter, font=ImageFont.load_default(40), fill="black")
    assert "GARDEN" in read(wide).text


def alpha_only() -> Picture.Image:
    picture = Picture.new("RGBA", (420, 180), "white")
    picture.putalpha(page(mode="L", paper=255, ink=0))
    return picture


def under_alpha() -> Picture.Image:
    picture = page().convert("RGBA")
    picture.putalpha(0)
    return picture


def palette() -> Picture.Image:
    picture = Picture.new("P", (420, 180), 0)
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.paste(1, (0, 0), page(mode="L", paper=0, ink=255))
    return picture


def on_transparent() -> Picture.Image:
    return page(mode="RGBA", paper=(255, 255, 255, 0), ink=(255, 255, 255, 255))


FILES: dict[str, Callable[[], Image]] = {
    "palette": lambda: image(palette()),
    "cmyk": lambda: image(page().convert("CMYK"), "JPEG"),
    "16 bit": lambda: image(page(mode="I", paper=60_000, ink=3_000).convert("I;16")),
    "alpha only": lambda: image(alpha_only()),
    "under alpha": lambda: image(under_alpha()),
    "white on transparent": lambda: image(
        page(mode="RGBA", paper=(255, 255, 255, 0), ink=(255, 255, 255, 255)), "WEBP"
    ),
    "poor jpeg": lambda: image(page(), "JPEG", quality=10),
    **{
        f"hidden frame of {format}": lambda format=format: image(
            Picture.new("RGB", (420, 180), "white"), format, save_all=True, append_images=[page()], duration=100
        )
        for format in ("GIF", "PNG", "WEBP")
    },
}


@pytest.mark.parametrize("name", FILES)
def test_writing_is_found_wherever_a_file_hides_it(name: str) -> None:
    assert words(read_file(FILES[name]())) == WORDS


def test_all_pictures_are_read_and_repeated_ones_once() -> None:
    reading = read(page(), Picture.new("RGB", (420, 180), "white"), page(), written("HELLO", size=(420, 180)))
    assert reading.text == f"{TEXT}\n\nHELLO"
    assert (reading.frames, reading.pixels) == (4, 4 * 420 * 180)


def scrambled() -> Picture.Image:
    """Writing whose every other stripe is upside down: plainly writing, and not to be read."""
    picture = page()
    for x in range(0, picture.width, 14):
        for top in (20, 64):
            stripe = picture.crop((x, top, x + 7, top + 44))
            picture.paste(ImageOps.flip(stripe), (x, top))
    return picture


def test_what_looks_like_writing_and_cannot_be_read_is_reported() -> None:
    assert read(scrambled()).unreadable > 0


def shapes() -> Picture.Image:
    rng = random.Random(3)
    picture = Picture.linear_gradient("L").resize((500, 400)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for _ in range(30):
        x, y = rng.randint(0, 450), rng.randint(0, 350)
        draw.ellipse((x, y, x + rng.randint(5, 90), y + rng.randint(5, 90)), fill=tuple(rng.randbytes(3)))
    return picture


@pytest.mark.parametrize(
    "make",
    [
        lambda: Picture.new("RGB", (300, 300), "white"),
        lambda: Picture.new("RGB", (1, 1), "white"),
        lambda: Picture.new("RGB", (512, 1), "white"),
        lambda: Picture.linear_gradient("L"),
        lambda: Picture.effect_noise((300, 300), 80),
        lambda: Picture.effect_mandelbrot((300, 300), (-2, -1.5, 1, 1.5), 60),
        shapes,
    ],
    ids=["blank", "dot", "line", "gradient", "noise", "fractal", "shapes"],
)
def test_pictures_without_writing_are_readable(make: Callable[[], Picture.Image]) -> None:
    assert read(make()).unreadable == 0


def test_time_running_out_is_a_failure() -> None:
    (failure,) = OcrReader(budget=0.0).read([ReadRequest(decoded(page()))])
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.code) == ("read", "timeout")


def test_too_many_boxes_are_a_failure() -> None:
    (failure,) = OcrReader(budget=120.0, box_limit=1).read([ReadRequest(decoded(page()))])
    assert isinstance(failure, Failure)
    assert failure.code == "too_dense"


def test_a_broken_picture_fails_alone() -> None:
    broken = DecodedImage(frames=(Frame(b"\x00", 40, 40),), source_format="PNG", sha256="")
    good = decoded(page())
    first, failure, last = READER.read([ReadRequest(good), ReadRequest(broken), ReadRequest(good)])
    assert isinstance(failure, Failure)
    assert failure.code == "error"
    assert first == last == Reading(text=TEXT, frames=1, pixels=420 * 180)


def test_reader_logs_nothing_and_leaves_logging_alone(caplog: pytest.LogCaptureFixture) -> None:
    handlers = list(logging.getLogger().handlers)
    read(Picture.new("RGB", (64, 64), "white"))
    assert caplog.records == []
    assert logging.getLogger().handlers == handlers


def test_content_is_not_shown() -> None:
    assert "garden" not in repr(read(page()))


def test_threads_read_the_same() -> None:
    results: list[Reading] = []
    threads = [threading.Thread(target=lambda: results.append(read(page()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [read(page())] * 3


def test_waiting_for_another_image_costs_no_time_of_ones_own() -> None:
    blank = ReadRequest(decoded(Picture.new("RGB", (64, 64), "white")))
    results: list[Reading | Failure] = []
    waiting = threading.Thread(target=lambda: results.extend(OcrReader(budget=2.0).read([blank])))
    with turn():
        waiting.start()
        time.sleep(2.2)
    waiting.join()
    assert results == [Reading(text="", frames=1, pixels=64 * 64)]


def test_a_forked_process_reads() -> None:
    expected = read(page())
    pid = os.fork()
    if pid == 0:
        os._exit(0 if read(page()) == expected else 1)
    assert os.waitpid(pid, 0)[1] == 0
