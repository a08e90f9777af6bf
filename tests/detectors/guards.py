"""Tiny language models with random weights whose tokenizers know what a family of guard models is asked in."""

import re
from pathlib import Path
from typing import Any

import torch
from tests.models.decoders import write_model
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from eyelid.detectors import GuardFamily

#: As the published checkpoints are built, but for Llama 4, of which only the tokens count here.
ARCHITECTURES = {
    "granite-guardian": "GraniteForCausalLM",
    "llama-guard-3": "LlamaForCausalLM",
    "llama-guard-4": "LlamaForCausalLM",
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
    shape = {"vocab_size": 1000, "max_position_embeddings": 1200, "head_dim": 16, "hidden_size": 64, **changed}
    return write_model(folder, architecture, seed=seed, **shape)


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
