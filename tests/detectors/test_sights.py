"""What the embedded detector asks of its models, and what becomes of their answers. The models are stand-ins."""

import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from eyelid.detectors import EmbeddedDetector
from eyelid.detectors._asked import AskedBefore
from eyelid.engine import Device, Engine, Replicas, Runner, claim, current_claim
from eyelid.errors import EngineError
from eyelid.models import HAZARDS, SIGNALS, Recollection, Sight, Window, find_backbone, find_weights
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.types import Failure, Surface

ONE = Device("cpu", dtype="float32", workers=1)
PLAIN = "Put the kettle on."
BAD = "Something bad."
ASKED = "How is that done?"


class Signals:
    """Calls harmful what says so, or what `answer` makes of it; notes what it sees."""

    name = "signals"

    def __init__(self, answer: Callable[[Sight], Any] = lambda sight: None) -> None:
        self.seen: list[Sight] = []
        self._answer = answer

    def run(self, batch: Sequence[Sight], /) -> list[Any]:
        self.seen += batch
        return [self._row(sight) if (own := self._answer(sight)) is None else own for sight in batch]

    def _row(self, sight: Sight) -> np.ndarray:
        return np.full(len(SIGNALS) - 1, 9.0 if "bad" in (sight.text or "") else -9.0, dtype=np.float32)


class Recall:
    """Finds everything to be about the first hazard."""

    name = "recall"

    def __init__(self) -> None:
        self.seen: list[Window] = []

    def run(self, batch: Sequence[Window], /) -> list[Recollection]:
        self.seen += batch
        shares = np.eye(len(HAZARDS), dtype=np.float32)[0]
        return [Recollection(4.0 if window.request else 0.0, shares) for window in batch]


class Claims(Replicas):
    """Notes whose work was submitted."""

    def __init__(self, engine: Engine, runner: Runner) -> None:
        super().__init__([(engine, runner)])
        self.callers: list[str] = []

    def submit_all(self, work: Sequence[tuple[Any, int, Hashable | None]]) -> list[Future[Any]]:
        self.callers += [current_claim().caller] * bool(work)
        return super().submit_all(work)


@pytest.fixture(scope="module")
def whole() -> EmbeddedDetector:
    return EmbeddedDetector(find_backbone(), find_weights(), device=ONE)


@pytest.fixture
def detector(whole: EmbeddedDetector) -> EmbeddedDetector:
    whole._looker._asked = AskedBefore()
    return with_models(whole, Signals())


def with_models(detector: EmbeddedDetector, signals: Signals) -> EmbeddedDetector:
    engine = Engine(ONE)
    detector._looker._signals = Replicas([(engine, signals)])
    detector._looker._recall = Replicas([(engine, Recall())])
    return detector


def signals_of(detector: EmbeddedDetector) -> Signals:
    runner: Any = detector._looker._signals.runner
    return runner  # type: ignore[no-any-return]


def recall_of(detector: EmbeddedDetector) -> Recall:
    runner: Any = detector._looker._recall.runner
    return runner  # type: ignore[no-any-return]


def test_a_prompt_is_looked_at_once_for_all_its_answers(detector: EmbeddedDetector) -> None:
    for number in range(3):
        detector.score([ScoreRequest(f"{PLAIN} {number} {again}", ASKED) for again in range(2)])
    prompts = [sight for sight in signals_of(detector).seen if sight.text is None]
    assert len(prompts) == 1
    assert len(signals_of(detector).seen) == 7


def test_equal_texts_of_a_batch_are_looked_at_once(detector: EmbeddedDetector) -> None:
    found = detector.score([ScoreRequest(PLAIN)] * 8)
    assert len(found) == 8
    assert len(signals_of(detector).seen) == 1


def test_texts_that_only_tokenise_alike_are_not_taken_for_equal(detector: EmbeddedDetector) -> None:
    detector.score([ScoreRequest("Put the kettle on."), ScoreRequest("PUT the kettle on.")])
    assert len(signals_of(detector).seen) == 2


@pytest.mark.parametrize("surface", [Surface.OUTPUT, Surface.TOOL_RESULT, Surface.RETRIEVED])
def test_the_memory_of_requests_is_not_asked_about_what_is_none(detector: EmbeddedDetector, surface: Surface) -> None:
    detector.score([ScoreRequest(PLAIN, ASKED, surface=surface)])
    assert recall_of(detector).seen == []


