"""Detector and detoxifier learn what they are to learn, go on after a kill, and are read again as they were."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.models.encoders import write_encoder
from tests.training.toys import (
    SHORT,
    detector_settings,
    detoxifier_settings,
    labelled,
    pairs,
    rewrites,
    write_base,
)

from eyelid.detectors import SequenceDetector
from eyelid.detoxifiers import GenerativeDetoxifier
from eyelid.engine import choose_device
from eyelid.errors import ConfigurationError, PolicyError, WeightsError
from eyelid.protocols import Assessment, RewriteRequest, ScoreRequest
from eyelid.training.protector import (
    DetectorSettings,
    Lora,
    export_run,
    train_detoxifier,
    train_sequence_detector,
)
from eyelid.training.protector._base import adapted, load_base
from eyelid.training.protector._detector import _Collate, _loss, _Row

DEVICE = choose_device("cpu", dtype="float32", workers=1)
LORA = Lora(rank=8, alpha=16, dropout=0.05)

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # of PEFT


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


def metrics(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return found


def scores(detector: SequenceDetector, texts: list[str]) -> list[float]:
    found = detector.score([ScoreRequest(text, "ask 3") for text in texts])
    return [each.scores["harm"] for each in found if isinstance(each, Assessment)]


TEXTS = ["plain words", "unsafe words", "to and in is unsafe", "that say"]


@pytest.mark.parametrize("preset", ["paper", "release", "default"])
def test_a_detector_learns_to_tell_harm(tmp_path: Path, base: Path, preset: str) -> None:
    data = pairs(tmp_path / "pairs.jsonl")
    run = train_sequence_detector([data], base, tmp_path / "run", settings=detector_settings(preset), device="cpu")
    assert metrics(run)["auroc"] >= 0.95
    assert metrics(run)["missed_at_0.5"] <= 0.1
    detector = SequenceDetector(export_run(run, tmp_path / "out"), device=DEVICE)
    plain, unsafe, also, mild = scores(detector, TEXTS)
    assert min(unsafe, also) > 0.5 > max(plain, mild)
    # The release's logit is high for safe answers; the score means harm all the same.
    assert detector.format.harmless == (() if preset == "default" else ("safe",))


def test_single_answers_and_an_adapter(tmp_path: Path, base: Path) -> None:
    data = labelled(tmp_path / "rows.jsonl")
    settings = detector_settings(lora=LORA, rate=2e-2, epochs=8)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    assert metrics(run)["auroc"] >= 0.95
    adapter = export_run(run, tmp_path / "adapter")
    merged = export_run(run, tmp_path / "merged", merged=True)
    assert (adapter / "adapter_config.json").is_file()
    assert (merged / "model.safetensors").is_file()
    one = scores(SequenceDetector(base, adapter=adapter, device=DEVICE), TEXTS)
    other = scores(SequenceDetector(merged, device=DEVICE), TEXTS)
    assert one == pytest.approx(other, abs=1e-5)
    assert one[1] > 0.5 > one[0]
    card = (adapter / "MODEL_CARD.md").read_text()
    assert "rows.jsonl" in card
    assert "auroc" in card


def test_an_encoder_learns_pairs_of_texts(tmp_path: Path) -> None:
    base = tmp_path / "bert"
    write_encoder(base, "BertForSequenceClassification")
    data = pairs(tmp_path / "pairs.jsonl", 60)
    settings = detector_settings(epochs=1)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    detector = SequenceDetector(export_run(run, tmp_path / "out"), device=DEVICE)
    assert detector.format.template == "pair"
    first = scores(detector, TEXTS)
    assert first == scores(SequenceDetector(tmp_path / "out", device=DEVICE), TEXTS)


def test_the_loss_is_the_one_that_is_stated() -> None:
    class Given(torch.nn.Module):
        """Gives logits that were told; all that a loss needs of a model."""

        def __init__(self, logits: list[float]) -> None:
            super().__init__()
            self.logits = torch.nn.Parameter(torch.tensor(logits))

        def forward(self, **_: torch.Tensor) -> Any:
            return type("Output", (), {"logits": self.logits[:, None]})()

    rows = [_Row(([1], [2]), ([0], [0]), (True, False)), _Row(([3],), ([0],), (False,))]
    collate = _Collate(filling=0, types=False)
    j, k, single = 1.5, -0.5, 0.25

    def log_sigmoid(value: float) -> float:
        return float(torch.nn.functional.logsigmoid(torch.tensor(value)))

    bce = -(log_sigmoid(j) + log_sigmoid(-k) + log_sigmoid(-single))  # as P(safe): j is safe, k and the single are not
    pair = -log_sigmoid(j - k)
    for preset, expected in (("paper", bce / 2), ("release", (pair + 2 * bce) / 2)):
        loss = _loss(Given([j, k, single]), rows, collate, DetectorSettings.preset(preset))
        assert float(loss.detach()) == pytest.approx(expected, abs=1e-6)
    harm = _loss(Given([-j, -k, -single]), rows, collate, DetectorSettings.preset("default"))
    assert float(harm.detach()) == pytest.approx((pair + bce) / 2, abs=1e-6)


def test_a_detoxifier_learns_to_rewrite(tmp_path: Path, base: Path) -> None:
    data = rewrites(tmp_path / "rewrites.jsonl")
    run = train_detoxifier([data], base, tmp_path / "run", settings=detoxifier_settings(), form=SHORT, device="cpu")
    measured = metrics(run)
    assert measured["compared"] >= 60
    assert measured["exact_match"] >= 0.95  # on sentences that it was not trained on
    detoxifier = GenerativeDetoxifier(export_run(run, tmp_path / "out"), device=DEVICE, budget=16)
    assert detoxifier.format.template == SHORT.template
    assert detoxifier.rewrite([RewriteRequest("unsafe plain words say")]) == ["safe plain words say"]


@pytest.mark.parametrize("kind", ["LlamaForCausalLM", "T5ForConditionalGeneration"])
def test_adapters_of_detoxifiers_are_read_and_merged(tmp_path: Path, kind: str) -> None:
    base = write_base(tmp_path / "base", kind)
    data = rewrites(tmp_path / "rewrites.jsonl", 60)
    settings = detoxifier_settings(epochs=1, lora=LORA)
    run = train_detoxifier([data], base, tmp_path / "run", settings=settings, form=SHORT, device="cpu")
    adapter = export_run(run, tmp_path / "adapter")
    merged = export_run(run, tmp_path / "merged", merged=True)
    asked = [RewriteRequest(text) for text in TEXTS]
    one = GenerativeDetoxifier(base, adapter=adapter, device=DEVICE, budget=8).rewrite(asked)
    assert one == GenerativeDetoxifier(merged, device=DEVICE, budget=8).rewrite(asked)
    assert metrics(run)["loss"] > 0.0


def test_rows_that_are_too_long_are_left_out_and_counted(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 40)
    row = json.loads(data.read_text().splitlines()[0]) | {"response_1": "word " * 90, "prompt": "long"}
    data.write_text(data.read_text() + json.dumps(row) + "\n")
    settings = detector_settings(epochs=1, held_out=0.0)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    counts = json.loads((run / "result.json").read_text())["counts"]
    assert counts == {"rows": 41, "trained": 40, "too_long": 1, "held_out": 0}
    for line in data.read_text().splitlines():
        row = json.loads(line)
    data.write_text(json.dumps(row) + "\n")
    with pytest.raises(ConfigurationError, match="too long"):
        train_sequence_detector([data], base, tmp_path / "other", settings=settings, device="cpu")


SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.toys import detector_settings
from eyelid.training.protector import Lora, train_sequence_detector
slowly = sys.argv[4] == "slowly"
settings = detector_settings(epochs=4, save_every=3, held_out=0.1, lora=Lora(rank=4, dropout=0.3))
train_sequence_detector(
    [Path(sys.argv[1])], Path(sys.argv[2]), Path(sys.argv[3]), settings=settings, device="cpu",
    progress=lambda step, steps, loss: time.sleep(0.05) if slowly else None,
)
"""


