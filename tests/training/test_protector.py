"""Detector and detoxifier learn what they are to learn, go on after a kill, and are read again as they were."""

import ast
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.decoders import write_model
from tests.models.encoders import FAMILIES, SHAPE, write_encoder
from tests.training.toys import (
    SHORT,
    all_lengths,
    detector_settings,
    detoxifier_settings,
    labelled,
    pairs,
    rewrites,
    write_base,
)

import eyelid
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
from eyelid.training.protector._detector import _Collate, _filling, _loss, _Row
from eyelid.training.protector._loop import train

DEVICE = choose_device("cpu", dtype="float32", workers=1)
LORA = Lora(rank=8, alpha=16, dropout=0.05)


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
    policy = eyelid.Policy.from_mapping(ast.literal_eval(card.split("Policy.from_mapping(")[1].split(")`")[0]))
    assert policy.for_surface(eyelid.Surface.OUTPUT).thresholds["harm"] == metrics(run)["threshold"]
    assert not (adapter / "README.md").exists()


def test_an_encoder_learns_pairs_of_texts(tmp_path: Path) -> None:
    base = tmp_path / "bert"
    write_encoder(base, "BertForSequenceClassification")
    data = labelled(tmp_path / "rows.jsonl", 400)
    settings = detector_settings(epochs=10, rate=2e-3)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    assert metrics(run)["auroc"] >= 0.95
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
    row = json.loads(data.read_text().splitlines()[0])
    # In use a long request loses its middle, beside a text that fits; in training such a row is left out as well.
    long = [row | {"response_1": "word " * 90}, row | {"prompt": "word " * 90}]
    wrong = row | {"safer_response_id": 1 - row["safer_response_id"]}
    data.write_text(data.read_text() + "".join(json.dumps(each) + "\n" for each in (*long, wrong)))
    settings = detector_settings(epochs=1, held_out=0.0)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    counts = json.loads((run / "result.json").read_text())["counts"]
    assert counts == {"rows": 43, "trained": 40, "too_long": 2, "held_out": 0, "left_out": 1}
    assert "| 43 | 40 | 2 | 0 | 1 |" in (run / "MODEL_CARD.md").read_text()
    row = long[0]
    data.write_text(json.dumps(row) + "\n")
    with pytest.raises(ConfigurationError, match="too long"):
        train_sequence_detector([data], base, tmp_path / "other", settings=settings, device="cpu")


SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.test_protector import interrupted
from eyelid.training.protector import train_sequence_detector
train_sequence_detector(
    [Path(sys.argv[1])], Path(sys.argv[2]), Path(sys.argv[3]), settings=interrupted(), device="cpu",
    progress=lambda step, steps, loss: time.sleep(0.05),
)
"""


def interrupted() -> DetectorSettings:
    return detector_settings(epochs=4, save_every=3, held_out=0.1, lora=Lora(rank=4, dropout=0.3))


def logged(run: Path) -> list[tuple[int, float]]:
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"]) for line in lines]


def same_weights(one: Path, other: Path) -> bool:
    """Whether two runs trained the same weights, bit for bit."""
    (file,) = one.glob("*/*.safetensors")
    weights = [load_file(run / file.relative_to(one)) for run in (one, other)]
    return weights[0].keys() == weights[1].keys() and all(
        torch.equal(weights[0][name], weights[1][name]) for name in weights[0]
    )


def test_after_a_kill_the_weights_are_the_same(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 100)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(data), str(base), str(tmp_path / "killed")]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    until = time.monotonic() + 60
    while not checkpoint.is_file() and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.02)
    time.sleep(0.07)  # in the midst of the steps after a checkpoint
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert 0 < int(load_file(checkpoint)["step"]) < 20
    for out in ("killed", "whole"):
        train_sequence_detector([data], base, tmp_path / out, settings=interrupted(), device="cpu")
    assert same_weights(tmp_path / "killed", tmp_path / "whole")
    assert logged(tmp_path / "killed") == logged(tmp_path / "whole")
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")


class Cut(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("kind", ["LlamaForCausalLM", "T5ForConditionalGeneration"])
@pytest.mark.parametrize("lora", [Lora(rank=4, dropout=0.3), None])
def test_wherever_it_is_cut_off_a_detoxifier_ends_the_same(tmp_path: Path, kind: str, lora: Lora | None) -> None:
    base = write_base(tmp_path / "base", kind)
    data = rewrites(tmp_path / "rewrites.jsonl", 50)
    settings = detoxifier_settings(epochs=3, batch=8, save_every=4, lora=lora)

    def start(out: str, *, until: int = 10**9) -> None:
        def progress(step: int, steps: int, loss: float) -> None:
            if step == until:
                raise Cut

        train_detoxifier([data], base, tmp_path / out, settings=settings, form=SHORT, device="cpu", progress=progress)

    start("whole")
    for cut in (1, 4, 6, 11):  # before a checkpoint, at one, behind it, in another epoch
        with pytest.raises(Cut):
            start("cut", until=cut)
    start("cut")
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert logged(tmp_path / "whole") == logged(tmp_path / "cut")


def test_a_broken_checkpoint_is_named(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 40)
    settings = detector_settings(epochs=1)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    (run / "result.json").unlink()  # as if it had been ended before that was written
    checkpoint = run / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="checkpoint"):
        train_sequence_detector([data], base, run, settings=settings, device="cpu")
    save_file({"step": torch.tensor(1)}, checkpoint)
    with pytest.raises(WeightsError, match="another model"):
        train_sequence_detector([data], base, run, settings=settings, device="cpu")
    checkpoint.write_bytes(whole)
    train_sequence_detector([data], base, run, settings=settings, device="cpu")
    assert (run / "result.json").is_file()


def test_a_run_goes_on_under_the_same_settings_only(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 40)
    said: list[str] = []
    for _ in range(2):
        train_sequence_detector(
            [data], base, tmp_path / "run", settings=detector_settings(epochs=1), device="cpu", say=said.append
        )
    assert said[-1] == "the run is finished already"
    with pytest.raises(ConfigurationError, match="epochs"):
        train_sequence_detector([data], base, tmp_path / "run", settings=detector_settings(epochs=2), device="cpu")
    other = pairs(tmp_path / "other.jsonl", 41)
    with pytest.raises(ConfigurationError, match="data"):
        train_sequence_detector([other], base, tmp_path / "run", settings=detector_settings(epochs=1), device="cpu")
    (tmp_path / "run" / "checkpoint.safetensors").unlink()  # to save room; the run is finished all the same
    with pytest.raises(ConfigurationError, match="epochs"):
        train_sequence_detector([data], base, tmp_path / "run", settings=detector_settings(epochs=2), device="cpu")
    # How it is computed may change, and before there is a checkpoint everything may.
    free = detector_settings(epochs=1, accumulate=4, recompute=True, save_every=7)
    train_sequence_detector([data], base, tmp_path / "run", settings=free, device="cpu", say=said.append)
    assert said[-1] == "the run is finished already"
    wrong = detector_settings(lora=Lora(rank=4, targets=("no_such_layer",)))
    with pytest.raises(ConfigurationError, match="no_such_layer"):
        train_sequence_detector([data], base, tmp_path / "early", settings=wrong, device="cpu")
    train_sequence_detector([data], base, tmp_path / "early", settings=detector_settings(epochs=1), device="cpu")


def test_what_is_trained_is_trained_in_full_precision(base: Path) -> None:
    begun = load_base("AutoModelForSequenceClassification", base, seed=0, dtype=torch.bfloat16, labels=1)
    tuned = adapted(begun, LORA, "SEQ_CLS")
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


@pytest.mark.parametrize("changed", [{"accumulate": 8}, {"recompute": True}, {"recompute": True, "accumulate": 4}])
def test_how_a_step_is_computed_changes_nothing(tmp_path: Path, base: Path, changed: dict[str, Any]) -> None:
    """Least of all where some targets are long and some short: each of their tokens counts the same."""
    data = all_lengths(tmp_path / "rows.jsonl")
    found = []
    for name, more in (("plain", {}), ("other", changed)):
        settings = detoxifier_settings(epochs=1, batch=8, held_out=0.0, rate=1e-3, max_length=128, **more)
        run = train_detoxifier([data], base, tmp_path / name, settings=settings, form=SHORT, device="cpu")
        found.append(load_file(run / "model" / "model.safetensors"))
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-4) for name in found[0])


def test_decoders_are_read_at_their_last_token_whatever_it_is(base: Path) -> None:
    """Transformers looks for the last token that is no filling; texts may end with what usually fills up."""
    model = load_base("AutoModelForSequenceClassification", base, seed=0, dtype=torch.float32, labels=1).model.eval()
    rows = [_Row(([5, 6, 7, 8, 0], [9, 2]), ([0], [0]), (True, False)), _Row(([5, 1],), ([0],), (False,))]
    filling = _filling(rows, 320)
    assert filling not in (0, 1, 2)
    model.config.pad_token_id = filling
    with torch.inference_mode():
        together = model(**_Collate(filling=filling, types=False)(rows, torch.device("cpu"))).logits[:, 0].tolist()
        each = [ids for row in rows for ids in row.ids]
        alone = [float(model.score(model.model(torch.tensor([ids])).last_hidden_state[0, -1])) for ids in each]
    assert together == pytest.approx(alone, abs=1e-5)


def test_texts_that_end_with_the_filling_score_the_same_in_use(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", pad_token_id=2)
    data = pairs(tmp_path / "pairs.jsonl")
    run = train_sequence_detector(
        [data], base, tmp_path / "run", settings=detector_settings(), template="{response}</s>", device="cpu"
    )
    assert metrics(run)["auroc"] >= 0.95
    assert json.loads((run / "model" / "config.json").read_text())["pad_token_id"] == 2


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "BertForSequenceClassification"])
def test_an_encoder_without_a_pooler_gets_one_with_its_adapter(tmp_path: Path, kind: str) -> None:
    base = tmp_path / "bert"
    write_encoder(base, "BertForSequenceClassification")
    if kind == "BertForMaskedLM":  # most encoders are published so: without pooler and head
        for name in ("model.safetensors", "config.json"):
            (base / name).unlink()
        write_model(base, kind, **SHAPE, **FAMILIES["BertForSequenceClassification"])
    data = labelled(tmp_path / "rows.jsonl")
    settings = detector_settings(lora=LORA, epochs=1)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    assert metrics(run)["failed"] == 0
    saved = load_file(run / "adapter" / "adapter_model.safetensors")
    assert any("pooler" in name for name in saved) == (kind == "BertForMaskedLM")
    assert any("classifier" in name for name in saved)
    adapter, whole = export_run(run, tmp_path / "a"), export_run(run, tmp_path / "m", merged=True)
    one = scores(SequenceDetector(base, adapter=adapter, device=DEVICE), TEXTS)
    assert one == pytest.approx(scores(SequenceDetector(whole, device=DEVICE), TEXTS), abs=1e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_of_encoders_gets_an_adapter_without_more_words(tmp_path: Path, family: str) -> None:
    base = tmp_path / "base"
    write_encoder(base, family)
    settings = detector_settings(lora=LORA, epochs=1, rate=1e-2)
    data = [labelled(tmp_path / "rows.jsonl", 60)]
    run = train_sequence_detector(data, base, tmp_path / "run", settings=settings, device="cpu")
    adapter, whole = export_run(run, tmp_path / "a"), export_run(run, tmp_path / "m", merged=True)
    one = scores(SequenceDetector(base, adapter=adapter, device=DEVICE), TEXTS)
    assert one == pytest.approx(scores(SequenceDetector(whole, device=DEVICE), TEXTS), abs=1e-5)


def test_a_checkpoint_that_lacks_more_than_a_head_is_not_trained(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="lacks 1 tensor"):
        train_sequence_detector([pairs(tmp_path / "p.jsonl")], base, tmp_path / "a", settings=detector_settings())
    with pytest.raises(WeightsError, match="lacks 1 tensor"):
        train_detoxifier([rewrites(tmp_path / "r.jsonl")], base, tmp_path / "b", settings=detoxifier_settings())


def test_merged_weights_are_as_precise_as_those_they_were_trained_on(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    load_base("AutoModelForCausalLM", base, seed=0, dtype=torch.bfloat16).model.save_pretrained(base)
    data = pairs(tmp_path / "pairs.jsonl", 40)
    settings = detector_settings(epochs=1, lora=LORA)
    run = train_sequence_detector([data], base, tmp_path / "run", settings=settings, device="cpu")
    whole = export_run(run, tmp_path / "whole", merged=True)
    assert {each.dtype for each in load_file(whole / "model.safetensors").values()} == {torch.bfloat16}
    other = write_base(tmp_path / "other", hidden_size=32)
    with pytest.raises(WeightsError):
        export_run(run, tmp_path / "wrong", merged=True, base=other)


@pytest.mark.parametrize("broken", [lambda x: x * float("nan"), lambda x: (x * 0.0).sqrt()])
def test_what_is_no_number_ends_a_run_before_it_is_kept(tmp_path: Path, broken: Any) -> None:
    model = torch.nn.Linear(1, 1)

    def loss(which: Any, rows: Any) -> torch.Tensor:
        value: torch.Tensor = broken(which(torch.ones(1)).abs()).sum()
        return value

    settings = detector_settings(save_every=1)
    with pytest.raises(FloatingPointError, match="step 1"):
        train(model, [0] * 20, loss, settings, tmp_path)
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_a_part_without_gradients_does_not_hinder_a_checkpoint(tmp_path: Path) -> None:
    """As experts have none while no token comes to them."""

    class Two(torch.nn.Module):
        """One of two parts, as it is told."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.parts = torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)])

    def loss(which: Any, rows: Any) -> torch.Tensor:
        used = which.parts[max(rows)]  # the second one late, the third never
        value: torch.Tensor = (used(torch.ones(1)) - 5.0).square().sum()
        return value

    def run(out: str, until: int = 99) -> Two:
        def progress(step: int, steps: int, loss: float) -> None:
            if step == until:
                raise Cut

        settings = detector_settings(batch=1, epochs=4, save_every=1, rate=0.1)
        done: Two = train(Two(), [0, 0, 0, 1], loss, settings, tmp_path / out, progress=progress)
        return done

    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = run("whole").state_dict()
    for until in range(1, 16):
        with pytest.raises(Cut):
            run("cut", until)
    cut = run("cut").state_dict()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert not torch.equal(whole["parts.1.weight"], Two().parts[1].weight)


