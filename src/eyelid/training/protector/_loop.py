"""The loop: steps over rows in a drawn order, each of them the same whether or not the run was ever interrupted."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from eyelid._optional import require
from eyelid.errors import ConfigurationError
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
    weight: Callable[[Row], float] = lambda row: 1.0,
    device: str = "cpu",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Any:
    """Train what of a model can be trained; goes on from the last checkpoint in `out`.

    Args:
        model: of transformers, or one with an adapter.
        rows: what is learned; their order is drawn anew for each epoch.
        loss_of: the mean loss of some rows.
        settings: how.
        weight: of a row in that mean, so that a step is the same however many passes it is cut into.
        out: run folder; receives log.jsonl and the checkpoints.
        device: where it is trained; in bfloat16 on a GPU.
        threads: of a CPU; as torch is set if left out. Another number rounds sums otherwise.
        progress: called with (step, steps, loss).

    Returns:
        The model, trained.

    Raises:
        ConfigurationError: it was started as one of several processes.
        FloatingPointError: the loss, or a gradient, is no longer a number.
        MissingExtraError: the extra "train" is not installed.
    """
    accelerator = _accelerator(device)
    with _threads(threads), _recomputed(model, settings.recompute):
        return _trained(accelerator, model, rows, loss_of, settings, out, weight, progress)


def _accelerator(device: str) -> Any:
    require("train", "accelerate")
    import accelerate

    if device != "cpu":
        torch.cuda.set_device(device)  # a lone process is given the current one
    accelerator = accelerate.Accelerator(cpu=device == "cpu", mixed_precision="no" if device == "cpu" else "bf16")
    if accelerator.num_processes > 1:
        raise ConfigurationError(f"a run is one process; here it is one of {accelerator.num_processes}")
    return accelerator


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _recomputed(model: Any, wanted: bool) -> Iterator[None]:
    """What lies between the passes forward and back is computed again, not kept."""
    if not wanted:
        yield
        return
    # Older releases of transformers call it by the second name.
    named = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    try:
        getattr(model, f"{named}_checkpointing_enable")({"use_reentrant": False})
    except (AttributeError, ValueError) as error:
        raise ConfigurationError("this model cannot recompute; leave recompute out") from error
    try:
        yield
    finally:
        getattr(model, f"{named}_checkpointing_disable")()


def _trained(
    accelerator: Any,
    model: Any,
    rows: Sequence[Row],
    loss_of: Callable[[Any, Sequence[Row]], Tensor],
    settings: LoopSettings,
    out: Path,
    weight: Callable[[Row], float],
    progress: Progress | None,
) -> Any:
    """The steps."""
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
        loss = _step(accelerator, model, [rows[at] for at in here], loss_of, weight, settings)
        length = accelerator.clip_grad_norm_(list(parameters.values()), settings.clip or math.inf)
        if not math.isfinite(loss) or not math.isfinite(float(length)):
            raise FloatingPointError(f"loss or gradient is not finite at step {step + 1}; lower the rate")
        prepared.step()
        prepared.zero_grad()
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
    weight: Callable[[Row], float],
    settings: LoopSettings,
) -> float:
    """Gradients of the rows' mean loss, in as many passes as are wanted."""
    size = math.ceil(len(rows) / settings.accumulate)
    total, whole = 0.0, sum(map(weight, rows))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        loss = loss_of(model, part) * (sum(map(weight, part)) / whole)
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
