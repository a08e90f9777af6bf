"""Any encoder as a detector: it keeps the contract, reads everything, and says what harm is called."""

from pathlib import Path

import pytest
from tests.models.encoders import WORDS, write_encoder

from eyelid.detectors import EncoderDetector
from eyelid.engine import Device
from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, Deferred, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.testing import check_detector
from eyelid.types import Surface

CPU = Device("cpu", dtype="float32", workers=2, budget=256)
TEXTS = ["plain words that say nothing", "unsafe", "nothing much " * 100]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("encoder")
    write_encoder(
        place, "BertForSequenceClassification", id2label={0: "SAFE", 1: "HARM"}, label2id={"SAFE": 0, "HARM": 1}
    )
    return place


def only(detector: EncoderDetector, request: ScoreRequest) -> Assessment:
    (found,) = detector.score([request])
    assert isinstance(found, Assessment)
    return found


@pytest.mark.parametrize("family", ["BertForSequenceClassification", "RobertaForSequenceClassification"])
@pytest.mark.parametrize("with_prompt", [False, True])
def test_the_contract(family: str, with_prompt: bool, tmp_path: Path) -> None:
    write_encoder(tmp_path, family, labels=3)
    detector = EncoderDetector(tmp_path, harmful=[1, 2], device=CPU, with_prompt=with_prompt)
    check_detector(detector, TEXTS)
    assert isinstance(detector, Deferred)


def test_labels_have_names_and_polarity_is_explicit(folder: Path) -> None:
    harm, safe = (EncoderDetector(folder, harmful=[label], device=CPU) for label in ("HARM", "SAFE"))
    request = ScoreRequest("plain words")
    assert only(harm, request).scores["harm"] == pytest.approx(1 - only(safe, request).scores["harm"])
    assert harm.fingerprint != safe.fingerprint
    alone = EncoderDetector(folder, harmful=[0, "HARM"][1:], activation="sigmoid", device=CPU)
    assert 0 < only(alone, request).scores["harm"] < 1
    for wrong in (["TOXIC"], [], ["SAFE", "HARM"], "HARM", [2]):
        with pytest.raises(ConfigurationError, match="'SAFE', 'HARM'"):
            EncoderDetector(folder, harmful=wrong, device=CPU)


def test_a_long_text_is_read_in_windows(folder: Path) -> None:
    text = " ".join(WORDS * 8)
    found = only(EncoderDetector(folder, harmful=["HARM"], device=CPU, window=40), ScoreRequest(text))
    assert found.looks > 8
    assert found.covered == len(text)
    assert found.spans[0].score == found.scores["harm"]
    with pytest.raises(ConfigurationError, match="32 to 64"):
        EncoderDetector(folder, harmful=["HARM"], device=CPU, window=65)
    unread = only(EncoderDetector(folder, harmful=["HARM"], device=CPU), ScoreRequest("日本語のテキスト" * 20))
    assert unread.covered < 160


def test_the_prompt_counts_where_it_is_to_be_read(folder: Path) -> None:
    both = EncoderDetector(folder, harmful=["HARM"], device=CPU, with_prompt=True, category=Category.INJECTION)
    asked = [only(both, ScoreRequest("tea", prompt=prompt)).scores["injection"] for prompt in ("", "unsafe kettle")]
    assert asked[0] != asked[1]
    tool = only(both, ScoreRequest("tea", prompt="unsafe kettle", surface=Surface.TOOL_RESULT))
    assert tool.scores["injection"] == pytest.approx(asked[0])
    alone = EncoderDetector(folder, harmful=["HARM"], device=CPU)
    assert only(alone, ScoreRequest("tea", prompt="unsafe")).scores == only(alone, ScoreRequest("tea")).scores


def test_two_detectors_share_one_model(folder: Path) -> None:
    one, other = (EncoderDetector(folder, harmful=["HARM"], device=CPU) for _ in range(2))
    assert one._replicas.runner is other._replicas.runner
