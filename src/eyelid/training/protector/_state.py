"""A run on disk: what it was told, how far it is, and everything it needs to go on exactly so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from eyelid.errors import ConfigurationError, WeightsError
from eyelid.training._checkpoint import save_tensors
from eyelid.training.protector._result import RESULT

SETTINGS = "settings.json"
_CHECKPOINT = "checkpoint.safetensors"
#: What AdamW remembers of the gradients of a parameter; nothing where there were none yet.
_MOMENTS = {"step": "step", "first": "exp_avg", "second": "exp_avg_sq"}
LOG = "log.jsonl"
#: Settings that say how a run is computed, not what; they may change on the way.
_FREE = ("accumulate", "recompute", "save_every")


def claim_folder(out: Path, told: Mapping[str, Any]) -> None:
    """Make the run's folder, or take up the run that is there.

    As long as there is neither a checkpoint nor a result, nothing is lost by other settings, and they are taken.

    Raises:
        ConfigurationError: it holds a run with other settings; names what differs.
    """
    out.mkdir(parents=True, exist_ok=True)
    told = json.loads(json.dumps(told))
    file = out / SETTINGS
    if file.is_file() and ((out / _CHECKPOINT).is_file() or (out / RESULT).is_file()):
        before, now = _fixed(json.loads(file.read_text(encoding="utf-8"))), _fixed(told)
        other = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if other:
            raise ConfigurationError(
                f"{out} holds a run with other {', '.join(other)}; give the same to go on with it, or another folder"
            )
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(file)


def _fixed(told: Mapping[str, Any]) -> dict[str, Any]:
    """All that must be the same, by one name each."""
    settings = {name: value for name, value in told["settings"].items() if name not in _FREE}
    return {**{name: value for name, value in told.items() if name != "settings"}, **settings}


def save_state(out: Path, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer, step: int) -> None:
    """Write a checkpoint; the one before stays whole until this one is."""
    tensors: dict[str, Tensor] = {"step": torch.tensor(step)}
    for name, parameter in parameters.items():
        tensors[f"{name}/value"] = parameter.data
        state = optimizer.state.get(parameter) or {}
        tensors |= {f"{name}/{part}": state[called] for part, called in _MOMENTS.items() if state}
    save_tensors(out / _CHECKPOINT, tensors)


def load_state(out: Path, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> int:
    """Take up a checkpoint and cut the log back to it; the steps done, 0 where there is none.

    Raises:
        WeightsError: the checkpoint is broken, or of another model.
    """
    if not (out / _CHECKPOINT).is_file():
        (out / LOG).unlink(missing_ok=True)
        return 0
    try:
        saved = load_file(out / _CHECKPOINT)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{out / _CHECKPOINT} cannot be read; delete it to begin anew") from error
    moved = {name for name in parameters if f"{name}/step" in saved}
    parts = {f"{name}/value" for name in parameters} | {f"{name}/{part}" for name in moved for part in _MOMENTS}
    if saved.keys() != {"step", *parts}:
        raise WeightsError(f"{out / _CHECKPOINT} is of another model; name another folder")
    step = int(saved["step"])
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[f"{name}/value"])
            if name in moved:
                optimizer.state[parameter] = {
                    "step": saved[f"{name}/step"],  # AdamW counts on the CPU
                    "exp_avg": saved[f"{name}/first"].to(parameter.device),
                    "exp_avg_sq": saved[f"{name}/second"].to(parameter.device),
                }
    lines = (out / LOG).read_text(encoding="utf-8").splitlines() if (out / LOG).is_file() else []
    kept = [line for line in lines if _step_of(line) <= step]
    (out / LOG).write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    return step


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # cut off when the process ended
