from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.detectors import Band, CachedDetector, CascadeDetector
from eyelid.engine import claim, current_claim
from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.protocols import Assessment, Deferred, Detector, ScoreRequest
from eyelid.testing import FakeDetector, Fault, FaultyDetector, check_detector
from eyelid.types import Action, Exchange, Failure, Status, Surface

#: Words by what the cheap detector makes of them: "clear", "doubt" and "sure" for a band from 0.2 to 0.8.
CHEAP = {"clear": 0.1, "doubt": 0.5, "sure": 0.9}
STRONG = {"clear": 0.6, "doubt": 0.7, "sure": 0.3}
BANDS = [Band("harm", 0.2, 0.8), Band("injection", 0.4)]
FAULTS = [fault for fault in FaultyDetector.faults() if fault is not Fault.HANGS]


def asked(*texts: str, surface: Surface = Surface.OUTPUT) -> list[ScoreRequest]:
    return [ScoreRequest(text, surface=surface) for text in texts]


def harms(found: Sequence[Assessment | Failure]) -> list[float]:
    return [each.scores["harm"] if isinstance(each, Assessment) else -1.0 for each in found]


class Later(FakeDetector):
    """Answers when it is told to."""

    def __init__(self, rules: dict[str, float]) -> None:
        super().__init__(rules)
        self.promises: list[Future[Sequence[Assessment | Failure]]] = []
        self.callers: list[str] = []

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
        self.callers.append(current_claim().caller)
        self.promises.append(Future())
        self._batch = batch
        return self.promises[-1]

    def answer(self) -> None:
        self.promises[-1].set_result(self.score(self._batch))


def cascade(cheap: Detector | None = None, strong: Detector | None = None) -> CascadeDetector:
    return CascadeDetector(cheap or FakeDetector(CHEAP), strong or FakeDetector(STRONG), bands=BANDS)


def test_it_is_a_detector_like_any_other() -> None:
    assert isinstance(cascade(), Deferred)
    check_detector(cascade(), ["a clear text", "a doubt", "a sure text"])


@pytest.mark.parametrize("later", [False, True])
def test_only_texts_in_doubt_go_on_and_all_in_one_call(later: bool) -> None:
    strong = FakeDetector(STRONG)
    detector = cascade(strong=strong)
    texts = asked("clear", "doubt", "sure", "a doubt", "nothing")
    found = detector.start(texts).result(timeout=1) if later else detector.score(texts)
    assert harms(found) == [0.1, 0.7, 0.9, 0.7, 0.0]
    assert [[request.text for request in batch] for batch in strong.log.batches] == [["doubt", "a doubt"]]
    assert (detector.stats().asked, detector.stats().escalated) == (5, 2)


def test_where_nothing_is_in_doubt_the_strong_detector_is_not_called() -> None:
    strong = FakeDetector(STRONG)
    detector = cascade(strong=strong)
    detector.score(asked("clear", "sure"))
    detector.start(asked("clear", "sure")).result(timeout=1)
    assert strong.log.batches == []


def test_doubt_in_any_category_goes_on() -> None:
    strong = FakeDetector(STRONG)
    detector = cascade(FakeDetector(CHEAP, injection={"ignore": 0.5, "forget": 0.3}), strong)
    detector.score(asked("clear ignore", "clear forget"))
    assert [batch[0].text for batch in strong.log.batches] == ["clear ignore"]
    assert strong.log.sizes == [1]


def test_where_no_band_is_given_the_cheap_detector_has_no_say() -> None:
    only_output = CascadeDetector(
        FakeDetector(CHEAP), FakeDetector(STRONG), bands=[Band("harm", 0.2, 0.8, Surface.OUTPUT)]
    )
    assert harms(only_output.score(asked("clear", "sure"))) == [0.1, 0.9]
    assert harms(only_output.score(asked("clear", "sure", surface=Surface.INPUT))) == [0.6, 0.3]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("later", [False, True])
def test_whatever_is_wrong_with_the_cheap_answer_asks_the_strong_detector(fault: Fault, later: bool) -> None:
    detector = cascade(cheap=FaultyDetector(fault, inner=FakeDetector(CHEAP)))
    texts = asked("clear", "sure")
    found = detector.start(texts).result(timeout=1) if later else detector.score(texts)
    assert harms(found) == [0.6, 0.3]


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_is_wrong_with_the_strong_answer_stops_the_content(fault: Fault) -> None:
    for text in ("doubt", "a doubt and more"):
        with Guard([cascade(strong=FaultyDetector(fault, inner=FakeDetector()))]) as guard:
            outcome = guard.check(response=text)
            assert (outcome.verdict.action, outcome.status) == (Action.BLOCK, Status.FAILED)


