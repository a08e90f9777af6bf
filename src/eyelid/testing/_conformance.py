"""What every role must do, as checks that a test of any implementation can call.

Each raises `AssertionError` with what was expected. None of them uses pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eyelid.protocols import (
    AskRequest,
    Assessment,
    Detector,
    Detoxifier,
    Host,
    ImageReader,
    Reading,
    ReadRequest,
    Reply,
    RewriteRequest,
    ScoreRequest,
)
from eyelid.taxonomy import Category
from eyelid.types import DecodedImage, Failure, Frame, Image, Scores, Surface

_CATEGORIES = frozenset(str(category) for category in Category)

#: Texts that trip up tokenizers, regular expressions and whoever thinks that a character is a letter.
ODD_TEXTS = (
    "",
    " ",
    "\n\t\r\n",
    "\x00",
    "\ud800",
    "\U0010ffff",
    "é" + "\u0301" * 40,
    "\u202eright to left\u202c",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\U000e0041\U000e0042",
    "ﷺ" * 20,
    "日本語のテキスト。",
    "x" * 3000,
    "a b " * 400,
    '{"key": ["value", 1, null]}',
    "plain words",
)


def check_detector(detector: Detector, texts: Sequence[str] = (), *, tolerance: float = 1e-4) -> None:
    """Check that a detector keeps its contract.

    Batch equals singles, order kept, empty list, odd Unicode, scores in [0, 1], all of the text covered,
    spans within it.

    Args:
        detector: what is checked.
        texts: looked at beside the odd ones; give texts with different scores.
        tolerance: by which scores in a batch may differ from those alone.
    """
    _named(detector.name)
    requests = [
        ScoreRequest(text, prompt="a question", surface=surface)
        for text in (*ODD_TEXTS, *texts)
        for surface in (Surface.OUTPUT, Surface.TOOL_RESULT)
    ]

    def alike(one: Any, other: Any) -> bool:
        return one.scores.keys() == other.scores.keys() and all(
            abs(value - other.scores[name]) <= tolerance for name, value in one.scores.items()
        )

    for request, found in zip(requests, _results(detector.score, requests, Assessment, alike), strict=True):
        if isinstance(found, Failure):
            continue
        _require(isinstance(found.scores, Scores), "scores are Scores")
        _require(all(name in _CATEGORIES for name in found.scores), "every score is for a known category")
        _require(all(0.0 <= value <= 1.0 for value in found.scores.values()), "every score is in [0, 1]")
        # A script that a detector cannot read it may report as not covered; plain text never.
        whole = found.covered == len(request.text)
        partly = not request.text.isascii() and 0 <= found.covered < len(request.text)
        _require(whole or partly, f"all {len(request.text)} characters are covered")
        inside = all(0 <= span.start < span.end <= len(request.text) for span in found.spans)
        _require(inside, "every span lies within the text")


def check_reader(reader: ImageReader, images: Sequence[DecodedImage] = ()) -> None:
    """Check that a reader keeps its contract.

    Batch equals singles, order kept, empty list, every frame and pixel read.

    Args:
        reader: what is checked.
        images: read beside plain ones; give images with different writing.
    """
    _named(reader.name)
    requests = [ReadRequest(image, question="what is this?") for image in (*_plain_images(), *images)]
    found = _results(reader.read, requests, Reading, lambda one, other: one.text == other.text)
    for request, reading in zip(requests, found, strict=True):
        if isinstance(reading, Failure):
            continue
        frames = request.image.frames
        _require(reading.frames == len(frames), f"all {len(frames)} frames are read")
        _require(reading.pixels == sum(f.width * f.height for f in frames), "all pixels are read")
        _require(reading.unreadable >= 0, "pieces that could not be read are counted from 0")


def check_detoxifier(detoxifier: Detoxifier, texts: Sequence[str] = (), *, deterministic: bool = True) -> None:
    """Check that a detoxifier keeps its contract.

    Batch equals singles, order kept, empty list, odd Unicode, every surface.

    Args:
        detoxifier: what is checked.
        texts: rewritten beside the odd ones.
        deterministic: whether the same text must give the same rewrite.
    """
    _named(detoxifier.name)
    requests = [
        RewriteRequest(text, prompt="a question", surface=surface)
        for text in (*ODD_TEXTS, *texts)
        for surface in Surface
    ]
    _results(detoxifier.rewrite, requests, str, lambda one, other: not deterministic or one == other)


def check_host(host: Host, prompts: Sequence[str] = (), images: Sequence[Image] = (), *, budget: int = 8) -> None:
    """Check that a host keeps its contract.

    Batch equals singles, order kept, empty list, odd Unicode, and where it gives chances of options, that they are
    probabilities of those.

    Args:
        host: what is checked; it must answer the same each time.
        prompts: asked beside the odd ones.
        images: shown with some of them.
        budget: tokens of a reply at most.
    """
    _named(host.name)
    texts = [*ODD_TEXTS, *prompts]
    requests = [AskRequest(text, budget=budget) for text in texts]
    requests += [AskRequest(text, options=("yes", "no"), budget=budget) for text in texts]
    requests += [AskRequest("What is this?", images=(image,), budget=budget) for image in images]

    def alike(one: Any, other: Any) -> bool:
        return bool(one.text == other.text)

    for request, reply in zip(requests, _results(host.ask, requests, Reply, alike), strict=True):
        if isinstance(reply, Failure) or reply.chances is None:
            continue
        _require(set(reply.chances) <= set(request.options), "chances are of the options that were asked for")
        in_range = all(0.0 <= chance <= 1.0 for chance in reply.chances.values())
        _require(in_range and sum(reply.chances.values()) <= 1.0 + 1e-6, "chances are probabilities of one another")


def _results(
    role: Callable[[Sequence[Any]], Sequence[Any]],
    requests: Sequence[Any],
    kind: type,
    alike: Callable[[Any, Any], bool],
) -> list[Any]:
    """One result for each request, the same in a batch, in a reversed batch and alone."""

    def ask(batch: Sequence[Any]) -> list[Any]:
        results: Any = role(batch)
        _require(isinstance(results, Sequence) and not isinstance(results, str), "a batch gives a list of results")
        _require(len(results) == len(batch), f"{len(batch)} items give {len(batch)} results")
        _require(all(isinstance(r, (kind, Failure)) for r in results), f"a result is a {kind.__name__} or a Failure")
        return list(results)

    ask([])
    together, backwards = ask(requests), ask(requests[::-1])[::-1]
    for number, request in enumerate(requests):
        (alone,) = ask([request])
        for other in (together[number], backwards[number]):
            same = isinstance(other, Failure) if isinstance(alone, Failure) else alike(alone, other)
            _require(same, f"item {number} gives the same alone as in a batch, in either order")
    return together


def _plain_images() -> list[DecodedImage]:
    shades = (b"\xff", b"\x00", b"\x80")
    still = [DecodedImage((Frame(shade * 3 * 64 * 48, 64, 48),), "PNG", f"shade-{shade.hex()}") for shade in shades]
    moving = DecodedImage(tuple(image.frames[0] for image in still), "GIF", "shades", total_frames=3)
    return [*still, moving]


def _named(name: object) -> None:
    _require(isinstance(name, str) and bool(name), "a role has a name")


def _require(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"not so: {promise}")
