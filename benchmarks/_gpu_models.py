"""Decoders of random weights, for measurements to which the weights do not matter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a Llama."""

    layers: int
    hidden: int
    inner: int
    heads: int
    words: int

    @property
    def linears(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of a layer's products, those of one input as one."""
        hidden, inner = self.hidden, self.inner
        return [(hidden, 3 * hidden), (hidden, hidden), (hidden, 2 * inner), (inner, hidden)]

    def operations(self, tokens: int) -> float:
        """Floating-point operations for a sequence; half of its attention is masked, and no vocabulary follows."""
        a_token = 2 * sum(inputs * outputs for inputs, outputs in self.linears)
        return float(self.layers * tokens * (a_token + 2 * self.hidden * tokens))


#: Open-LLaMA-3B, the base of MLLM-Protector's detector: heads of 100, which flash kernels take only padded.
THREE_BILLION = Shape(layers=26, hidden=3200, inner=8640, heads=32, words=32_000)
#: LLaMA-7B, the base of MLLM-Protector's detoxifier.
SEVEN_BILLION = Shape(layers=32, hidden=4096, inner=11_008, heads=32, words=32_000)
SMALL = Shape(layers=2, hidden=80, inner=160, heads=4, words=500)


def write_decoder(folder: Path, shape: Shape, dtype: Any, device: str, *, seed: int, writes: bool = False) -> Path:
    """A `LlamaForSequenceClassification` with one output, or a `LlamaForCausalLM` that writes, made on the device."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator(device).manual_seed(seed)

    def random(rows: int, columns: int) -> Any:
        made = torch.randn(rows, columns, generator=generator, device=device) * columns**-0.5
        return made.to(dtype).cpu()

    tensors = {f"model.{name}.weight": random(*size) for name, size in _matrices(shape)}
    norms = [f"layers.{at}.{name}_layernorm" for at in range(shape.layers) for name in ("input", "post_attention")]
    tensors |= {f"model.{name}.weight": torch.ones(shape.hidden, dtype=dtype) for name in ("norm", *norms)}
    head = ("lm_head.weight", shape.words) if writes else ("score.weight", 1)
    tensors[head[0]] = random(head[1], shape.hidden)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM" if writes else "LlamaForSequenceClassification"],
        "model_type": "llama",
        "vocab_size": shape.words,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_labels": 1,
        "id2label": {"0": "LABEL_0"},
        "tie_word_embeddings": False,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_tokenizer(folder: Path, texts: Sequence[str], words: int) -> None:
    """A tokenizer that was trained on the texts, of at most so many words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=words, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_adapter(folder: Path, shape: Shape, rank: int, *, seed: int) -> Path:
    """A LoRA adapter on queries and values as PEFT saves it, of the rank that MLLM-Protector uses."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for at in range(shape.layers):
        for name in "qv":
            for side, size in (("A", (rank, shape.hidden)), ("B", (shape.hidden, rank))):
                key = f"base_model.model.model.layers.{at}.self_attn.{name}_proj.lora_{side}.weight"
                tensors[key] = torch.randn(*size, generator=generator) * 0.01
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": rank, "lora_alpha": 32, "bias": "none"}
    config |= {"target_modules": ["q_proj", "v_proj"], "base_model_name_or_path": ""}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _matrices(shape: Shape) -> Iterator[tuple[str, tuple[int, int]]]:
    hidden, inner = shape.hidden, shape.inner
    yield "embed_tokens", (shape.words, hidden)
    for at in range(shape.layers):
        for name in "qkvo":
            yield f"layers.{at}.self_attn.{name}_proj", (hidden, hidden)
        for name in ("gate", "up"):
            yield f"layers.{at}.mlp.{name}_proj", (inner, hidden)
        yield f"layers.{at}.mlp.down_proj", (hidden, inner)