def logged(run: Path) -> list[tuple[int, float]]:
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"]) for line in lines]


def test_after_a_kill_the_weights_are_the_same(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 100)

    def start(out: Path, how: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(data), str(base), str(out), how]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])

    killed = start(tmp_path / "killed", "slowly")
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    until = time.monotonic() + 60
    while not checkpoint.is_file() and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.02)
    time.sleep(0.07)  # in the midst of the steps after a checkpoint
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    done = int(load_file(checkpoint)["step"])
    assert 0 < done < 20
    for out in ("killed", "whole"):
        assert start(tmp_path / out, "quickly").wait() == 0
    weights = [load_file(tmp_path / out / "adapter" / "adapter_model.safetensors") for out in ("killed", "whole")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    logs = [
        [
            (line["step"], line["loss"])
            for line in map(json.loads, (tmp_path / out / "log.jsonl").read_text().splitlines())
        ]
        for out in ("killed", "whole")
    ]
    assert logs[0] == logs[1]


def test_a_run_goes_on_under_the_same_settings_only(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 40)
    said: list[str] = []
    for _ in range(2):
        train_sequence_detector(
            [data], base, tmp_path / "run", settings=detector_settings(epochs=1), device="cpu", say=said.append
        )
    assert said[-1] == "the run is finished already"
    with pytest.raises(ConfigurationError, match="settings"):
        train_sequence_detector([data], base, tmp_path / "run", settings=detector_settings(epochs=2), device="cpu")
    other = pairs(tmp_path / "other.jsonl", 41)
    with pytest.raises(ConfigurationError, match="data"):
        train_sequence_detector([other], base, tmp_path / "run", settings=detector_settings(epochs=1), device="cpu")


def test_what_is_trained_is_trained_in_full_precision(base: Path) -> None:
    model = load_base("AutoModelForSequenceClassification", base, seed=0, dtype=torch.bfloat16, labels=1)
    tuned = adapted(model, LORA, "SEQ_CLS")
    trained = {name: each.dtype for name, each in tuned.named_parameters() if each.requires_grad}
    assert any("score" in name for name in trained)
    assert any("lora_" in name for name in trained)
    assert set(trained.values()) == {torch.float32}
    assert next(each for name, each in tuned.named_parameters() if "embed" in name).dtype == torch.bfloat16


def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 32)
    found = []
    for accumulate in (1, 4):
        settings = detector_settings(epochs=1, batch=8, accumulate=accumulate, held_out=0.0, rate=1e-3)
        out = tmp_path / f"run{accumulate}"
        run = train_sequence_detector([data], base, out, settings=settings, device="cpu")
        found.append(load_file(run / "model" / "model.safetensors"))
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-4) for name in found[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"rate": float("nan")},
        {"held_out": 1.0},
        {"accumulate": 99},
        {"pair": -1.0},
        {"pair": 0.0, "single": 0.0},
        {"polarity": "good"},
        {"max_length": 2},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        DetectorSettings(**wrong)
    with pytest.raises(PolicyError, match="release"):
        DetectorSettings.preset("releas")


def test_what_cannot_be_trained_says_why(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 20)
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        train_sequence_detector([data], tmp_path, tmp_path / "a", device="cpu")
    settings = detector_settings(lora=Lora(rank=4, targets=("no_such_layer",)))
    with pytest.raises(ConfigurationError, match="no_such_layer"):
        train_sequence_detector([data], base, tmp_path / "b", settings=settings, device="cpu")
    with pytest.raises(ConfigurationError, match="128"):
        train_sequence_detector([data], base, tmp_path / "d", settings=detector_settings(max_length=256), device="cpu")
    with pytest.raises(ConfigurationError, match="finished"):
        export_run(tmp_path, tmp_path / "c")
    with pytest.raises(ConfigurationError):
        Lora(rank=0)
