"""The model that training begins with, an adapter on it, and what is left of both in a run's folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from eyelid._optional import require
from eyelid.errors import ConfigurationError, WeightsError
from eyelid.training.protector._settings import Lora

#: Beside the weights: what reads text. Copied to wherever weights are written.
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model", "vocab.txt")
#: What queries and values are called by different architectures.
_QUERY_VALUE = (
    ("q_proj", "v_proj"),
    ("query", "value"),
    ("q", "v"),
    ("q_lin", "v_lin"),
    ("query_key_value",),
    ("c_attn",),
)
ADAPTER, MODEL = "adapter", "model"


def load_base(kind: str, folder: Path, *, seed: int, dtype: torch.dtype, labels: int | None = None) -> Any:
    """A model of transformers to begin with.

    Args:
        kind: name of an auto class.
        folder: a checkpoint in safetensors, with `tokenizer.json`.
        seed: of weights that the checkpoint lacks, such as those of a new head.
        dtype: of the weights.
        labels: outputs of the head, for models that classify.

    Raises:
        WeightsError: it cannot be loaded.
        MissingExtraError: the extra "models" is not installed.
    """
    require("models", "transformers")
    import transformers

    if not (folder / "tokenizer.json").is_file():
        raise WeightsError(f"{folder} has no tokenizer.json; load it with AutoTokenizer and save it there once")
    torch.manual_seed(seed)
    # A head with other outputs is replaced by a new one.
    head: dict[str, Any] = {} if labels is None else {"num_labels": labels, "ignore_mismatched_sizes": True}
    try:
        return getattr(transformers, kind).from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, **head
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"transformers cannot load {folder} as {kind}") from error


def fits(model: Any, max_length: int) -> None:
    """Check that a model can read so many tokens.

    Raises:
        ConfigurationError: it cannot.
    """
    config = model.config
    # Relative positions, as T5 has them, end nowhere.
    context = None if config.is_encoder_decoder else getattr(config, "max_position_embeddings", None)
    if context is not None and max_length > context:
        raise ConfigurationError(f"max_length is {max_length}; the model reads {context} tokens at most")


def adapted(model: Any, lora: Lora | None, task: str) -> Any:
    """The model with a new adapter, or as it is where all of it is to be trained.

    Raises:
        ConfigurationError: the model has no layers of the names that are wanted.
        MissingExtraError: peft is not installed.
    """
    if lora is None:
        return model
    require("models", "peft")
    import peft

    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    targets = lora.targets or next((each for each in _QUERY_VALUE if set(each) <= names), ())
    if not targets or not set(targets) <= names:
        raise ConfigurationError(
            f"the model has no layers called {', '.join(lora.targets) or 'q_proj and v_proj or the like'}; name the "
            "layers that the adapter is for"
        )
    made = peft.get_peft_model(
        model,
        peft.LoraConfig(
            task_type=task,
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=list(targets),
        ),
    )
    for parameter in made.parameters():
        if parameter.requires_grad:  # a head in bfloat16 would lose steps of this size to rounding
            parameter.data = parameter.data.float()
    return made


def save_model(model: Any, base: Path, out: Path) -> Path:
    """Write what was trained, with the tokenizer; the folder it lies in."""
    folder = out / (ADAPTER if hasattr(model, "peft_config") else MODEL)
    model.save_pretrained(folder, safe_serialization=True)
    copy_tokenizer(base, folder)
    return folder


def copy_tokenizer(source: Path, target: Path) -> None:
    """The files that read text."""
    for name in _TOKENIZER:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def merge(kind: str, base: Path, adapter: Path, out: Path, *, labels: int | None = None) -> None:
    """Add an adapter to the weights it was trained on, and write the whole.

    Raises:
        WeightsError: one of the two cannot be loaded.
    """
    require("models", "peft")
    import peft

    model = load_base(kind, base, seed=0, dtype=torch.float32, labels=labels)
    try:
        merged: Any = peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{adapter} cannot be added to {base}") from error
    merged.save_pretrained(out, safe_serialization=True)
    copy_tokenizer(base, out)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ConfigurationError: it is not there, or is none.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} is not there or not readable; is this a finished run?") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file} holds no JSON object")
    return found
