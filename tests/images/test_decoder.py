from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from PIL import Image as Picture
from PIL import ImageChops, ImageOps
from tests.images.making import as_picture, encoded, image, png_chunk, png_file, written

from eyelid.images import ImageLimits, SandboxDecoder, to_png
from eyelid.protocols import ImageDecoder
from eyelid.types import DecodedImage, Failure, Image


@pytest.fixture(scope="module")
def decoder() -> Iterator[SandboxDecoder]:
    # generous, so that a busy machine changes nothing
    with SandboxDecoder(timeout=60.0, cpu=30.0) as shared:
        yield shared


def decode(decoder: SandboxDecoder, given: Image) -> DecodedImage:
    (result,) = decoder.decode([given])
    assert isinstance(result, DecodedImage), result
    return result


def refuse(decoder: SandboxDecoder, given: Image) -> str:
    (result,) = decoder.decode([given])
    assert isinstance(result, Failure), result
    assert result.stage == "decode"
    return result.code


def black_pixels(picture: Picture.Image) -> int:
    return sum(picture.convert("L").histogram()[:64])


def test_is_an_image_decoder(decoder: SandboxDecoder) -> None:
    assert isinstance(decoder, ImageDecoder)
    assert decoder.decode([]) == []


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_every_format_becomes_the_same_picture(decoder: SandboxDecoder, format: str) -> None:
    page = written("HELLO")
    result = decode(decoder, image(page, format))
    assert (result.source_format, result.total_frames, len(result.frames)) == (format, 1, 1)
    difference = ImageChops.difference(as_picture(result.frames[0]), page).convert("L")
    assert sum(difference.histogram()[100:]) < 50


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "RGBA"])
def test_every_mode_of_png(decoder: SandboxDecoder, mode: str) -> None:
    result = decode(decoder, image(written("HELLO").convert(mode)))
    assert len(result.frames) == 1
    assert 500 < black_pixels(as_picture(result.frames[0])) < 5000


def test_palette_whose_first_colour_is_white(decoder: SandboxDecoder) -> None:
    page = Picture.new("P", (360, 120), 0)
    page.putpalette([255, 255, 255, 0, 0, 0])
    page.paste(1, (0, 0), written("HELLO", mode="L", paper=0, ink=255))
    assert 500 < black_pixels(as_picture(decode(decoder, image(page)).frames[0])) < 5000


def test_cmyk_jpeg(decoder: SandboxDecoder) -> None:
    page = as_picture(decode(decoder, image(written("HELLO").convert("CMYK"), "JPEG")).frames[0])
    assert 500 < black_pixels(page) < 5000


def test_16_bit_gray_is_scaled_and_also_shown_clipped(decoder: SandboxDecoder) -> None:
    page = written("HELLO", mode="I", paper=60_000, ink=3_000)
    deep = page.convert("I;16")
    (scaled,) = decode(decoder, image(deep)).frames
    assert 500 < black_pixels(as_picture(scaled)) < 5000
    dark = written("HELLO", mode="I", paper=255, ink=0).convert("I;16")  # black to a viewer, legible when clipped
    assert len(decode(decoder, image(dark)).frames) == 2


def test_writing_in_the_alpha_channel_only(decoder: SandboxDecoder) -> None:
    page = Picture.new("RGBA", (360, 120), "white")
    page.putalpha(written("HELLO", mode="L", paper=255, ink=0))
    pictures = [as_picture(frame) for frame in decode(decoder, image(page)).frames]
    assert black_pixels(pictures[0]) == 0  # on white, as a model gets it
    assert max(black_pixels(picture) for picture in pictures) > 500


def test_writing_under_full_transparency(decoder: SandboxDecoder) -> None:
    page = written("HELLO").convert("RGBA")
    page.putalpha(0)
    pictures = [as_picture(frame) for frame in decode(decoder, image(page)).frames]
    assert any(500 < black_pixels(picture) < 5000 for picture in pictures)


