"""Loading a model that generates."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from eyelid._optional import require
from eyelid.engine import Device
from eyelid.errors import WeightsError
from eyelid.models._causal_files import ADAPTER_FILE, whole_shapes


def load_generator(folder: Path, device: Device, adapter: Path | None = None) -> Any:
    """A decoder, or an encoder with a decoder, as transformers builds it.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: the checkpoint is incomplete or does not generate.
    """
    require("models", "transformers")
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        encodes = config.is_encoder_decoder
        kind: Any = transformers.AutoModelForSeq2SeqLM if encodes else transformers.AutoModelForCausalLM
        model, report = kind.from_pretrained(
            folder,
            dtype=getattr(torch, device.dtype),
            local_files_only=True,
            trust_remote_code=False,  # said, for otherwise transformers asks whoever sits at the terminal
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError("transformers cannot load this checkpoint as a model that generates") from error
    if report["missing_keys"]:
        raise WeightsError(f"the checkpoint lacks {len(report['missing_keys'])} tensors; their values would be random")
    if adapter is not None:
        model = merged(model, adapter)
    model.generation_config = ends_of(transformers.GenerationConfig, model.generation_config)
    return model.to(device.torch).eval()


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


def ends_of(kind: Any, stated: Any) -> Any:
    """Where a text begins and ends for this model, and nothing else of how it likes to be decoded."""
    ends = stated.eos_token_id
    last = ends[0] if isinstance(ends, list) else ends
    return kind(
        bos_token_id=stated.bos_token_id,
        eos_token_id=ends,
        pad_token_id=stated.pad_token_id if stated.pad_token_id is not None else last or 0,
        decoder_start_token_id=stated.decoder_start_token_id,
    )
