"""From a folder to a runner: packed where the architecture is known, through transformers elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from eyelid.engine import Device, shared
from eyelid.models._causal_config import NotPackedError
from eyelid.models._causal_files import stamp
from eyelid.models._causal_plain import PlainCausalRunner
from eyelid.models._causal_runner import CausalRunner
from eyelid.models._llama import PackedLlama

#: Bytes for keys and values on a CPU; of a model of 100 million parameters about 14,000 tokens in float32.
_MOST_CPU = 2**30


def open_causal(
    folder: Path,
    device: Device,
    *,
    labels: Sequence[int] | None = None,
    adapter: Path | None = None,
    memory: int | None = None,
    name: str = "causal",
) -> CausalRunner | PlainCausalRunner:
    """A decoder that scores; the same one for all who ask for the same.

    Args:
        folder: a checkpoint with `config.json` and safetensors.
        device: where it runs.
        labels: token ids whose logits are wanted; nothing for the head of a checkpoint for classification.
        adapter: folder of a LoRA adapter that is added.
        memory: bytes for the keys and values of what was scored last; if left out, half of what the device has beside
            the weights, and at most 1 GiB on a CPU.
        name: as statistics show it, of whoever asks first.

    Raises:
        WeightsError: files are missing or broken, or the checkpoint has no such head.
        MissingExtraError: it needs transformers, which is not installed.
    """
    # Not what the device had free when it was chosen, nor the name: with them there would be a model for each guard.
    key = ("causal", stamp(folder, adapter), labels and tuple(labels), device.torch, device.dtype, memory)

    def make() -> CausalRunner | PlainCausalRunner:
        dtype = getattr(torch, device.dtype)
        try:
            model = PackedLlama(folder, labels=labels, adapter=adapter, device=device.torch, dtype=dtype)
        except NotPackedError:
            return PlainCausalRunner(
                folder,
                labels=labels,
                adapter=adapter,
                device=device.torch,
                dtype=dtype,
                budget=device.budget,
                name=name,
            )
        left = max(0, device.memory - model.size) // 2
        kept = memory if memory is not None else left if device.kind == "cuda" else min(left, _MOST_CPU)
        return CausalRunner(model, memory=kept, name=name)

    return shared(key, make)