def test_white_writing_on_transparent_paper(decoder: SandboxDecoder) -> None:
    page = written("HELLO", mode="RGBA", paper=(255, 255, 255, 0), ink=(255, 255, 255, 255))
    on_white, on_black, *_ = (as_picture(frame) for frame in decode(decoder, image(page)).frames)
    assert black_pixels(on_white) == 0
    assert 30_000 < black_pixels(on_black) < 43_000


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP"])
def test_every_frame_of_an_animation(decoder: SandboxDecoder, format: str) -> None:
    frames = [Picture.new("RGB", (360, 120), "white"), written("HELLO"), written("THERE")]
    file = image(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
    result = decode(decoder, file)
    assert (result.total_frames, len(result.frames)) == (3, 3)
    assert [black_pixels(as_picture(frame)) > 500 for frame in result.frames] == [False, True, True]


def test_default_image_of_an_animated_png_counts(decoder: SandboxDecoder) -> None:
    frames = [written("THERE"), written("AGAIN")]
    file = image(written("HELLO"), save_all=True, append_images=frames, default_image=True)
    assert decode(decoder, file).total_frames == 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(decoder: SandboxDecoder, orientation: int) -> None:
    page = written("HELLO")
    exif = Picture.Exif()
    exif[0x0112] = orientation
    file = image(page, exif=exif)
    expected = ImageOps.exif_transpose(Picture.open(io.BytesIO(file.data)))
    frame = decode(decoder, file).frames[0]
    assert (frame.width, frame.height) == ((120, 360) if orientation > 4 else (360, 120))
    assert ImageChops.difference(as_picture(frame), expected).getbbox() is None


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_exif_orientation_leaves_the_picture(decoder: SandboxDecoder, orientation: int) -> None:
    exif = Picture.Exif()
    exif[0x0112] = orientation
    assert decode(decoder, image(written("HELLO"), "JPEG", exif=exif)).frames[0].width == 360


def test_large_pictures_are_handed_on_smaller(decoder: SandboxDecoder) -> None:
    frame = decode(decoder, image(Picture.new("RGB", (4000, 3000), "white"), "JPEG")).frames[0]
    assert (frame.width, frame.height) == (2048, 1536)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'><text>hello</text></svg>",
        b"%PDF-1.7\n1 0 obj",
        b"<html><body>hello</body></html>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        encoded(written("HELLO"), "BMP"),
        encoded(written("HELLO"), "TIFF"),
    ],
    ids=["empty", "zeros", "svg", "pdf", "html", "eps", "bmp", "tiff"],
)
def test_other_formats_are_refused(decoder: SandboxDecoder, data: bytes) -> None:
    assert refuse(decoder, Image(data)) == "format"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_truncated_files_are_refused(decoder: SandboxDecoder, format: str) -> None:
    data = encoded(written("HELLO"), format)
    for share in (0.1, 0.5, 0.9):
        assert refuse(decoder, Image(data[: int(len(data) * share)])) == "broken"


def test_what_follows_the_image_is_not_handed_on(decoder: SandboxDecoder) -> None:
    clean = image(written("HELLO"))
    polyglot = Image(clean.data + b"PK\x03\x04<script>hidden</script>")
    assert to_png(decode(decoder, polyglot).frames[0]) == to_png(decode(decoder, clean).frames[0])
    assert b"hidden" not in to_png(decode(decoder, polyglot).frames[0])


def test_metadata_is_not_handed_on(decoder: SandboxDecoder) -> None:
    file = Image(png_file(8, 8, [png_chunk(b"tEXt", b"Comment\x00hidden")]))
    assert b"hidden" not in to_png(decode(decoder, file).frames[0])


def test_frames_that_only_another_parser_would_see_are_refused(decoder: SandboxDecoder) -> None:
    control = png_chunk(b"fcTL", bytes(26))
    assert refuse(decoder, Image(png_file(8, 8, [control, control, control]))) == "broken"


def test_canonical_png_is_the_picture(decoder: SandboxDecoder) -> None:
    frame = decode(decoder, image(written("HELLO"), "WEBP")).frames[0]
    assert to_png(frame) == to_png(frame)
    assert decode(decoder, Image(to_png(frame))).frames == (frame,)


