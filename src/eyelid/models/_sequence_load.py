"""Loading a model that classifies sequences through transformers, with a PEFT adapter merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from eyelid._optional import require
from eyelid.errors import WeightsError
from eyelid.models._adapter_merge import merged
from eyelid.models._causal_files import whole_shapes
from eyelid.models._sequence_files import outputs_of


def load_classifier(folder: Path, adapter: Path | None, dtype: torch.dtype) -> Any:
    """The model, with every tensor from one of the two folders.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: tensors are missing, or it is no such checkpoint.
    """
    require("models", "transformers")
    import transformers

    brought = set(whole_shapes(adapter)) if adapter else set()
    outputs = outputs_of(adapter) if adapter else None
    head: dict[str, Any] = {} if outputs is None else {"num_labels": outputs, "ignore_mismatched_sizes": True}
    kind: Any = transformers.AutoModelForSequenceClassification
    try:
        model, report = kind.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True, **head
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError("transformers cannot load this checkpoint for sequence classification") from error
    mismatched = {name for name, *_ in report.get("mismatched_keys") or ()}
    missing = ({*report["missing_keys"]} | mismatched) - brought
    if missing:
        raise WeightsError(f"the checkpoint lacks {len(missing)} tensors; their values would be random")
    return model if adapter is None else merged(model, adapter)
