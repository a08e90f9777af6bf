"""What a checkpoint that classifies sequences is, told from its files, and whether there is a head at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from eyelid.errors import WeightsError
from eyelid.models._causal_config import read_config
from eyelid.models._causal_files import tensor_names, whole_shapes

#: What transformers calls the parts that stand on a model to classify sequences.
_HEADS = ("score", "classifier", "pre_classifier", "sequence_summary", "logits_proj", "classification_head")
#: The last of them, whose rows are the outputs.
_LAST = ("score.weight", "classifier.weight", "classifier.out_proj.weight")


def kind_of(folder: Path, adapter: Path | None = None) -> Literal["decoder", "encoder"]:
    """Whether a checkpoint classifies at its last token or as an encoder does.

    Args:
        folder: with `config.json` and safetensors.
        adapter: folder of a PEFT adapter, in which the head may be.

    Raises:
        WeightsError: files are missing, there is no head, or it is an encoder with a decoder.
    """
    config = read_config(folder)
    if config.get("is_encoder_decoder"):
        raise WeightsError(
            f"{config.get('model_type')!r} has an encoder and a decoder, which is not supported for classification; "
            "use a checkpoint that is one of the two, or let it answer in words through a host"
        )
    names = tensor_names(folder) | (set(whole_shapes(adapter)) if adapter else set())
    heads = {name.split(".")[0] for name in names} & set(_HEADS)
    if not heads:
        raise WeightsError(_headless(adapter))
    return "decoder" if "score" in heads else "encoder"


def outputs_of(adapter: Path) -> int | None:
    """Outputs of the head that an adapter brings along, or `None` where it brings none."""
    shapes = whole_shapes(adapter)
    return next((shapes[name][0] for name in _LAST if name in shapes), None)


def _headless(adapter: Path | None) -> str:
    if adapter is None:
        return (
            "the checkpoint has no head that classifies, such as score or classifier; add the adapter it was trained "
            "with, or name label tokens with CausalDetector if it answers in words"
        )
    try:
        task = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")).get("task_type")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError("the adapter folder has no readable adapter_config.json") from error
    return (
        f"neither the checkpoint nor the adapter has a head that classifies, such as score or classifier (the adapter "
        f"was saved for task_type {task!r}; one for classification says 'SEQ_CLS'): without its head a detector gives "
        "random scores. Get the adapter with its head, train one, or use it as what it was saved for"
    )
