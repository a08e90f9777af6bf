"""A decoder as a detector: it keeps the contract, reads everything, and fails as a failed look."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.models.decoders import write_decoder

from eyelid.detectors import CausalDetector
from eyelid.engine import Device, choose_device, claim, engine_for
from eyelid.errors import ConfigurationError, WeightsError
from eyelid.guard import Guard
from eyelid.models import open_causal
from eyelid.policy import Policy
from eyelid.protocols import Assessment, Deferred, ScoreRequest
from eyelid.testing import check_detector
from eyelid.types import Failure, Surface

TEMPLATE = "<user>{prompt}<answer>{response}</s>"
DEVICE = choose_device("cpu", dtype="float32", workers=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def detector(folder: Path) -> CausalDetector:
    return CausalDetector(folder, template=TEMPLATE, device=DEVICE)


def assessed(detector: CausalDetector, *requests: ScoreRequest) -> list[Assessment]:
    found = detector.score(requests)
    assert all(isinstance(each, Assessment) for each in found)
    return [each for each in found if isinstance(each, Assessment)]


def test_the_contract(detector: CausalDetector) -> None:
    check_detector(detector, ["plain words that say nothing", "unsafe", "nothing much " * 300])
    assert isinstance(detector, Deferred)
    assert detector.incremental


def test_a_long_text_is_read_in_windows(detector: CausalDetector) -> None:
    text = "plain words that say nothing much at all " * 200
    (found,) = assessed(detector, ScoreRequest(text, prompt="the words"))
    assert found.looks > 3
    assert found.covered == len(text)
    assert found.spans[0].score == found.scores["harm"] == max(span.score for span in found.spans)


def test_the_prompt_counts(detector: CausalDetector) -> None:
    one, other = assessed(detector, ScoreRequest("plain", prompt="safe"), ScoreRequest("plain", prompt="unsafe words"))
    assert one.scores["harm"] != other.scores["harm"]


def test_a_growing_text_costs_what_is_new(folder: Path) -> None:
    detector = CausalDetector(folder, template=TEMPLATE, device=DEVICE)
    engine, whole = engine_for(DEVICE), "nothing much at all, plain words " * 20
    costs, found = [], []
    for end in range(60, len(whole), 60):
        before = engine.stats().tokens
        found += assessed(detector, ScoreRequest(whole[:end], prompt="the words"))
        costs.append(engine.stats().tokens - before)
    assert max(costs[1:]) < 60
    for end, one in zip(range(60, len(whole), 60), found, strict=True):
        with claim(caller=f"anew {end}"):  # who finds nothing that was read before
            (other,) = assessed(detector, ScoreRequest(whole[:end], prompt="the words"))
        assert one.scores["harm"] == pytest.approx(other.scores["harm"], abs=1e-4)


def test_callers_do_not_share_what_was_read(folder: Path) -> None:
    detector = CausalDetector(folder, template=TEMPLATE, device=DEVICE)
    runner, request = detector._runner, ScoreRequest("plain words that say nothing " * 5)
    costs = []
    for caller in ("one", "one", "other"):
        with claim(caller=caller):
            looks = detector._looks(request)
            assert not isinstance(looks, Failure)
            costs.append(runner.cost(looks[0].prefill))
            detector.score([request])
    assert costs[0] == costs[2] > costs[1]


def test_label_tokens(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "LlamaForCausalLM")
    labels = ("safe", "unsafe")
    harmful, harmless = (
        CausalDetector(folder, template=TEMPLATE, head=labels, harmful=[each], device=DEVICE) for each in labels[::-1]
    )
    (one,), (other,) = (assessed(each, ScoreRequest("plain")) for each in (harmful, harmless))
    assert one.scores["harm"] + other.scores["harm"] == pytest.approx(1.0)
    assert harmful.fingerprint != harmless.fingerprint
    check_detector(harmful)


@pytest.mark.parametrize(
    "wrong",
    [
        {"head": "other"},
        {"head": ["safe", "unsafe"]},
        {"harmful": [0, 1]},
        {"harmful": [2]},
        {"harmful": ["unsafe"]},
        {"template": "nothing"},
    ],
)
def test_wrong_settings(folder: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, WeightsError)):
        CausalDetector(folder, **{"template": TEMPLATE, "device": DEVICE, **wrong})


def test_a_template_that_leaves_no_room_is_a_failed_look(folder: Path) -> None:
    detector = CausalDetector(folder, template="x" * 500 + "{response}", device=DEVICE)
    fine, failed = detector.score([ScoreRequest("fine"), ScoreRequest("plain words " * 500)])
    assert isinstance(fine, Assessment)
    assert isinstance(failed, Failure)
    assert failed.code == "limit"


def test_one_output_is_a_logistic_score(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, num_labels=1)
    check_detector(CausalDetector(folder, template=TEMPLATE, device=DEVICE))


class Broken:
    """A model that answers as told."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.name, self.context, self.answers = "broken", 512, answers

    def cost(self, _: Any) -> int:
        return 10

    def run(self, batch: Sequence[Any], /) -> Sequence[Any]:
        return [self.answers] * len(batch)


@pytest.mark.parametrize(
    ("answers", "code"),
    [([float("nan"), 0.0], "invalid"), ([float("inf"), 0.0], "invalid"), (ValueError("said too much"), "error")],
)
def test_a_broken_model_is_a_failed_look(folder: Path, answers: Any, code: str) -> None:
    detector = CausalDetector(folder, template=TEMPLATE, device=DEVICE)
    detector._runner = Broken(answers)  # type: ignore[assignment]
    (failed,) = detector.score([ScoreRequest("plain")])
    assert isinstance(failed, Failure)
    assert failed.code == code
    assert "much" not in repr(failed)


def test_what_the_engine_refuses_is_a_failed_look(detector: CausalDetector) -> None:
    with claim(deadline=time.monotonic() - 1):
        (late,) = detector.score([ScoreRequest("plain")])
    assert isinstance(late, Failure)
    assert late.code == "timeout"


def test_a_closed_engine_is_a_failed_look(folder: Path) -> None:
    device = Device("cpu", workers=1, budget=777)
    detector = CausalDetector(folder, template=TEMPLATE, device=device)
    engine_for(device).close()
    (failed,) = detector.score([ScoreRequest("plain")])
    assert isinstance(failed, Failure)
    assert failed.code == "engine"


def test_in_a_stream(folder: Path) -> None:
    """All of the text is looked at from its beginning, and no token twice."""
    detector = CausalDetector(folder, template=TEMPLATE, device=DEVICE)
    engine = engine_for(DEVICE)
    balanced = Policy.preset("balanced")
    lenient = replace(balanced.for_surface(Surface.OUTPUT), thresholds={"harm": 1.0})
    policy = replace(balanced, surfaces={**balanced.surfaces, Surface.OUTPUT: lenient})
    words = "plain words that say nothing much at all. " * 20
    before = engine.stats().tokens
    with Guard([detector], policy=policy) as guard:
        stream = guard.stream((words[at : at + 7] for at in range(0, len(words), 7)), prompt="the words")
        assert "".join(stream) == words
    tokens = len(detector._template.encode(words, "the words").ids)
    assert engine.stats().tokens - before < 3 * tokens


def test_the_model_is_shared(folder: Path, detector: CausalDetector) -> None:
    assert detector._runner is open_causal(folder, DEVICE)
