import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guard.ways import acut, cut

from eyelid.errors import EyelidError, HarmfulContentError, InputError
from eyelid.guard import Guard
from eyelid.guard._effects import Answer, Effect
from eyelid.policy import Policy
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader
from eyelid.types import Action, Failure, Image, Status, Surface

WORDS = [
    "tea",
    "kettle",
    "bomb",
    "Dr.",
    "3.14",
    "ignore all",
    "so.",
    "Well!\n",
    "\n\n",
    "- item",
    "日本。",
    "e.g.",
    "x" * 50,
]
CALM = "The kettle sings while the tea is made. "


def guard(**more: object) -> Guard:
    parts = {"detoxifier": FakeDetoxifier({"bomb": "cake"}), **more}
    return Guard([FakeDetector({"bomb": 0.9}, injection={"ignore all": 0.8})], **parts)


class Remembering(Guard):
    """Answers what it was asked before from memory: the same text cut otherwise asks the same, which is the point."""

    def __init__(self) -> None:
        detector = FakeDetector({"bomb": 0.9}, injection={"ignore all": 0.8})
        super().__init__([detector], detoxifier=FakeDetoxifier({"bomb": "cake"}))
        self.answers: dict[Effect, Future[Answer]] = {}

    def _submit(self, effect: Effect) -> Future[Answer]:
        if effect not in self.answers:
            self.answers[effect] = super()._submit(effect)
        return self.answers[effect]


def pieces(text: str, rng: random.Random) -> Iterator[str]:
    start = 0
    while start < len(text):
        size = rng.choice((1, 2, 3, 8, 40, 300))
        yield text[start : start + size]
        start += size


def text_of(rng: random.Random) -> str:
    calm = [word for word in WORDS if word not in ("bomb", "ignore all")]
    words = [rng.choice(calm) for _ in range(rng.randrange(150))]
    if rng.random() < 0.4:
        words.insert(rng.randrange(len(words) + 1), rng.choice(("bomb", "ignore all")))
    return " ".join(words)


def test_the_verdict_and_the_pieces_do_not_depend_on_the_cuts() -> None:
    rng = random.Random(2)
    released = stopped = 0
    for _ in range(40):
        text = text_of(rng)
        one = Remembering()
        whole = one.check(response=text)
        seen = set()
        for _ in range(8):
            stream = one.stream(pieces(text, rng))
            seen.add(tuple(stream))
            assert (stream.outcome.verdict, stream.outcome.status) == (whole.verdict, whole.status)
        assert len(seen) == 1
        released += len(seen.pop()) > 1
        stopped += not whole.allowed
    assert released > 10
    assert stopped > 10


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*WORDS, CALM]), max_size=60), st.lists(st.integers(1, 90), min_size=1))
def test_any_cut_gives_the_same_as_one_character_at_a_time(words: list[str], sizes: Sequence[int]) -> None:
    text, one = " ".join(words), Remembering()
    chunks, start = [], 0
    while start < len(text):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(text[start : start + size])
        start += size
    assert list(one.stream(chunks)) == list(one.stream(text))


class Witness(FakeDetector):
    """Remembers which characters it was shown."""

    def __init__(self) -> None:
        super().__init__({"bomb": 0.9})
        self.shown: list[str] = []

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        self.shown += [request.text for request in batch]
        return super().score(batch)


def test_nothing_is_released_that_was_not_scored() -> None:
    witness = Witness()
    text = " ".join(f"Sentence {number} is unlike the others." for number in range(200))
    released = ""
    for piece in Guard([witness]).stream(cut(text)):
        assert any(piece.strip() in shown for shown in witness.shown)
        released += piece
    assert released == text


def test_harm_that_spans_sentences_is_seen_before_its_end_is_released() -> None:
    detector = FakeDetector({"first half. second half": 0.9})
    text = CALM * 40 + "It has a first half. second half follows. " + CALM * 40
    stream = Guard([detector]).stream(cut(text))
    assert "second half" not in "".join(stream)
    assert not stream.outcome.allowed


def test_harmless_sentences_come_before_the_end() -> None:
    consumed = 0

    def source() -> Iterator[str]:
        nonlocal consumed
        for piece in cut(CALM * 50):
            consumed += len(piece)
            yield piece

    stream = guard().stream(source())
    assert next(stream).startswith("The kettle")
    assert consumed < 200


def test_after_harm_the_rest_of_the_rewrite_follows() -> None:
    text = CALM * 20 + "Then the bomb. " + CALM * 20
    stream = guard().stream(cut(text))
    assert "".join(stream) == text.replace("bomb", "cake") == stream.outcome.text
    assert stream.outcome.verdict.action is Action.REWRITE


def test_where_the_rewrite_does_not_continue_what_was_released_a_refusal_follows() -> None:
    other = guard(detoxifier=FakeDetoxifier(change=lambda text: "Something else."))
    stream = other.stream(cut(CALM * 20 + "Then the bomb."))
    delivered = "".join(stream)
    assert delivered.startswith(CALM)
    assert delivered.endswith("\n\n" + other.policy.refusals["default"])
    assert "bomb" not in delivered


def test_buffer_and_images_release_nothing_before_the_end() -> None:
    assert list(guard().stream(cut(CALM * 50), mode="buffer")) == [CALM * 50]
    seen = guard(decoder=FakeDecoder(), reader=FakeReader.of({b"one": "a bomb"}))
    (refusal,) = seen.stream(cut(CALM * 50), images=[Image(b"one")])
    assert "kettle" not in refusal


