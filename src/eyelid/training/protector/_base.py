"""The model that training begins with, an adapter on it, and what is left of both in a run's folder."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from eyelid._optional import require
from eyelid.errors import ConfigurationError, WeightsError
from eyelid.models import merged
from eyelid.training.protector._settings import Lora

#: Beside the weights: what reads text. Copied to wherever weights are written.
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model", "vocab.txt")
#: What queries and values are called by different architectures; some have them in one with the keys.
_QUERY_VALUE = (
    ("q_proj", "v_proj"),
    ("query", "value"),
    ("q", "v"),
    ("q_lin", "v_lin"),
    ("query_proj", "value_proj"),
    ("query_key_value",),
    ("qkv_proj",),
    ("c_attn",),
    ("Wqkv",),
)
#: New parts that PEFT saves of itself beside an adapter for classification.
_SAVED = ("classifier", "score")
ADAPTER, MODEL = "adapter", "model"


@dataclass(frozen=True, slots=True)
class Base:
    """A model to begin with.

    Args:
        model: of transformers.
        new: names of the modules that the checkpoint has no weights for, such as a head; they have to be trained.
    """

    model: Any
    new: tuple[str, ...]


def load_base(kind: str, folder: Path, *, seed: int, dtype: torch.dtype, labels: int | None = None) -> Base:
    """A model of transformers to begin with.

    Args:
        kind: name of an auto class.
        folder: a checkpoint in safetensors, with `tokenizer.json`.
        seed: of weights that the checkpoint lacks, such as those of a new head.
        dtype: of the weights.
        labels: outputs of the head, for models that classify.

    Raises:
        WeightsError: it cannot be loaded, or lacks more than a head.
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
        model, report = getattr(transformers, kind).from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,  # said, for otherwise transformers asks whoever sits at the terminal
            use_safetensors=True,
            output_loading_info=True,
            **head,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise WeightsError(f"transformers cannot load {folder} as {kind}") from error
    new = {*report["missing_keys"], *(name for name, *_ in report.get("mismatched_keys") or ())}
    # An encoder's pooler is a part of its head: many are published without one.
    body = {name for name in new if name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name}
    if lacking := new if labels is None else body:
        raise WeightsError(f"{folder} lacks {len(lacking)} tensors or has them in another shape; is it complete?")
    return Base(model, tuple(sorted({name.rpartition(".")[0] for name in new})))


def fits(model: Any, max_length: int) -> None:
    """Check that a model can read so many tokens.

    Raises:
        ConfigurationError: it cannot.
    """
    # Relative positions, as T5 has them, end nowhere.
    relative = hasattr(model.config, "relative_attention_num_buckets")
    context = None if relative else getattr(model.config, "max_position_embeddings", None)
    # RoBERTa and its kin count positions from behind the padding's number.
    spared = getattr(getattr(model.base_model, "embeddings", None), "padding_idx", None)
    if context is not None and max_length > (context := context - (0 if spared is None else int(spared) + 1)):
        raise ConfigurationError(f"max_length is {max_length}; the model reads {context} tokens at most")


def adapted(base: Base, lora: Lora | None, task: str) -> Any:
    """The model with a new adapter, or as it is where all of it is to be trained.

    What the checkpoint had no weights for is trained whole and saved with the adapter; it would be random otherwise.

    Raises:
        ConfigurationError: the model has no layers of the names that are wanted.
        MissingExtraError: peft is not installed.
    """
    model = base.model
    if lora is None:
        return model
    require("models", "peft")
    import peft

    whole = [name for name in base.new if not any(part.endswith(_SAVED) for part in name.split("."))]
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    targets = lora.targets or next((each for each in _QUERY_VALUE if set(each) <= names), ())
    if not targets or not set(targets) <= names:
        raise ConfigurationError(
            f"the model has no layers called {', '.join(lora.targets) or 'q_proj and v_proj or the like'}; name the "
            "layers that the adapter is for"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of PEFT: what it asks of transformers
        made = peft.get_peft_model(
            model,
            peft.LoraConfig(
                task_type=task,
                r=lora.rank,
                lora_alpha=lora.alpha,
                lora_dropout=lora.dropout,
                target_modules=list(targets),
                modules_to_save=whole or None,
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
    (folder / "README.md").unlink(missing_ok=True)  # of PEFT, with nothing filled in; the model card says it all
    copy_tokenizer(base, folder)
    return folder


def copy_tokenizer(source: Path, target: Path) -> None:
    """The files that read text."""
    for name in _TOKENIZER:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def merge(kind: str, base: Path, adapter: Path, out: Path, *, labels: int | None = None) -> None:
    """Add an adapter to the weights it was trained on, and write the whole, as precise as those weights are.

    Raises:
        WeightsError: one of the two cannot be loaded, or the adapter is not for these weights.
    """
    stated = read_json(base / "config.json", "a model")
    kept = stated.get("dtype") or stated.get("torch_dtype")
    # In float32, so that nothing is rounded before the two are added.
    whole = merged(load_base(kind, base, seed=0, dtype=torch.float32, labels=labels).model, adapter)
    if kept in ("bfloat16", "float16"):
        whole = whole.to(getattr(torch, kept))
    whole.save_pretrained(out, safe_serialization=True)
    copy_tokenizer(base, out)


def read_json(file: Path, of: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ConfigurationError: it is not there, or is none; says that the folder is not `of` what it was to be.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} is not there or not readable; is this {of}?") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file} holds no JSON object")
    return found
