"""The training loop of the embedded detector's encoder: plain steps, several threads, one log."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eyelid.models import WindowShape, WindowTokenizer
from eyelid.training._augment import epoch
from eyelid.training._checkpoint import load_checkpoint, save_checkpoint, save_tensors
from eyelid.training._data import Split, load_recipe, read_rows, split
from eyelid.training._net import DetectorNet, Piece, loss_of, pieces, text_logits

Progress = Callable[[int, int, float], None]
_LOGGED, _SAVED = 25, 250  # every so many steps


def train_encoder(
    data: Path,
    out: Path,
    backbone: Path,
    *,
    recipe_file: Path | None = None,
    threads: int = 2,
    seed: int = 0,
    share: float = 1.0,
    progress: Progress | None = None,
) -> Path:
    """Train adapter and heads; goes on from the last checkpoint in `out`.

    Args:
        data: folder with the four training files (docs/training.md).
        out: run folder; receives log.jsonl, the checkpoint, and detector.safetensors.
        backbone: folder of the backbone.
        recipe_file: another recipe; the packaged one if left out.
        threads: worker threads, each with one torch thread.
        seed: of drawing, shuffling and initial weights.
        share: part of the training rows to use, for learning curves.
        progress: called with (step, steps, loss) now and then.

    Returns:
        The file with the trained tensors: adapters, norms and heads in half precision.

    Raises:
        FloatingPointError: the loss is no longer a number.
    """
    recipe = load_recipe(recipe_file)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    parts = split(read_rows(data), recipe, share=share, seed=seed)
    tokenizer = WindowTokenizer(backbone / "tokenizer.json", WindowShape(**recipe["window"]))
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as workers:
        run = _Run(DetectorNet(backbone, recipe), recipe["train"], workers)
        # More pieces than threads: nobody waits long for the slowest, and activations stay small.
        _train(run, _Epochs(parts, recipe, tokenizer, 2 * threads, seed), out, progress)
    path = out / "detector.safetensors"
    save_tensors(path, {name: tensor.half() for name, tensor in run.average.items()})
    return path


class _Epochs:
    """The steps of each epoch, as lists of pieces that are worked on side by side; the same again after a restart."""

    def __init__(
        self, parts: Split, recipe: dict[str, Any], tokenizer: WindowTokenizer, side_by_side: int, seed: int
    ) -> None:
        self._parts, self._recipe, self._tokenizer = parts, recipe, tokenizer
        self._side_by_side, self._seed = side_by_side, seed

    def __iter__(self) -> Iterator[list[list[Piece]]]:
        for number in range(self._recipe["train"]["epochs"]):
            rng = random.Random(self._seed * 1000 + number)
            examples = epoch(self._parts, self._recipe, rng)
            tokens = self._recipe["train"]["tokens"] // self._side_by_side
            todo = list(pieces(examples, self._tokenizer, tokens, rng))
            rng.shuffle(todo)
            count = len(todo) // self._side_by_side
            yield [todo[at::count][: self._side_by_side] for at in range(count)] if count else [todo]


def _train(run: _Run, epochs: _Epochs, out: Path, progress: Progress | None) -> None:
    done = run.steps = load_checkpoint(out, run.parameters, run.average, run.optimizer)
    seen = 0
    started = time.monotonic()
    for number, steps in enumerate(epochs):
        total = len(steps) * run.options["epochs"]
        for work in steps:
            seen += 1
            if seen <= done:
                continue
            loss = run.advance(work, seen / total)
            if seen % _LOGGED == 0 or seen == total:
                line = {"step": seen, "steps": total, "epoch": number, "loss": loss}
                _log(out, {**line, "seconds": time.monotonic() - started})
                if progress:
                    progress(seen, total, loss)
            if seen % _SAVED == 0 or work is steps[-1]:
                save_checkpoint(out, run.parameters, run.average, run.optimizer, seen)


def _log(out: Path, line: dict[str, Any]) -> None:
    if not math.isfinite(line["loss"]):
        raise FloatingPointError(f"the loss is not finite at step {line['step']}; lower the rate in the recipe")
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


class _Run:
    """A network, its optimizer, and the running average of its weights, which is what is kept."""

    def __init__(self, net: DetectorNet, options: dict[str, Any], workers: ThreadPoolExecutor) -> None:
        self.net, self.options, self.workers = net, options, workers
        self.parameters = net.trained()
        heads = [p for name, p in self.parameters.items() if name.startswith("heads.")]
        rest = [p for name, p in self.parameters.items() if not name.startswith("heads.")]
        self.optimizer = torch.optim.AdamW(
            [{"params": rest, "lr": options["rate"]}, {"params": heads, "lr": 3 * options["rate"]}],
            weight_decay=options["decay"],
        )
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.steps = 0

    def advance(self, work: list[Piece], done: float) -> float:
        """One step over pieces worked on side by side; `done` is the part of the run, in (0, 1]. Returns the loss."""
        count = sum(len(piece.examples) for piece in work)
        self.net.train()
        results = list(self.workers.map(lambda piece: self._gradients(piece, count), work))
        for index, parameter in enumerate(self.parameters.values()):
            parameter.grad = torch.stack([gradients[index] for _, gradients in results]).sum(0)
        nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        self._set_rate(done)
        self.optimizer.step()
        self._follow()
        return sum(loss for loss, _ in results)

    def _gradients(self, piece: Piece, count: int) -> tuple[float, tuple[Tensor, ...]]:
        logits = text_logits(self.net(piece.packed), [len(windows) for windows in piece.looks])
        loss = loss_of(logits, piece.examples, self.options["smoothing"]) / count
        return loss.item(), torch.autograd.grad(loss, list(self.parameters.values()))

    def _set_rate(self, done: float) -> None:
        warmup = self.options["warmup"]
        factor = done / warmup if done < warmup else (1 - done) / (1 - warmup)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * max(factor, 1e-3)

    def _follow(self) -> None:
        self.steps += 1
        keep = min(self.options["ema"], (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                self.average[name].lerp_(parameter, 1 - keep)