def test_one_bad_image_fails_alone(decoder: SandboxDecoder) -> None:
    good = image(written("HELLO"))
    results = decoder.decode([good, Image(b"junk"), good, Image(good.data[:200]), good])
    assert [isinstance(result, DecodedImage) for result in results] == [True, False, True, False, True]
    assert results[0] == results[2] == results[4]


def test_no_content_in_failures(decoder: SandboxDecoder) -> None:
    (failure,) = decoder.decode([Image(b"secret-canary")])
    assert "canary" not in repr(failure)


def test_a_child_that_died_is_replaced() -> None:
    with SandboxDecoder(timeout=60.0) as decoder:
        good = image(written("HELLO"))
        decode(decoder, good)
        first = decoder.child_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        decode(decoder, good)
        assert decoder.child_pid not in (None, first)


def test_a_child_that_hangs_fails_one_image_and_is_replaced() -> None:
    with SandboxDecoder(timeout=60.0) as decoder:
        good = image(written("HELLO"))
        decode(decoder, good)
        first = decoder.child_pid
        assert first is not None
        decoder.timeout = 0.3
        os.kill(first, signal.SIGSTOP)
        start = time.monotonic()
        assert refuse(decoder, good) == "timeout"
        assert time.monotonic() - start < 5.0
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        decoder.timeout = 60.0
        decode(decoder, good)


@pytest.mark.parametrize(("kill", "code"), [(signal.SIGSEGV, "broken"), (signal.SIGXCPU, "timeout")])
def test_a_child_that_dies_at_work_fails_its_image(kill: signal.Signals, code: str) -> None:
    with SandboxDecoder(timeout=60.0) as decoder:
        good = image(written("HELLO"))
        decode(decoder, good)
        pid = decoder.child_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

        def strike() -> None:
            time.sleep(0.2)
            os.kill(pid, kill)
            os.kill(pid, signal.SIGCONT)

        striker = threading.Thread(target=strike)
        striker.start()
        assert refuse(decoder, good) == code
        striker.join()
        decode(decoder, good)


def test_too_little_memory_fails_the_image_only() -> None:
    with SandboxDecoder(timeout=60.0, memory=24 * 1024 * 1024) as decoder:
        assert refuse(decoder, image(Picture.new("RGB", (3500, 3500), "white"))) in {"memory", "broken"}
        decode(decoder, image(written("HELLO")))


def test_no_child_is_left_behind() -> None:
    decoder = SandboxDecoder(timeout=60.0)
    decode(decoder, image(written("HELLO")))
    pid = decoder.child_pid
    assert pid is not None
    decoder.close()
    assert decoder.child_pid is None
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_no_child_is_started_before_it_is_needed() -> None:
    decoder = SandboxDecoder()
    refuse(decoder, Image(b"junk"))
    assert decoder.child_pid is None


def test_a_forked_process_gets_a_child_of_its_own(decoder: SandboxDecoder) -> None:
    good = image(written("HELLO"))
    mine = decode(decoder, good)
    pid = os.fork()
    if pid == 0:
        same = decoder.decode([good]) == [mine]
        decoder.close()
        os._exit(0 if same else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert decode(decoder, good) == mine


def test_threads_take_turns(decoder: SandboxDecoder) -> None:
    pages = [image(written(str(number) * 5)) for number in range(6)]
    expected = decoder.decode(pages)
    results: dict[int, object] = {}

    def work(number: int) -> None:
        results[number] = decoder.decode([pages[number]])[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number] for number in range(6)] == expected


def test_pillow_settings_stay_as_they_were(decoder: SandboxDecoder) -> None:
    from PIL import ImageFile

    before = (Picture.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    decoder.decode([image(written("HELLO")), Image(b"junk")])
    after = (Picture.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert after == before


def test_limits_can_be_set() -> None:
    decoder = SandboxDecoder(limits=ImageLimits(pixels=100))
    assert refuse(decoder, image(written("HELLO"))) == "pixels"
