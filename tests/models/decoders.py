"""Tiny decoders with random weights, and a tiny tokenizer, written as transformers writes them."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = ["<pad>", "<s>", "</s>", "<user>", "<answer>"]
_WORDS = ["safe unsafe the a of to and in is plain words that say nothing much at all"] * 4
_SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "num_labels": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def write_tokenizer(folder: Path) -> Tokenizer:
    """Bytes and a few words; a text begins with <s>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(_WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def write_model(folder: Path, kind: str = "LlamaForSequenceClassification", *, seed: int = 0, **changed: Any) -> Any:
    """Save a model of a transformers class; gives it back to compare with."""
    import transformers

    made = getattr(transformers, kind)
    torch.manual_seed(seed)
    model = made(made.config_class(**{"vocab_size": 320, **_SHAPE, **changed})).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name:  # not ones and zeros, which hide what is left out
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    return model


def write_decoder(folder: Path, kind: str = "LlamaForSequenceClassification", **changed: Any) -> Path:
    """Model and tokenizer."""
    write_tokenizer(folder)
    write_model(folder, kind, **changed)
    return folder


def random_tokens(count: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(len(SPECIAL), 300, (count,), generator=generator).tolist()


@torch.inference_mode()
def reference(model: Any, tokens: list[int], labels: list[int] | None = None) -> list[float]:
    """The logits that transformers computes for one sequence by itself."""
    logits = model(torch.tensor([tokens])).logits[0]
    found: list[float] = (logits if labels is None else logits[-1, labels]).float().tolist()
    return found
