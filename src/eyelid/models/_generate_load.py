"""Loading a model that generates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from eyelid._optional import require
from eyelid.engine import Device
from eyelid.errors import WeightsError
from eyelid.models._adapter_merge import merged


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
