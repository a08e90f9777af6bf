"""The packed decoder computes what transformers computes, or refuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.decoders import random_tokens, reference, write_model

from eyelid.engine import choose_device
from eyelid.errors import WeightsError
from eyelid.models import CausalRunner, PackedLlama, PlainCausalRunner, Prefill, open_causal
from eyelid.models._causal_heads import spread
from eyelid.models._causal_rope import angles, rotate

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "rope_theta": 1e6, "factor": 4.0}
SEQUENCES = [random_tokens(count, count) for count in (1, 5, 70, 200, 5)]
LABELS = [5, 290]


def scores(runner: CausalRunner | PlainCausalRunner) -> list[Any]:
    return list(runner.run([Prefill.of(tokens) for tokens in SEQUENCES]))


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("LlamaForSequenceClassification", {}),
        ("LlamaForCausalLM", {"attention_bias": True, "mlp_bias": True, "rope_parameters": LLAMA3}),
        ("MistralForSequenceClassification", {"head_dim": 20, "num_labels": 1}),
        ("Qwen2ForCausalLM", {"tie_word_embeddings": True, "rope_parameters": LINEAR}),
        ("Qwen3ForSequenceClassification", {"head_dim": 32, "num_key_value_heads": 4}),
    ],
)
def test_equals_transformers(kind: str, changed: dict[str, Any], tmp_path: Path) -> None:
    model = write_model(tmp_path, kind, **changed)
    labels = LABELS if kind.endswith("CausalLM") else None
    runner = CausalRunner(PackedLlama(tmp_path, labels=labels), memory=2**22)
    expected = torch.tensor([reference(model, tokens, labels) for tokens in SEQUENCES])
    for _ in range(2):  # the second time from what was kept
        assert torch.allclose(torch.tensor(scores(runner)), expected, atol=1e-4)


def test_bfloat16_is_near(tmp_path: Path) -> None:
    model = write_model(tmp_path, initializer_range=0.1)
    runner = CausalRunner(PackedLlama(tmp_path, dtype=torch.bfloat16), memory=2**22)
    expected = torch.tensor([reference(model, tokens) for tokens in SEQUENCES])
    assert (torch.tensor(scores(runner)) - expected).abs().max() < 0.1


def test_old_notation_of_rotary_positions(tmp_path: Path) -> None:
    model = write_model(tmp_path, rope_parameters=LINEAR)
    file = tmp_path / "config.json"
    raw = json.loads(file.read_text("utf-8"))
    del raw["rope_parameters"], raw["head_dim"]
    raw |= {"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 4.0}}
    file.write_text(json.dumps(raw), "utf-8")
    found = scores(CausalRunner(PackedLlama(tmp_path), memory=0))
    assert found[2] == pytest.approx(reference(model, SEQUENCES[2]), abs=1e-4)


def test_several_files(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    found = scores(CausalRunner(PackedLlama(tmp_path), memory=0))
    assert found[2] == pytest.approx(reference(model, SEQUENCES[2]), abs=1e-4)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # PEFT asks transformers
@pytest.mark.parametrize("stabilised", [False, True])
def test_an_adapter_is_added(tmp_path: Path, stabilised: bool) -> None:
    import peft

    model = write_model(tmp_path / "model")
    settings = peft.LoraConfig(
        task_type="SEQ_CLS", r=4, lora_alpha=8, use_rslora=stabilised, target_modules=["q_proj", "down_proj"]
    )
    tuned = peft.get_peft_model(model, settings)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name or "score" in name:
            parameter.data.normal_(std=0.2)
    tuned.save_pretrained(tmp_path / "adapter")
    found = scores(CausalRunner(PackedLlama(tmp_path / "model", adapter=tmp_path / "adapter"), memory=0))
    expected = reference(tuned.eval(), SEQUENCES[2])
    assert found[2] == pytest.approx(expected, abs=1e-4)
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"use_dora": True}), "utf-8")
    with pytest.raises(WeightsError, match="use_dora"):
        PackedLlama(tmp_path / "model", adapter=tmp_path / "adapter")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"model_type": "gemma"}, "model_type"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0}}, "rope_type"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"num_hidden_layers": 2}, "no place"),
        ({"num_hidden_layers": 4}, "no tensor"),
    ],
)
def test_what_it_does_not_compute_it_refuses(changed: dict[str, Any], says: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changed), "utf-8")
    with pytest.raises(WeightsError, match=says):
        PackedLlama(tmp_path)


def test_a_window_bounds_the_context(tmp_path: Path) -> None:
    write_model(tmp_path, "MistralForSequenceClassification", sliding_window=64)
    runner = CausalRunner(PackedLlama(tmp_path), memory=0)
    assert runner.context == 64
    found = scores(runner)
    assert [isinstance(each, Exception) for each in found] == [len(tokens) > 64 for tokens in SEQUENCES]


@pytest.mark.parametrize(
    ("kind", "labels", "says"),
    [
        ("LlamaForCausalLM", None, "score.weight"),
        ("LlamaForSequenceClassification", LABELS, "head 'score'"),
        ("LlamaForCausalLM", [320], "below 320"),
        ("LlamaForCausalLM", [], "there must be one"),
    ],
)
def test_a_head_that_is_not_there(kind: str, labels: list[int] | None, says: str, tmp_path: Path) -> None:
    write_model(tmp_path, kind)
    with pytest.raises(WeightsError, match=says):
        PackedLlama(tmp_path, labels=labels)


def test_broken_folders(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json"):
        PackedLlama(tmp_path)
    write_model(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="safetensors"):
        PackedLlama(tmp_path)
    file.unlink()
    with pytest.raises(WeightsError, match="neither"):
        PackedLlama(tmp_path)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("GPTNeoXForCausalLM", {}),
        ("GPT2ForSequenceClassification", {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512}),
        ("LlamaForSequenceClassification", {"hidden_act": "gelu"}),
    ],
)
def test_other_decoders_run_through_transformers(kind: str, changed: dict[str, Any], tmp_path: Path) -> None:
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "max_position_embeddings")
    if kind.startswith("GPT2"):
        changed = {**changed, **dict.fromkeys(keys)}
    model = write_model(tmp_path, kind, **{name: value for name, value in changed.items() if value is not None})
    labels = LABELS if kind.endswith("CausalLM") else None
    runner = open_causal(tmp_path, choose_device("cpu", dtype="float32"), labels=labels)
    assert isinstance(runner, PlainCausalRunner)
    runner.budget = 210  # so that a batch is several passes
    expected = torch.tensor([reference(model, tokens, labels) for tokens in SEQUENCES])
    assert torch.allclose(torch.tensor(scores(runner)), expected, atol=1e-4)
    too_long, empty = runner.run([Prefill.of([7] * 513), Prefill.of([])])
    assert isinstance(too_long, Exception)
    assert isinstance(empty, Exception)


def test_an_encoder_is_no_decoder(tmp_path: Path) -> None:
    write_model(tmp_path, "BertForSequenceClassification")
    with pytest.raises(WeightsError, match="last token"):
        open_causal(tmp_path, choose_device("cpu"))


def test_one_model_for_all_who_ask_for_the_same(tmp_path: Path) -> None:
    write_model(tmp_path)
    device = choose_device("cpu")
    one = open_causal(tmp_path, device)
    assert one is open_causal(tmp_path, replace(device, memory=2**30, reason="another"))
    assert one is not open_causal(tmp_path, device, labels=None, memory=0)


def test_heads_filled_up_with_zeros_give_the_same_products() -> None:
    width, wide, heads, hidden = 20, 24, 3, 16
    x, weight = torch.randn(7, hidden), torch.randn(2, heads * width, hidden)
    turns = torch.rand(width // 2)

    def products(size: int, turned: torch.Tensor) -> torch.Tensor:
        cosine, sine = angles(torch.arange(7), turned, torch.float32)
        q, k = (rotate((x @ spread(w, heads, width, size).T).view(7, heads, size), cosine, sine) for w in weight)
        return torch.einsum("ihd,jhd->hij", q, k)

    filled = torch.nn.functional.pad(turns, (0, (wide - width) // 2))
    assert torch.allclose(products(width, turns), products(wide, filled), atol=1e-4)