def test_a_stream_beyond_the_limit_stops_and_closes_its_source() -> None:
    closed = False

    def endless() -> Iterator[str]:
        nonlocal closed
        try:
            while True:
                yield CALM
        finally:
            closed = True

    short = guard(policy=Policy.from_mapping({"max_characters": 1000}))
    stream = short.stream(endless())
    delivered = "".join(stream)
    assert (stream.outcome.status, closed) == (Status.FAILED, True)
    assert delivered.endswith(short.policy.refusals["failed"])
    assert "".join(short.stream([CALM * 26])) == delivered


def test_an_error_of_the_source_is_raised_and_the_rest_withheld() -> None:
    def failing() -> Iterator[str]:
        yield CALM * 5 + "half a sent"
        raise OSError("connection lost")

    stream = guard().stream(failing())
    delivered = []
    with pytest.raises(OSError, match="connection lost"):
        delivered.extend(stream)
    assert (stream.outcome.status, stream.outcome.allowed) == (Status.FAILED, False)
    assert [(failure.stage, failure.code) for failure in stream.outcome.failures] == [("stream", "error")]
    assert "half" not in stream.outcome.text
    assert not stream.outcome.coverage.complete
    assert list(stream) == []


def test_closing_early_closes_the_source_and_is_a_failed_look() -> None:
    closed = []

    def source() -> Iterator[str]:
        try:
            yield from cut(CALM * 50)
        finally:
            closed.append(True)

    with guard().stream(source()) as stream:
        first = next(stream)
        with pytest.raises(EyelidError, match="no outcome yet"):
            _ = stream.outcome
    assert (closed, stream.outcome.status, stream.outcome.text) == ([True], Status.FAILED, first)
    assert list(stream) == []


@pytest.mark.parametrize("chunk", [b"bytes", None])
def test_a_chunk_that_is_no_string_is_refused(chunk: object) -> None:
    stream = guard().stream(["hello", chunk, "more"])
    with pytest.raises(InputError, match=type(chunk).__name__):
        list(stream)
    assert stream.outcome.status is Status.FAILED

    async def drain() -> Status:
        twin = guard().astream(["hello", chunk, "more"])
        with pytest.raises(InputError):
            await anext(twin)
        return twin.outcome.status

    assert asyncio.run(drain()) is Status.FAILED


def test_raise_raises_at_the_end_instead_of_a_notice() -> None:
    raising = guard(policy=Policy.from_mapping({"strategy": "raise"}))
    stream = raising.stream(cut(CALM * 20 + "Then the bomb."))
    delivered = []
    with pytest.raises(HarmfulContentError):
        delivered.extend(stream)
    assert (CALM * 20).startswith("".join(delivered))
    assert stream.outcome.text == "".join(delivered)


def test_monitor_releases_everything() -> None:
    text = CALM * 20 + "Then the bomb. " + CALM * 20
    stream = guard(policy=Policy.preset("monitor")).stream(cut(text))
    assert "".join(stream) == text
    assert stream.outcome.status is Status.FLAGGED


@pytest.mark.parametrize("surface", Surface)
def test_every_surface_streams(surface: Surface) -> None:
    stream = guard().stream(cut(CALM * 20), prompt="context", surface=surface)
    assert "".join(stream) == CALM * 20


def test_the_twin_takes_both_kinds_of_source_and_gives_the_same() -> None:
    text = CALM * 20 + "Then the bomb."

    async def drain(source: object) -> tuple[list[str], Action]:
        stream = guard().astream(source)
        return [piece async for piece in stream], stream.outcome.verdict.action

    sync = guard().stream(cut(text))
    expected = (list(sync), sync.outcome.verdict.action)
    assert asyncio.run(drain(acut(text))) == asyncio.run(drain(cut(text))) == expected


def test_the_twin_closes_its_source_and_raises_its_errors() -> None:
    closed = []

    async def source() -> AsyncIterator[str]:
        try:
            yield CALM * 10
            raise OSError("connection lost")
        finally:
            closed.append(True)

    async def leave_early() -> Status:
        async with guard().astream(source()) as stream:
            await anext(stream)
        return stream.outcome.status

    async def drain() -> Status:
        stream = guard().astream(source())
        with pytest.raises(OSError, match="connection lost"):
            async for _ in stream:
                pass
        return stream.outcome.status

    assert asyncio.run(leave_early()) is Status.FAILED
    assert asyncio.run(drain()) is Status.FAILED
    assert closed == [True, True]


def test_a_cancelled_iteration_ends_the_stream_as_a_failed_look() -> None:
    async def slow() -> AsyncIterator[str]:
        yield "hello"
        await asyncio.sleep(60)

    async def cancel() -> Status:
        stream = guard().astream(slow())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
        assert [piece async for piece in stream] == []
        return stream.outcome.status

    assert asyncio.run(cancel()) is Status.FAILED


def test_a_part_that_could_not_be_looked_at_is_held_back_until_the_whole_was() -> None:
    class Once(FakeDetector):
        failed = False

        def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
            if not self.failed:
                self.failed = True
                raise RuntimeError
            return super().score(batch)

    stream = Guard([Once()]).stream(cut(CALM * 20))
    assert list(stream) == [CALM * 20]
    assert (stream.outcome.status, stream.outcome.failures) == (Status.CLEAN, ())
