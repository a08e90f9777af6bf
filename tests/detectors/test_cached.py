import gc
import sys
import threading
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.detectors import CachedDetector
from eyelid.detectors._verdict_store import VerdictStore
from eyelid.engine import claim
from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.protocols import Assessment, Deferred, Detector, ScoreRequest
from eyelid.testing import FakeDetector, Fault, FaultyDetector, check_detector
from eyelid.types import Exchange, Failure, Scores, Span, Surface


def cached(detector: Detector | None = None, **how: object) -> CachedDetector:
    return CachedDetector(detector or FakeDetector({"bad": 0.9}), fingerprint="v1", **how)  # type: ignore[arg-type]


def asked(*texts: str) -> list[ScoreRequest]:
    return [ScoreRequest(text) for text in texts]


class Later(FakeDetector):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__({"bad": 0.9})
        self.promises: list[tuple[Future[Sequence[Assessment | Failure]], Sequence[ScoreRequest]]] = []

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
        self.promises.append((Future(), batch))
        return self.promises[-1][0]

    def answer(self) -> None:
        future, batch = self.promises[-1]
        future.set_result(self.score(batch))


def test_it_is_a_detector_like_any_other() -> None:
    assert isinstance(cached(), Deferred)
    check_detector(cached(), ["a bad text", "a good text"])


def test_only_what_is_not_known_is_asked_and_once() -> None:
    inner = FakeDetector({"bad": 0.9})
    detector = cached(inner)
    first = detector.score(asked("a", "bad", "a"))
    second = detector.score(asked("bad", "c", "a", "c"))
    assert [[request.text for request in batch] for batch in inner.log.batches] == [["a", "bad"], ["c"]]
    assert first == inner.score(asked("a", "bad", "a"))
    assert second == inner.score(asked("bad", "c", "a", "c"))
    assert (detector.stats().hits, detector.stats().misses, detector.stats().entries) == (4, 3, 3)


def test_nothing_is_asked_where_all_is_known() -> None:
    inner = FakeDetector()
    detector = cached(inner)
    for _ in range(2):
        detector.score(asked("a"))
        detector.start(asked("a")).result()
        assert detector.score([]) == []
    assert inner.log.sizes == [1]


@pytest.mark.parametrize(
    "other",
    [
        ScoreRequest("text ", "prompt"),
        ScoreRequest("text", "prompt "),
        ScoreRequest("text", ""),
        ScoreRequest("textp", "rompt"),
        ScoreRequest("prompt", "text"),
        ScoreRequest("text", "prompt", Surface.INPUT),
        ScoreRequest("text", "prompt", Surface.OUTPUT, "image"),
        ScoreRequest("text\ud800", "prompt"),
    ],
)
def test_every_part_of_a_request_counts(other: ScoreRequest) -> None:
    inner = FakeDetector()
    detector = cached(inner)
    detector.score([ScoreRequest("text", "prompt")])
    detector.score([other])
    assert inner.log.sizes == [1, 1]


def test_other_weights_are_asked_anew() -> None:
    inner = FakeDetector()
    inner.fingerprint = "one"  # type: ignore[attr-defined]
    detector = CachedDetector(inner)
    detector.score(asked("a"))
    inner.fingerprint = "two"  # type: ignore[attr-defined]
    detector.score(asked("a"))
    assert inner.log.sizes == [1, 1]


def test_one_caller_does_not_learn_what_another_asked() -> None:
    inner = FakeDetector()
    detector = cached(inner)
    for caller in ("one", "two", "one", "two"):
        with claim(caller=caller):
            detector.score(asked("a"))
    assert inner.log.sizes == [1, 1]


def test_a_detector_that_does_not_say_when_it_changes_is_not_cached() -> None:
    with pytest.raises(ConfigurationError, match="fingerprint"):
        CachedDetector(FakeDetector())
    with pytest.raises(ConfigurationError, match="bytes"):
        cached(max_bytes=0)


@pytest.mark.parametrize("fault", [fault for fault in FaultyDetector.faults() if fault is not Fault.HANGS])
def test_no_failed_or_broken_look_is_ever_kept(fault: Fault) -> None:
    broken = FaultyDetector(fault)
    detector = cached(broken)
    for _ in range(2):
        with suppress(Exception, SystemExit):
            detector.score(asked("some text"))
    assert detector.stats().entries == 0
    assert (detector.stats().hits, detector.stats().misses) == (0, 2)


@pytest.mark.parametrize("fault", [fault for fault in FaultyDetector.faults() if fault is not Fault.HANGS])
def test_a_fault_stops_the_content_with_a_cache_as_without(fault: Fault) -> None:
    with Guard([FaultyDetector(fault)]) as plain, Guard([cached(FaultyDetector(fault))]) as remembering:
        expected = plain.check(response="some text")
        for _ in range(2):
            outcome = remembering.check(response="some text")
            assert (outcome.verdict.action, outcome.status) == (expected.verdict.action, expected.status)


def test_a_failed_item_is_asked_again_and_its_neighbours_are_not() -> None:
    faulty = FaultyDetector(Fault.FAILS, poison="poison")
    detector = cached(faulty)
    found = detector.score(asked("a", "poison", "b"))
    assert [isinstance(each, Failure) for each in found] == [False, True, False]
    assert detector.stats().entries == 2