def test_rewrites_are_compared_where_rows_are_as_long_as_the_model_reads(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", max_position_embeddings=64)
    data = rewrites(tmp_path / "rewrites.jsonl", 60)
    row = json.loads(data.read_text().splitlines()[0])
    long = [row | {"prompt": f"{number}", "target": "word " * 90} for number in range(40)]
    data.write_text(data.read_text() + "".join(json.dumps(each) + "\n" for each in long))
    settings = detoxifier_settings(epochs=1, max_length=64)
    run = train_detoxifier([data], base, tmp_path / "run", settings=settings, form=SHORT, device="cpu")
    measured = metrics(run)
    assert measured["compared"] == measured["rows"] > 0
    assert measured["failed"] < measured["compared"]  # an untrained model may still write nothing


def test_threads_are_those_of_training_alone(tmp_path: Path, base: Path) -> None:
    seen = []
    train_sequence_detector(
        [pairs(tmp_path / "pairs.jsonl", 20)],
        base,
        tmp_path / "run",
        settings=detector_settings(epochs=1),
        device="cpu",
        threads=2,
        progress=lambda *_: seen.append(torch.get_num_threads()),
    )
    assert set(seen) == {2}
    assert torch.get_num_threads() == 1


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
    write_encoder(tmp_path / "roberta", "RobertaForSequenceClassification")
    with pytest.raises(ConfigurationError, match="reads 64 tokens"):  # of 66 positions
        train_sequence_detector([data], tmp_path / "roberta", tmp_path / "e", settings=detector_settings(max_length=65))
    seq2seq = write_base(tmp_path / "t5", "T5ForConditionalGeneration")
    with pytest.raises(ConfigurationError, match="an encoder and a decoder"):
        train_sequence_detector([data], seq2seq, tmp_path / "f", settings=detector_settings(), device="cpu")
    bart = write_base(
        tmp_path / "bart",
        "BartForConditionalGeneration",
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
    )
    with pytest.raises(ConfigurationError, match="reads 128 tokens"):  # encoder and decoder count absolutely, each
        train_detoxifier(
            [rewrites(tmp_path / "r.jsonl")], bart, tmp_path / "g", settings=detoxifier_settings(max_length=129)
        )
    broken = write_base(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:99])
    with pytest.raises(WeightsError, match="cannot load"):
        train_detoxifier([rewrites(tmp_path / "r.jsonl")], broken, tmp_path / "h", settings=detoxifier_settings())
    with pytest.raises(ConfigurationError, match="finished"):
        export_run(tmp_path, tmp_path / "c")
    with pytest.raises(ConfigurationError):
        Lora(rank=0)
