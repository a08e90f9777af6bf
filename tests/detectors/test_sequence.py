"""Any model that classifies sequences: equal to transformers with PEFT, polarity as stated, no text cut off."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.adapters import write_adapter
from tests.models.decoders import write_decoder
from tests.models.encoders import write_encoder
from tokenizers import Tokenizer

from eyelid.detectors import EncoderDetector, SequenceDetector
from eyelid.engine import Device, choose_device, engine_for
from eyelid.errors import ConfigurationError, EyelidError, WeightsError
from eyelid.models import FORMAT_FILE, DetectorFormat, PackedClassifier
from eyelid.protocols import Assessment, Deferred, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.testing import check_detector
from eyelid.types import Failure, Surface

DEVICE = choose_device("cpu", dtype="float32", workers=2)
QA = "Question: {prompt}\n\nAnswer: {response}"
TEXTS = ["plain words that say nothing", "unsafe", "nothing much " * 100]
LABELS = {"id2label": {0: "hate", 1: "fraud", 2: "fine"}, "label2id": {"hate": 0, "fraud": 1, "fine": 2}}

#: Architecture → what is saved as its base, and what an adapter changes.
DECODERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "llama": ("LlamaForCausalLM", ("q_proj", "v_proj")),
    "qwen2": ("Qwen2ForCausalLM", ("q_proj", "v_proj", "down_proj")),
    "gpt_neox": ("GPTNeoXForCausalLM", ("query_key_value",)),
}
ENCODERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bert": ("BertForSequenceClassification", ("query", "value")),
    "roberta": ("RobertaForSequenceClassification", ("query", "value")),
}


def only(detector: SequenceDetector, text: str, prompt: str = "", surface: Surface = Surface.OUTPUT) -> Assessment:
    (found,) = detector.score([ScoreRequest(text, prompt=prompt, surface=surface)])
    assert isinstance(found, Assessment)
    return found


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@torch.inference_mode()
def logits(model: Any, folder: Path, text: str) -> list[float]:
    """What transformers and PEFT compute for one text, tokenised by itself."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found: list[float] = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).logits[0].tolist()
    return found


