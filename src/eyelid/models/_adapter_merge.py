"""A PEFT adapter of any kind, added to the weights of a model of transformers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from eyelid._optional import require
from eyelid.errors import WeightsError
from eyelid.models._causal_files import ADAPTER_FILE, whole_shapes


def merged(model: Any, adapter: Path) -> Any:
    """The model with a PEFT adapter added to its weights.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: there is no such adapter in safetensors, or it is not one for this model.
    """
    require("models", "peft")
    import peft
    from safetensors import safe_open

    whole_shapes(adapter)  # says what is missing; PEFT would look on a hub, or read a pickle
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PEFT: what it asks of transformers, and tensors counted below
            tuned = peft.PeftModel.from_pretrained(model, adapter, local_files_only=True)
            wanted = set(peft.get_peft_model_state_dict(tuned, save_embedding_layers=False))
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise WeightsError(f"PEFT cannot add this adapter to this checkpoint ({type(error).__name__})") from error
    with safe_open(adapter / ADAPTER_FILE, framework="pt") as tensors:
        written = set(tensors.keys())
    # Such an adapter would do a part of its work, or none.
    strange = (wanted - written) | {name for name in written - wanted if ".lora_" in name}
    if strange:
        raise WeightsError(
            f"{len(strange)} tensors of the adapter are missing or have no place in this checkpoint; "
            "was it trained on another one?"
        )
    return tuned.merge_and_unload()
