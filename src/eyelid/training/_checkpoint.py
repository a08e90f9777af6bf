"""The state of a training run on disk: tensors as safetensors, numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_TENSORS = "checkpoint.safetensors"


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors; what was there before stays whole until the new file is."""
    partial = path.with_suffix(".partial")
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, partial)
    partial.replace(path)


def save_checkpoint(
    folder: Path,
    parameters: Mapping[str, nn.Parameter],
    average: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    """Write everything that a run needs to go on after `step`."""
    tensors: dict[str, Tensor] = {"step": torch.tensor(step)}
    for name, parameter in parameters.items():
        state = optimizer.state[parameter]
        tensors[f"{name}/value"], tensors[f"{name}/average"] = parameter, average[name]
        tensors[f"{name}/first"], tensors[f"{name}/second"] = state["exp_avg"], state["exp_avg_sq"]
    save_tensors(folder / _TENSORS, tensors)
    (folder / "state.json").write_text(json.dumps({"step": step}), encoding="utf-8")


def load_checkpoint(
    folder: Path,
    parameters: Mapping[str, nn.Parameter],
    average: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> int:
    """Take up what `save_checkpoint` wrote; returns the steps done, 0 where there is nothing."""
    if not (folder / _TENSORS).is_file():
        return 0
    saved = load_file(folder / _TENSORS)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[f"{name}/value"])
            average[name].copy_(saved[f"{name}/average"])
            optimizer.state[parameter] = {
                "step": saved["step"].float(),
                "exp_avg": saved[f"{name}/first"],
                "exp_avg_sq": saved[f"{name}/second"],
            }
    return int(saved["step"])
