"""From a folder to a runner: packed where the architecture is known, through transformers elsewhere."""

from __future__ import annotations

from pathlib import Path

import torch

from eyelid.engine import Device
from eyelid.models._bert_files import is_plain_bert, read_json
from eyelid.models._causal_config import NotPackedError
from eyelid.models._classifier import PackedClassifier
from eyelid.models._classifier_plain import PlainClassifier


def open_classifier(
    folder: Path, device: Device, *, adapter: Path | None = None, name: str = "classifier"
) -> PackedClassifier | PlainClassifier:
    """An encoder that classifies sequences.

    Args:
        folder: a checkpoint with `config.json` and safetensors.
        device: where it runs.
        adapter: folder of a PEFT adapter that is added.
        name: as statistics show it.

    Raises:
        WeightsError: files are missing or broken, or it is no such checkpoint.
        MissingExtraError: it needs transformers, which is not installed.
    """
    dtype = getattr(torch, device.dtype)
    if is_plain_bert(read_json(folder / "config.json")) and (folder / "model.safetensors").is_file():
        try:
            return PackedClassifier(folder, adapter=adapter, device=device.torch, dtype=dtype, name=name)
        except NotPackedError:
            pass  # PEFT knows more kinds of adapters
    return PlainClassifier(folder, adapter=adapter, device=device.torch, dtype=dtype, budget=device.budget, name=name)


def labels_of(folder: Path) -> dict[int, str]:
    """What the checkpoint calls its classes, by number; empty where it does not say."""
    named = read_json(folder / "config.json").get("id2label") or {}
    return {int(number): str(label) for number, label in named.items()}
