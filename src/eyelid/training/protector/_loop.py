"""The loop: steps over rows in a drawn order, each of them the same whether or not the run was ever interrupted."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from eyelid._optional import require
from eyelid.training.protector._settings import LoopSettings
from eyelid.training.protector._state import LOG, load_state, save_state

Row = TypeVar("Row")
Progress: TypeAlias = Callable[[int, int, float], None]

_LOGGED = 10  # steps


def train(
    model: Any,
    rows: Sequence[Row],
    loss_of: Callable[[Any, Sequence[Row]], Tensor],
    settings: LoopSettings,
    out: Path,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Any:
    """Train what of a model can be trained; goes on from the last checkpoint in `out`.

    Args:
        model: of transformers, or one with an adapter.
        rows: what is learned; their order is drawn anew for each epoch.
        loss_of: the mean loss of some rows.
        settings: how.
        out: run folder; receives log.jsonl and the checkpoints.
        device: where it is trained; in bfloat16 on a GPU.
        progress: called with (step, steps, loss).

    Returns:
        The model, trained.

    Raises:
        FloatingPointError: the loss is no longer a number.
        MissingExtraError: the extra "train" is not installed.
    """
    require("train", "accelerate")
    import accelerate

    accelerator = accelerate.Accelerator(cpu=device == "cpu", mixed_precision="no" if device == "cpu" else "bf16")
    parameters = {name: each for name, each in model.named_parameters() if each.requires_grad}
    optimizer = torch.optim.AdamW(parameters.values(), lr=settings.rate, weight_decay=settings.decay)
    model, prepared = accelerator.prepare(model, optimizer)
    model.train()
    in_epoch = math.ceil(len(rows) / settings.batch)
    steps = settings.epochs * in_epoch
    done = load_state(out, parameters, optimizer)
    started, order, epoch = time.monotonic(), list[int](), -1
    for step in range(done, steps):
        if step // in_epoch != epoch:
            epoch = step // in_epoch
            order = _order(len(rows), settings.seed, epoch)
        here = order[step % in_epoch * settings.batch :][: settings.batch]
        torch.manual_seed(settings.seed * 1_000_003 + step)  # what is drawn in a step depends on nothing before it
        for group in prepared.param_groups:
            group["lr"] = settings.rate * (1.0 - step / steps)
        loss = _step(accelerator, model, [rows[at] for at in here], loss_of, settings)
        if settings.clip:
            accelerator.clip_grad_norm_(list(parameters.values()), settings.clip)
        prepared.step()
        prepared.zero_grad()
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is not finite at step {step + 1}; lower the rate")
        last = step + 1 == steps
        if (step + 1) % _LOGGED == 0 or last:
            _log(out, {"step": step + 1, "steps": steps, "loss": loss, "seconds": time.monotonic() - started})
        if (step + 1) % settings.save_every == 0 or last:
            save_state(out, parameters, optimizer, step + 1)
        if progress is not None:
            progress(step + 1, steps, loss)
    return accelerator.unwrap_model(model).eval()


def _step(
    accelerator: Any,
    model: Any,
    rows: Sequence[Row],
    loss_of: Callable[[Any, Sequence[Row]], Tensor],
    settings: LoopSettings,
) -> float:
    """Gradients of the rows' mean loss, in as many passes as are wanted."""
    size = math.ceil(len(rows) / settings.accumulate)
    total = 0.0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        loss = loss_of(model, part) * (len(part) / len(rows))
        accelerator.backward(loss)
        total += float(loss.detach())
    return total


def _order(rows: int, seed: int, epoch: int) -> list[int]:
    order = list(range(rows))
    random.Random(seed * 1000 + epoch).shuffle(order)
    return order


def _log(out: Path, line: dict[str, Any]) -> None:
    with (out / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