@pytest.fixture(scope="module")
def protector(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """Shaped as the released adapter: LoRA on queries and values, its own head of one logit, a language model below."""
    base, adapter = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("adapter")
    write_decoder(base, "LlamaForCausalLM", num_labels=2)
    return base, adapter, write_adapter(adapter, base, targets=("q_proj", "v_proj"), r=32, lora_alpha=32)


@pytest.mark.parametrize("kind", DECODERS)
def test_decoders_with_adapter_give_what_peft_gives(kind: str, tmp_path: Path) -> None:
    saved, targets = DECODERS[kind]
    base = write_decoder(tmp_path / "base", saved)
    model = write_adapter(tmp_path / "adapter", base, targets=targets)
    detector = SequenceDetector(
        base, adapter=tmp_path / "adapter", template=QA, harmful=[0], activation="sigmoid", device=DEVICE
    )
    for prompt, text in (("plain words", "say nothing much"), ("unsafe?", "is safe 日本 \n\n"), ("", "the a of")):
        (wanted,) = logits(model, base, f"Question: {prompt}\n\nAnswer: {text}")
        assert only(detector, text, prompt).scores["harm"] == pytest.approx(logistic(wanted), abs=1e-4)
    assert detector.incremental == (kind != "gpt_neox")
    check_detector(detector, TEXTS)


@pytest.mark.parametrize("kind", ENCODERS)
def test_encoders_with_adapter_give_what_peft_gives(kind: str, tmp_path: Path) -> None:
    family, targets = ENCODERS[kind]
    base = tmp_path / "base"
    write_encoder(base, family, labels=2)
    model = write_adapter(tmp_path / "adapter", base, outputs=3, targets=targets)
    detector = SequenceDetector(
        base, adapter=tmp_path / "adapter", template="{response}", harmful=[0, 2], activation="softmax", device=DEVICE
    )
    for text in ("plain words", "is safe", "tea kettle the a of"):
        wanted = torch.tensor(logits(model, base, text)).softmax(-1)
        assert only(detector, text).scores["harm"] == pytest.approx(float(wanted[0] + wanted[2]), abs=1e-4)
    assert not detector.incremental
    assert isinstance(detector._replicas.runner, PackedClassifier) == (kind == "bert")
    plain = EncoderDetector(base, adapter=tmp_path / "adapter", harmful=[0, 2], device=DEVICE)
    (found,) = plain.score([ScoreRequest("plain words")])
    assert isinstance(found, Assessment)
    assert found.scores["harm"] == pytest.approx(only(detector, "plain words").scores["harm"], abs=1e-4)
    check_detector(detector, TEXTS)


@pytest.mark.parametrize("family", ["BertForSequenceClassification", "RobertaForSequenceClassification"])
def test_pairs_and_templates_of_encoders(family: str, tmp_path: Path) -> None:
    model = write_encoder(tmp_path, family, labels=1)
    pairs = SequenceDetector(tmp_path, template="pair", harmful=[0], device=DEVICE)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    encoding = tokenizer.encode("a kettle", "plain tea")
    types = {"token_type_ids": torch.tensor([encoding.type_ids])} if family.startswith("Bert") else {}
    with torch.inference_mode():
        wanted = float(model(input_ids=torch.tensor([encoding.ids]), **types).logits[0])
    assert only(pairs, "plain tea", "a kettle").scores["harm"] == pytest.approx(logistic(wanted), abs=1e-4)
    single = SequenceDetector(tmp_path, template=QA, harmful=[0], device=DEVICE)
    (wanted,) = logits(model, tmp_path, "Question: a kettle\n\nAnswer: plain tea")
    assert only(single, "plain tea", "a kettle").scores["harm"] == pytest.approx(logistic(wanted), abs=1e-4)
    check_detector(pairs, TEXTS)


def test_the_released_adapter(protector: tuple[Path, Path, Any]) -> None:
    """Trained on question and answer, high for safe answers; read with the question, or as its program did without."""
    base, adapter, model = protector
    both = SequenceDetector(base, adapter=adapter, format="mllm-protector-3b", device=DEVICE)
    alone = SequenceDetector(base, adapter=adapter, format="mllm-protector-3b-response", device=DEVICE)
    (safe,) = logits(model, base, "Question: the words\n\nAnswer: say nothing")
    assert only(both, "say nothing", "the words").scores["harm"] == pytest.approx(1 - logistic(safe), abs=1e-4)
    (safe,) = logits(model, base, "say nothing")
    for detector in (both, alone):
        found = only(detector, "say nothing", surface=Surface.TOOL_RESULT)
        assert found.scores["harm"] == pytest.approx(1 - logistic(safe), abs=1e-4)
    assert only(alone, "say nothing", "the words").scores == only(alone, "say nothing").scores
    assert alone.fingerprint != both.fingerprint
    assert isinstance(both, Deferred)
    check_detector(both, TEXTS)


def test_polarity(protector: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = protector
    harm, safe = (
        SequenceDetector(base, adapter=adapter, template=QA, device=DEVICE, **each)  # type: ignore[arg-type]
        for each in ({"harmful": [0]}, {"harmless": [0]})
    )
    text = "plain words"
    assert only(harm, text).scores["harm"] + only(safe, text).scores["harm"] == pytest.approx(1.0)


def test_the_format_lies_beside_the_weights(protector: tuple[Path, Path, Any], tmp_path: Path) -> None:
    base, adapter, _ = protector
    copied = tmp_path / "adapter"
    copied.mkdir()
    for file in adapter.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ConfigurationError, match="template="):
        SequenceDetector(base, adapter=copied, device=DEVICE)
    form = DetectorFormat(template=QA, harmless=[0], window=128)
    form.write(copied)
    bound = SequenceDetector(base, adapter=copied, device=DEVICE)
    assert bound.format == form
    turned = SequenceDetector(base, adapter=copied, harmful=[0], device=DEVICE)
    assert turned.format == DetectorFormat(template=QA, harmful=[0], window=128)
    assert only(bound, "tea").scores["harm"] == pytest.approx(1 - only(turned, "tea").scores["harm"])
    shorter = SequenceDetector(base, adapter=copied, window=64, device=DEVICE)
    long = "plain words that say nothing much at all " * 10
    assert only(shorter, long).looks > only(bound, long).looks > 1
    (copied / FORMAT_FILE).write_text(json.dumps({"version": "eyelid.detector.v9"}))
    with pytest.raises(WeightsError, match="version"):
        SequenceDetector(base, adapter=copied, device=DEVICE)


def test_several_labels_with_categories(tmp_path: Path) -> None:
    model = write_encoder(tmp_path, "BertForSequenceClassification", labels=3, **LABELS)
    detector = SequenceDetector(
        tmp_path,
        template="{response}",
        harmful=["hate", "fraud"],
        activation="sigmoid",
        categories={"hate": Category.HATE, "fraud": Category.NON_VIOLENT_CRIMES},
        device=DEVICE,
    )
    hate, fraud, _ = map(logistic, logits(model, tmp_path, "plain words"))
    scores = only(detector, "plain words").scores
    assert scores["hate"] == pytest.approx(hate, abs=1e-4)
    assert scores["non_violent_crimes"] == pytest.approx(fraud, abs=1e-4)
    assert scores["harm"] == pytest.approx(max(hate, fraud), abs=1e-4)
    check_detector(detector, TEXTS)


def test_the_worst_window_counts(tmp_path: Path) -> None:
    write_encoder(tmp_path, "BertForSequenceClassification", labels=3, **LABELS)
    detector = SequenceDetector(
        tmp_path,
        template="{response}",
        harmful=["hate"],
        activation="softmax",
        categories={"hate": Category.HATE, "fraud": Category.NON_VIOLENT_CRIMES},
        window=40,
        device=DEVICE,
    )
    text = "plain words that say nothing much at all tea kettle unsafe " * 12
    found = only(detector, text)
    assert found.looks > 4
    assert found.covered == len(text)
    pieces = [only(detector, text[span.start : span.end]).scores for span in found.spans]
    assert found.scores["harm"] == pytest.approx(max(piece["harm"] for piece in pieces), abs=1e-4)
    assert found.scores["harm"] == pytest.approx(found.spans[0].score)


def test_a_headless_adapter_is_refused(tmp_path: Path) -> None:
    """As the released adapter of 7 billion parameters is: for a language model, with no head anywhere."""
    base = write_decoder(tmp_path / "base", "LlamaForCausalLM")
    write_adapter(tmp_path / "adapter", base, task="CAUSAL_LM", targets=("q_proj", "v_proj"))
    for format in ("mllm-protector-3b", None):
        with pytest.raises(WeightsError, match=r"CAUSAL_LM.*random"):
            SequenceDetector(base, adapter=tmp_path / "adapter", format=format, device=DEVICE)
    with pytest.raises(WeightsError, match="no head"):
        SequenceDetector(base, template=QA, harmful=[0], device=DEVICE)


def test_a_head_that_was_not_saved_is_refused(tmp_path: Path) -> None:
    base = write_decoder(tmp_path / "base", "LlamaForCausalLM")
    adapter = tmp_path / "adapter"
    write_adapter(adapter, base, targets=("q_proj",))
    file = adapter / "adapter_model.safetensors"
    save_file({name: t for name, t in load_file(file).items() if "score" not in name}, file)
    with pytest.raises(WeightsError, match=r"SEQ_CLS.*random"):
        SequenceDetector(base, adapter=adapter, template=QA, harmful=[0], device=DEVICE)
    file.rename(adapter / "adapter_model.bin")
    with pytest.raises(WeightsError, match="pickle"):
        SequenceDetector(base, adapter=adapter, template=QA, harmful=[0], device=DEVICE)


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    import transformers

    shape = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 320}
    transformers.T5ForSequenceClassification(transformers.T5Config(**shape)).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="encoder and a decoder"):
        SequenceDetector(tmp_path, template=QA, harmful=[0], device=DEVICE)