def test_a_harmful_answer_is_named_in_a_second_round_and_a_plain_one_is_not(detector: EmbeddedDetector) -> None:
    plain, bad = detector.score([ScoreRequest(PLAIN), ScoreRequest(BAD)])
    assert isinstance(plain, Assessment)
    assert isinstance(bad, Assessment)
    assert bad.scores["harm"] > 0.9
    assert bad.scores[HAZARDS[0]] == pytest.approx(bad.scores["harm"])
    assert HAZARDS[0] not in plain.scores
    assert len(recall_of(detector).seen) == 1


def test_a_harmful_request_needs_no_second_round(detector: EmbeddedDetector) -> None:
    (found,) = detector.score([ScoreRequest(BAD, surface=Surface.INPUT)])
    assert isinstance(found, Assessment)
    assert found.scores[HAZARDS[0]] > 0.9
    assert len(recall_of(detector).seen) == 1


def test_the_second_round_claims_what_the_first_one_did(detector: EmbeddedDetector) -> None:
    engine, recall = Engine(ONE), Recall()
    detector._looker._recall = claims = Claims(engine, recall)
    with claim(caller="tenant-7"):
        promise = detector.start([ScoreRequest(BAD)])
    promise.result()
    assert claims.callers == ["tenant-7"]


def test_what_cannot_be_looked_at_fails_by_itself(whole: EmbeddedDetector) -> None:
    failing = Signals(lambda sight: EngineError("no") if sight.text == BAD else None)
    found = with_models(whole, failing).score([ScoreRequest(PLAIN), ScoreRequest(BAD), ScoreRequest(PLAIN + PLAIN)])
    assert [type(each) for each in found] == [Assessment, Failure, Assessment]
    assert found[1] == Failure("score", "engine", "EngineError", "embedded")
    with pytest.raises(EngineError, match="1 of 2 texts"):
        whole.look([ScoreRequest(PLAIN), ScoreRequest(BAD)])


def test_a_prompt_that_cannot_be_looked_at_fails_its_answers_and_is_not_remembered(whole: EmbeddedDetector) -> None:
    failing = Signals(lambda sight: EngineError("no") if sight.text is None else None)
    batch = [ScoreRequest(PLAIN, "Once more."), ScoreRequest(PLAIN)]
    assert [type(each) for each in with_models(whole, failing).score(batch)] == [Failure, Assessment]
    assert [type(each) for each in with_models(whole, Signals()).score(batch)] == [Assessment, Assessment]


def test_what_is_not_a_number_is_no_pass(whole: EmbeddedDetector) -> None:
    nothing = np.full(len(SIGNALS) - 1, np.nan, dtype=np.float32)
    found = with_models(whole, Signals(lambda sight: nothing if sight.text == BAD else None))
    (bad, good) = found.score([ScoreRequest(BAD), ScoreRequest(PLAIN)])
    assert isinstance(bad, Failure)
    assert bad.code == "invalid"
    assert isinstance(good, Assessment)


def test_what_comes_too_late_is_not_begun(detector: EmbeddedDetector) -> None:
    with claim(deadline=time.monotonic() - 1.0):
        (found,) = detector.score([ScoreRequest(PLAIN, ASKED)])
    assert isinstance(found, Failure)
    assert found.code == "timeout"
    assert signals_of(detector).seen == []


def test_nothing_of_a_text_is_shown(detector: EmbeddedDetector) -> None:
    found = detector.look([ScoreRequest("ZQXBAD kettle", "ZQXBAD prompt")])
    assert "ZQXBAD" not in repr(found)
    assert "ZQXBAD" not in repr(signals_of(detector).seen)


def test_what_was_asked_is_forgotten_in_time() -> None:
    asked = AskedBefore(most=2)
    for prompt, logit in (("a", 1.0), ("b", 2.0), ("a", 1.5), ("c", float("nan"))):
        asked.put(prompt, logit)
    assert asked.get("a") == 1.5
    asked.put("\ud800", 3.0)
    assert (asked.get("a"), asked.get("b"), asked.get("c"), asked.get("\ud800")) == (1.5, None, None, 3.0)
    assert len(asked) == 2
