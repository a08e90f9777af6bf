"""Tiny language models with random weights whose tokenizers know what a family of guard models is asked in."""

import re
from pathlib import Path
from typing import Any

import torch
from tests.models.decoders import write_model
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from eyelid.detectors import GuardFamily

#: As the published checkpoints are built.
ARCHITECTURES = {
    "granite-guardian": "GraniteForCausalLM",
    "llama-guard-3": "LlamaForCausalLM",
    "llama-guard-4": "Llama4ForConditionalGeneration",
    "qwen3guard": "Qwen3ForCausalLM",
    "shieldgemma": "Gemma2ForCausalLM",
    "wildguard": "MistralForCausalLM",
}
SPECIAL = re.compile(r"<\|[a-z_]+\|>|<s>|</s>|<bos>|<start_of_turn>|<end_of_turn>")
#: Of Qwen3: tokens of their own, and not marked as special.
ADDED = ("<think>", "</think>")

SMALL = """
version = "eyelid.family.v1"
name = "small"
alone = "prompt"
lead = "\\n"

[verdicts]
" safe" = "harmless"
" odd" = "doubtful"
" unsafe" = "harmful"

[prompt]
template = "<|user|>{policy} User: {prompt}<|end|>"

[answer]
template = "<|user|>{policy} User: {prompt} Agent: {response}<|end|>"

[[policies]]
text = "Is it safe?"

[categories]
lead = "\\n"
ends = ["<|end|>", ","]

[categories.codes]
S1 = "violent_crimes"
S2 = "hate"
S10 = "hate"
S11 = "harm"
"""


def write_guard(folder: Path, family: GuardFamily, architecture: str, *, seed: int = 0, **changed: Any) -> Any:
    """Model and tokenizer; gives the model back to compare with."""
    texts = [form.template for form in family.forms.values()]
    texts += [text for policy in family.policies for text in policy.texts.values()]
    special = sorted({token for text in [*texts, *family.ends] for token in SPECIAL.findall(text)})
    verdicts = {verdict for form in family.forms.values() for verdict in form.verdicts}
    learned = [*verdicts, family.code_lead, *family.codes] * 50
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<pad>", *special],
        show_progress=False,
    )
    tokenizer.train_from_iterator([SPECIAL.sub("", text) for text in texts] * 4 + learned, trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ADDED])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    if architecture == "Llama4ForConditionalGeneration":
        return _write_llama4(folder)
    shape = {"vocab_size": 1000, "max_position_embeddings": 1200, "head_dim": 16, "hidden_size": 64, **changed}
    return write_model(folder, architecture, seed=seed, **shape)


def _write_llama4(folder: Path) -> Any:
    """Dense and with eyes, as the guard is."""
    import transformers

    text = {
        "vocab_size": 1000,
        "hidden_size": 64,
        "intermediate_size": 96,
        "intermediate_size_mlp": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "num_local_experts": 1,
        "num_experts_per_tok": 1,
        "moe_layers": [],
        "max_position_embeddings": 1200,
        "initializer_range": 0.2,
        "pad_token_id": 0,
    }
    eyes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
        "vision_output_dim": 32,
        "projector_input_dim": 32,
        "projector_output_dim": 32,
    }
    torch.manual_seed(0)
    config = transformers.Llama4Config(text_config=text, vision_config=eyes)
    model = transformers.Llama4ForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    return model


def tokens_of(folder: Path, text: str) -> list[int]:
    """A text that stands for itself, special tokens included, as the tokenizer writes it."""
    found: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    return found


@torch.inference_mode()
def constrained(model: Any, begun: list[int], paths: dict[str, list[list[int]]]) -> dict[str, float]:
    """How probable each answer is if only these are allowed, one token after the other, as transformers computes it."""
    every = [path for each in paths.values() for path in each]

    def along(path: list[int]) -> float:
        chance = 1.0
        for at, token in enumerate(path):
            allowed = sorted({other[at] for other in every if other[:at] == path[:at] and len(other) > at})
            logits = model(torch.tensor([[*begun, *path[:at]]])).logits[0, -1, allowed]
            chance *= float(logits.float().softmax(-1)[allowed.index(token)])
        return chance

    return {name: sum(map(along, each)) for name, each in paths.items()}
