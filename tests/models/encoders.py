"""Tiny encoders with random weights that classify, and tiny tokenizers, written as transformers writes them."""

from pathlib import Path
from typing import Any

import torch
from tests.models.decoders import write_tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

WORDS = ["plain words that say nothing much at all of the a to and in is safe unsafe tea kettle"] * 4
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.3,
    "vocab_size": 400,
    "pad_token_id": 0,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "BertForSequenceClassification": {"max_position_embeddings": 64},
    "RobertaForSequenceClassification": {"max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1},
    "ModernBertForSequenceClassification": {"max_position_embeddings": 64, "local_attention": 16},
    "DebertaV2ForSequenceClassification": {
        "max_position_embeddings": 64,
        "type_vocab_size": 0,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "pooler_hidden_size": 32,
    },
}


def write_encoder(folder: Path, family: str, *, labels: int = 2, seed: int = 0, **changed: Any) -> Any:
    """Model and tokenizer; gives the model back to compare with."""
    import transformers

    made = getattr(transformers, family)
    torch.manual_seed(seed)
    config = made.config_class(**{**SHAPE, **FAMILIES[family], "num_labels": labels, **changed})
    model = made(config).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name.lower() or "bias" in name:  # not ones and zeros, which hide what is left out
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    if family.startswith("Bert"):
        _write_pieces(folder)
    else:
        tokenizer = write_tokenizer(folder)
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
    return model


def _write_pieces(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = [chr(number) for number in range(33, 127)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=380, initial_alphabet=letters, special_tokens=special, show_progress=False
    )
    # Every letter inside a word as well: whatever is plain can be read.
    tokenizer.train_from_iterator([*WORDS, "a" + "".join(letters)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