def test_an_adapter_of_another_kind_goes_through_peft(tmp_path: Path) -> None:
    base = write_decoder(tmp_path / "base", "LlamaForCausalLM")
    model = write_adapter(tmp_path / "adapter", base, targets=("q_proj", "v_proj"), use_dora=True)
    detector = SequenceDetector(base, adapter=tmp_path / "adapter", template=QA, harmful=[0], device=DEVICE)
    (wanted,) = logits(model, base, "Question: \n\nAnswer: plain")
    assert only(detector, "plain").scores["harm"] == pytest.approx(logistic(wanted), abs=1e-4)
    assert not detector.incremental


@pytest.mark.parametrize(
    "wrong",
    [
        {"harmful": [0], "harmless": [1]},
        {"harmful": [0, 1]},
        {"harmful": [2]},
        {"harmful": ["toxic"]},
        {"harmful": "0"},
        {"harmful": [0], "activation": None},
        {"harmful": [0], "activation": "relu"},
        {"harmful": [0], "window": 8},
        {"harmful": [0], "window": 513},
        {"harmful": [0], "labels": ["one"]},
        {"harmless": [0], "categories": {0: Category.HATE}},
        {"harmful": [0], "categories": {0: "rudeness"}},
        {"harmful": [0], "template": "nothing"},
        {"harmful": [0], "template": "pair"},
        {"format": "mllm-protector-13b"},
        {"template": None, "harmful": [0]},
        {},
    ],
)
def test_wrong_settings(tmp_path_factory: pytest.TempPathFactory, wrong: dict[str, Any]) -> None:
    folder = tmp_path_factory.getbasetemp() / "wrong"
    if not folder.exists():
        write_decoder(folder)
    with pytest.raises(ConfigurationError):
        SequenceDetector(folder, **{"template": QA, "activation": "softmax", "device": DEVICE, **wrong})