@pytest.mark.parametrize("fault", FAULTS)
def test_it_never_gives_the_cheap_answer_for_a_strong_failure(fault: Fault) -> None:
    detector = cascade(strong=FaultyDetector(fault, inner=FakeDetector({})))
    with suppress(Exception, SystemExit):
        assert all(harm != CHEAP["doubt"] for harm in harms(detector.score(asked("doubt", "doubt"))))


def test_one_item_that_breaks_the_strong_detector_does_not_stop_the_others() -> None:
    strong = FaultyDetector(Fault.RAISES, poison="poison", inner=FakeDetector({}))
    with Guard([cascade(strong=strong)], workers=1) as guard:
        outcomes = guard.check_many([Exchange(response=text) for text in ("doubt one", "doubt poison", "doubt two")])
    assert [outcome.status for outcome in outcomes] == [Status.CLEAN, Status.FAILED, Status.CLEAN]


def test_coverage_and_spans_are_those_of_whoever_answered() -> None:
    cheap, strong = FakeDetector(CHEAP), FakeDetector(STRONG)
    found = CascadeDetector(cheap, strong, bands=BANDS).score(asked("so clear", "a doubt"))
    assert found == [*cheap.score(asked("so clear")), *strong.score(asked("a doubt"))]


def test_no_thread_waits_where_both_answer_later() -> None:
    cheap, strong = Later(CHEAP), Later(STRONG)
    with claim(caller="tenant"):
        future = cascade(cheap, strong).start(asked("clear", "doubt"))
    assert not future.done()
    cheap.answer()
    assert not future.done()
    strong.answer()
    assert harms(future.result(timeout=1)) == [0.1, 0.7]
    assert (cheap.callers, strong.callers) == (["tenant"], ["tenant"])


def test_a_strong_detector_that_answers_later_needs_no_cheap_one_that_does() -> None:
    strong = Later(STRONG)
    future = cascade(strong=strong).start(asked("doubt"))
    strong.answer()
    assert harms(future.result(timeout=1)) == [0.7]


def test_a_cheap_detector_that_fails_later_asks_the_strong_one() -> None:
    cheap = Later(CHEAP)
    future = cascade(cheap, Later(STRONG)).start(asked("clear"))
    cheap.promises[0].set_exception(ValueError("told to fail"))
    assert not future.done()
    plain = cascade(cheap := Done(CHEAP), FakeDetector(STRONG)).start(asked("clear"))
    assert harms(plain.result(timeout=1)) == [0.6]
    assert cheap.log.batches == []


class Done(Later):
    """Has failed already."""

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Assessment | Failure]]:
        future = super().start(batch)
        future.set_exception(ValueError("told to fail"))
        return future


def test_an_error_of_a_strong_detector_that_answers_later_arrives() -> None:
    strong = Later(STRONG)
    future = cascade(strong=strong).start(asked("doubt"))
    strong.promises[0].set_exception(ValueError("told to fail"))
    with pytest.raises(ValueError, match="told"):
        future.result(timeout=1)


def test_cancelling_reaches_whoever_is_at_work() -> None:
    cheap, strong = Later(CHEAP), Later(STRONG)
    assert cascade(cheap, strong).start(asked("doubt")).cancel()
    assert cheap.promises[0].cancelled()


WORDS = st.lists(st.sampled_from(["clear", "doubt", "sure", "x", "\n"]), max_size=4).map(" ".join)


@given(st.lists(WORDS, max_size=12))
def test_every_answer_is_that_of_the_right_detector(texts: list[str]) -> None:
    cheap, strong = FakeDetector(CHEAP), FakeDetector(STRONG)
    found = CascadeDetector(cheap, strong, bands=BANDS).score(asked(*texts))
    for text, each in zip(texts, found, strict=True):
        (first,), (second,) = cheap.score(asked(text)), strong.score(asked(text))
        assert isinstance(first, Assessment)
        assert each == (second if BANDS[0].holds(first.scores["harm"]) else first)


def test_it_can_be_cached_where_both_say_when_they_change() -> None:
    cheap, strong = FakeDetector(CHEAP), FakeDetector(STRONG)
    with pytest.raises(ConfigurationError, match="fingerprint"):
        CachedDetector(CascadeDetector(cheap, strong, bands=BANDS))
    cheap.fingerprint = strong.fingerprint = "v1"  # type: ignore[attr-defined]
    one = CachedDetector(CascadeDetector(cheap, strong, bands=BANDS)).fingerprint
    assert one != CascadeDetector(cheap, strong, bands=BANDS[:1]).fingerprint


@pytest.mark.parametrize("bands", [[], [Band("harm", 0.1), Band("harm", 0.2)]])
def test_without_clear_bands_there_is_no_cascade(bands: list[Band]) -> None:
    with pytest.raises(ConfigurationError):
        CascadeDetector(FakeDetector(), FakeDetector(), bands=bands)