def test_what_is_kept_cannot_be_changed_from_outside() -> None:
    spans = [Span(0, 1)]
    values = {"harm": 0.1, "injection": 0.0}

    class Sloppy(FakeDetector):
        def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
            scores = Scores()
            scores._values = values  # type: ignore[assignment]  # past its own check
            return [Assessment(scores, spans, covered=len(request.text)) for request in batch]  # type: ignore[arg-type]

    detector = cached(Sloppy())
    detector.score(asked("abc"))
    spans.append(Span(1, 2))
    values["harm"] = 0.0
    (found,) = detector.score(asked("abc"))
    assert found == Assessment(Scores(harm=0.1), (Span(0, 1),), covered=3)
    assert type(found.spans) is tuple  # type: ignore[union-attr]


def test_nothing_waits_for_a_detector_that_answers_later() -> None:
    inner = Later()
    detector = cached(inner)
    future = detector.start(asked("a", "bad", "a"))
    assert not future.done()
    inner.answer()
    assert future.result(timeout=1) == inner.score(asked("a", "bad", "a"))
    assert detector.start(asked("bad")).done()


def test_an_error_of_a_detector_that_answers_later_arrives_and_is_not_kept() -> None:
    inner = Later()
    detector = cached(inner)
    future = detector.start(asked("a"))
    inner.promises[0][0].set_exception(ValueError("told to fail"))
    with pytest.raises(ValueError, match="told"):
        future.result(timeout=1)
    assert detector.stats().entries == 0


def test_cancelling_reaches_the_detector() -> None:
    inner = Later()
    assert cached(inner).start(asked("a")).cancel()
    assert inner.promises[0][0].cancelled()


@settings(max_examples=40)
@given(st.lists(st.integers(0, 60), max_size=200), st.integers(1000, 20_000))
def test_it_stays_within_its_bytes_and_answers_right(order: list[int], room: int) -> None:
    inner = FakeDetector({str(n): n / 100 for n in range(10, 60)})
    detector = cached(inner, max_bytes=room)
    for number in order:
        assert detector.score(asked(f"text {number}")) == inner.score(asked(f"text {number}"))
        assert detector.stats().bytes <= room


def test_what_was_not_asked_for_longest_goes_first() -> None:
    inner = FakeDetector()
    probe = cached(inner)
    probe.score(asked("a"))
    detector = cached(inner, max_bytes=2 * probe.stats().bytes)
    for text in ("a", "b", "a", "c", "a", "b"):
        detector.score(asked(text))
    assert [batch[0].text for batch in inner.log.batches[1:]] == ["a", "b", "c", "b"]


def test_the_estimate_of_its_bytes_is_not_below_the_truth() -> None:
    scores = dict.fromkeys(("harm", "injection", "hate", "self_harm", "privacy", "elections"), 0.5)

    class Wordy(FakeDetector):
        def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
            return [
                Assessment(
                    Scores({name: value * len(request.text) / 1e4 for name, value in scores.items()}),
                    tuple(Span(n + 1000, n + 2000, "harm", n / 7) for n in range(6)),
                    covered=len(request.text),
                )
                for request in batch
            ]

    detector = cached(Wordy(), max_bytes=2**30)
    detector.score(asked("warm"))
    gc.collect()
    tracemalloc.start()
    for number in range(500):
        detector.score(asked(f"{number:05}" * 5))
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken <= detector.stats().bytes <= 3 * taken


def test_many_threads_get_right_answers() -> None:
    inner = FakeDetector({str(n): n / 100 for n in range(10, 60)})
    detector = cached(inner, max_bytes=8000)
    wrong = threading.Event()

    def work(seed: int) -> None:
        for step in range(300):
            text = f"text {(seed * 7 + step * 13) % 60}"
            if detector.score(asked(text)) != inner.score(asked(text)):
                wrong.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert not wrong.is_set()
    assert detector.stats().bytes <= 8000


WORDS = st.lists(st.sampled_from(["tea", "bomb", "attack", "ignore", "\n", "x"]), max_size=6).map(" ".join)
EXCHANGES = st.builds(Exchange, WORDS, WORDS, surface=st.sampled_from(list(Surface)))


@settings(max_examples=60)
@given(st.lists(st.tuples(EXCHANGES, st.sampled_from(["strict", "balanced", "monitor"])), max_size=12))
def test_a_cache_never_changes_an_outcome_also_when_the_policy_changes(asked: list[tuple[Exchange, str]]) -> None:
    rules: dict[str, float] = {"bomb": 0.9, "attack": 0.4}
    remembered = cached(FakeDetector(rules, injection={"ignore": 0.35}))
    plain = FakeDetector(rules, injection={"ignore": 0.35})
    names = {name for _, name in asked}
    with_cache = {name: Guard([remembered], policy=Policy.preset(name)) for name in names}
    without = {name: Guard([plain], policy=Policy.preset(name)) for name in names}
    for exchange, name in asked:
        one, other = with_cache[name].check(exchange), without[name].check(exchange)
        assert (one.text, one.verdict, one.scores, one.status, one.coverage, one.failures) == (
            (other.text, other.verdict, other.scores, other.status, other.coverage, other.failures)
        )
    for guard in (*with_cache.values(), *without.values()):
        guard.close()


def test_an_incremental_detector_stays_one() -> None:
    inner = FakeDetector()
    assert not cached(inner).incremental
    inner.incremental = True  # type: ignore[attr-defined]
    assert cached(inner).incremental


def test_forgetting_waits_for_what_is_being_remembered() -> None:
    store = VerdictStore(2**20)
    forgetting = threading.Thread(target=store.reset)
    with store._lock:  # as while a finding is put in: half of it would be forgotten, and the count of bytes drift
        forgetting.start()
        forgetting.join(0.1)
        assert forgetting.is_alive()
    forgetting.join(5)
    assert not forgetting.is_alive()