@pytest.mark.parametrize("kind", ["LlamaForSequenceClassification", "BertForSequenceClassification"])
def test_a_model_that_gives_no_number_is_a_failed_look(kind: str, tmp_path: Path) -> None:
    if kind.startswith("Bert"):
        write_encoder(tmp_path, kind, labels=1)
    else:
        write_decoder(tmp_path, kind, num_labels=1)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    head = "score.weight" if "score.weight" in tensors else "classifier.bias"
    save_file({**tensors, head: torch.full_like(tensors[head], float("nan"))}, file, metadata={"format": "pt"})
    detector = SequenceDetector(tmp_path, template="{response}", harmful=[0], device=DEVICE)
    (failed,) = detector.score([ScoreRequest("plain")])
    assert isinstance(failed, Failure)
    assert failed.code == "invalid"


def test_what_the_engine_refuses_is_a_failed_look(protector: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = protector
    device = Device("cpu", dtype="float32", workers=1, budget=778)
    detector = SequenceDetector(base, adapter=adapter, format="mllm-protector-3b", device=device)
    engine_for(device).close()
    (failed,) = detector.score([ScoreRequest("plain")])
    assert isinstance(failed, Failure)
    assert failed.code == "engine"


def test_a_format_that_leaves_no_room_is_a_failed_look(protector: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = protector
    detector = SequenceDetector(
        base, adapter=adapter, template="x" * 40 + "{response}", harmful=[0], window=50, device=DEVICE
    )
    fine, failed = detector.score([ScoreRequest("fine"), ScoreRequest("plain words " * 50)])
    assert isinstance(fine, Assessment)
    assert isinstance(failed, Failure)
    assert failed.code == "limit"


def test_a_growing_text_costs_what_is_new(protector: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = protector
    detector = SequenceDetector(base, adapter=adapter, template=QA, harmless=[0], device=DEVICE)
    engine, whole = engine_for(DEVICE), "nothing much at all, plain words " * 20
    costs = []
    for end in range(60, len(whole), 60):
        before = engine.stats().tokens
        only(detector, whole[:end], "the words")
        costs.append(engine.stats().tokens - before)
    assert max(costs[1:]) < 60


def test_special_tokens_in_a_text_are_text(protector: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = protector
    detector = SequenceDetector(base, adapter=adapter, template="<user>{prompt}<answer>{response}</s>", harmless=[0])
    (look,) = detector._texts.looks("</s><answer>fine", "<user></s>")
    ids = look.prefill.tokens.tolist()  # type: ignore[union-attr]
    assert [ids.count(special) for special in (1, 2, 3, 4)] == [1, 1, 1, 1]


def test_two_detectors_share_one_model(protector: tuple[Path, Path, Any]) -> None:
    base, adapter, _ = protector
    one, other = (
        SequenceDetector(base, adapter=adapter, format=each, device=DEVICE)
        for each in ("mllm-protector-3b", "mllm-protector-3b-response")
    )
    assert one._replicas.runner is other._replicas.runner


def test_no_error_is_anything_else(tmp_path: Path) -> None:
    with pytest.raises(EyelidError):
        SequenceDetector(tmp_path / "nowhere", template=QA, harmful=[0], device=DEVICE)
