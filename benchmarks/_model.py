"""The model every method runs, with equal weights: the real MiniLM encoder under a random head of two labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from eyelid.models import find_backbone

#: Standard deviation of the head's weights: logits as far apart as a trained head's.
HEAD = 0.3


def write_model(folder: Path, *, backbone: Path | None = None, seed: int = 0) -> Path:
    """Write a `BertForSequenceClassification` as transformers saves it, with a tokenizer that cuts nothing off."""
    import torch
    from safetensors.torch import load_file, save_file

    source = find_backbone(backbone)
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(source / "model.safetensors").items()}
    config = json.loads((source / "config.json").read_text("utf-8"))
    generator = torch.Generator().manual_seed(seed)
    tensors["classifier.weight"] = torch.randn(2, config["hidden_size"], generator=generator) * HEAD
    tensors["classifier.bias"] = torch.zeros(2)
    del tensors["bert.embeddings.position_ids"]
    labels = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}
    config |= {"architectures": ["BertForSequenceClassification"], **labels}
    tokenizer = json.loads((source / "tokenizer.json").read_text("utf-8")) | {"truncation": None, "padding": None}
    for_it = {
        "tokenizer_class": "BertTokenizer",
        "model_max_length": config["max_position_embeddings"],
        "do_lower_case": True,
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in (("config", config), ("tokenizer", tokenizer), ("tokenizer_config", for_it)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "vocab.txt").write_bytes((source / "vocab.txt").read_bytes())
    return folder


def lengths(folder: Path, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, the two special ones included."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts))]
