"""The training loop of the embedded detector: one encoder, several heads, several looks at each text.

A text is as harmful as its worst look (multiple-instance learning: Dietterich et al. 1997): the logits of its
windows are joined by their maximum, in training as at inference.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from eyelid.models import Encoder, Heads, Packed, Window, WindowShape, WindowTokenizer, fastest_dtype, pool
from eyelid.training._augment import epoch
from eyelid.training._data import TASKS, Example, Split, load_recipe, read_rows, split

_log = logging.getLogger(__name__)
_MOST_LOOKS = {1.0: 4, 0.0: 2}  # looks at one text in training, by label


class DetectorNet(nn.Module):
    """Encoder and heads: packed windows → logits, shape [windows, heads]."""

    def __init__(self, backbone: Path, recipe: dict[str, Any], dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, rank=recipe["train"]["rank"], dtype=dtype)
        self.encoder.places.requires_grad_(False)
        self.heads = Heads(self.encoder.config.hidden, len(TASKS), dropout=recipe["train"]["dropout"])

    def forward(self, packed: Packed) -> Tensor:
        logits: Tensor = self.heads(pool(self.encoder(packed), packed.lengths))
        return logits[packed.places]

    def trained(self) -> dict[str, nn.Parameter]:
        """What training changes: adapters, norms, biases, segment embeddings, heads."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


@dataclass(frozen=True, slots=True)
class Piece:
    """Examples of one step that one thread works on, with their looks."""

    examples: list[Example]
    looks: list[list[Window]]

    @property
    def packed(self) -> Packed:
        return Packed.of([(w.ids, w.types) for windows in self.looks for w in windows])


def pieces(examples: list[Example], tokenizer: WindowTokenizer, tokens: int, rng: random.Random) -> Iterator[Piece]:
    """Cut an epoch into pieces of about `tokens` tokens, tokenised as they are needed."""
    held: list[Example] = []
    looks: list[list[Window]] = []
    used = 0
    for start in range(0, len(examples), 256):
        part = examples[start : start + 256]
        found = tokenizer.windows([e.text for e in part], [e.prompt for e in part], [e.request for e in part])
        for example, windows in zip(part, found, strict=True):
            most = _MOST_LOOKS[1.0 if 1.0 in example.targets.values() else 0.0]
            if len(windows) > most:
                windows = rng.sample(windows, most)
            size = sum(len(w.ids) for w in windows)
            if held and used + size > tokens:
                yield Piece(held, looks)
                held, looks, used = [], [], 0
            held.append(example)
            looks.append(windows)
            used += size
    if held:
        yield Piece(held, looks)


def text_logits(logits: Tensor, looks: list[int]) -> Tensor:
    """The worst look of each text, shape [texts, heads]."""
    return torch.stack([part.amax(0) for part in torch.split(logits, looks)])


def loss_of(logits: Tensor, examples: list[Example], smoothing: float) -> Tensor:
    """Weighted binary cross-entropy, summed over the heads each example trains."""
    target = torch.full((len(examples), len(TASKS)), float("nan"))
    for row, example in enumerate(examples):
        for task, value in example.targets.items():
            target[row, TASKS.index(task)] = value
    known = ~target.isnan()
    weight = torch.tensor([e.weight for e in examples])[:, None].expand_as(target)[known]
    smooth = target[known] * (1 - 2 * smoothing) + smoothing
    return F.binary_cross_entropy_with_logits(logits[known], smooth, weight, reduction="sum")


def train_encoder(
    data: Path,
    out: Path,
    backbone: Path,
    *,
    recipe_file: Path | None = None,
    threads: int = 2,
    seed: int = 0,
    share: float = 1.0,
    progress: Callable[[int, int, float], None] | None = None,
) -> Path:
    """Train adapter and heads; resumes from the last checkpoint in `out`.

    Args:
        data: folder with the four training files (docs/training.md).
        out: run folder; receives log.jsonl, checkpoint.pt-free state as safetensors, and detector.safetensors.
        backbone: folder of the backbone.
        recipe_file: another recipe; the packaged one if left out.
        threads: worker threads, each with one torch thread.
        seed: of drawing, shuffling and initial weights.
        share: part of the training rows to use, for learning curves.
        progress: called with (step, steps, loss) now and then.

    Returns:
        The file with the trained tensors.
    """
    recipe = load_recipe(recipe_file)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    parts = split(read_rows(data), recipe, share=share, seed=seed)
    tokenizer = WindowTokenizer(backbone / "tokenizer.json", WindowShape(**recipe["window"]))
    run = _Run(DetectorNet(backbone, recipe, fastest_dtype()), parts, tokenizer, recipe, out, threads, seed)
    run.train(progress)
    return run.finish()


class _Run:
    def __init__(
        self,
        net: DetectorNet,
        parts: Split,
        tokenizer: WindowTokenizer,
        recipe: dict[str, Any],
        out: Path,
        threads: int,
        seed: int,
    ) -> None:
        self.net, self.parts, self.tokenizer, self.recipe, self.out = net, parts, tokenizer, recipe, out
        self.threads, self.seed = threads, seed
        options = recipe["train"]
        self.params = net.trained()
        heads = [p for name, p in self.params.items() if name.startswith("heads.")]
        rest = [p for name, p in self.params.items() if not name.startswith("heads.")]
        self.optimizer = torch.optim.AdamW(
            [{"params": rest, "lr": options["rate"]}, {"params": heads, "lr": 3 * options["rate"]}],
            weight_decay=options["decay"],
        )
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = {name: p.detach().clone() for name, p in self.params.items()}
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        self.step = 0

    def train(self, progress: Callable[[int, int, float], None] | None) -> None:
        options = self.recipe["train"]
        first = self._resume()
        steps = 0
        for number in range(first, options["epochs"]):
            rng = random.Random(self.seed * 1000 + number)
            examples = epoch(self.parts, self.recipe, rng)
            # More pieces than threads: nobody waits long for the slowest, and activations stay small.
            share = 2 * self.threads
            todo = list(pieces(examples, self.tokenizer, options["tokens"] // share, rng))
            rng.shuffle(todo)
            steps = steps or len(todo) // share * options["epochs"]
            started = time.monotonic()
            for at in range(0, len(todo) - share + 1, share):
                loss = self._advance(todo[at : at + share], steps)
                if self.step % 25 == 0:
                    self._write(
                        {
                            "step": self.step,
                            "steps": steps,
                            "epoch": number,
                            "loss": loss,
                            "seconds": time.monotonic() - started,
                        }
                    )
                    if progress:
                        progress(self.step, steps, loss)
                if self.step % 500 == 0:
                    self._save(self.out / "average.safetensors", self.average)
            self._checkpoint(number + 1)

    def _advance(self, work: list[Piece], steps: int) -> float:
        count = sum(len(p.examples) for p in work)
        self.net.train()
        results = list(self.pool.map(lambda piece: self._gradients(piece, count), work))
        self._set_rate(steps)
        for index, parameter in enumerate(self.params.values()):
            parameter.grad = torch.stack([gradients[index] for _, gradients in results]).sum(0)
        nn.utils.clip_grad_norm_(list(self.params.values()), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(self.recipe["train"]["ema"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, parameter in self.params.items():
                self.average[name].lerp_(parameter, 1 - keep)
        return sum(loss for loss, _ in results)

    def _gradients(self, piece: Piece, count: int) -> tuple[float, tuple[Tensor, ...]]:
        logits = text_logits(self.net(piece.packed), [len(windows) for windows in piece.looks])
        loss = loss_of(logits, piece.examples, self.recipe["train"]["smoothing"]) / count
        return loss.item(), torch.autograd.grad(loss, list(self.params.values()))

    def _set_rate(self, steps: int) -> None:
        done = self.step / max(1, steps)
        warmup = self.recipe["train"]["warmup"]
        factor = done / warmup if done < warmup else max(0.0, (1 - done) / (1 - warmup))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * max(factor, 1e-3)

    def _resume(self) -> int:
        state = self.out / "state.json"
        if not state.is_file():
            return 0
        saved = json.loads(state.read_text(encoding="utf-8"))
        self.step = saved["step"]
        self._load(self.out / "parameters.safetensors", self.params)
        self._load(self.out / "average.safetensors", self.average)
        moments = load_file(self.out / "moments.safetensors")
        for name, parameter in self.params.items():
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": moments[f"{name}/first"],
                "exp_avg_sq": moments[f"{name}/second"],
            }
        _log.info("resumed after epoch %d", saved["epoch"])
        return int(saved["epoch"])

    def _checkpoint(self, finished: int) -> None:
        self._save(self.out / "parameters.safetensors", self.params)
        self._save(self.out / "average.safetensors", self.average)
        moments = {}
        for name, parameter in self.params.items():
            moments[f"{name}/first"] = self.optimizer.state[parameter]["exp_avg"]
            moments[f"{name}/second"] = self.optimizer.state[parameter]["exp_avg_sq"]
        self._save(self.out / "moments.safetensors", moments)
        (self.out / "state.json").write_text(json.dumps({"epoch": finished, "step": self.step}), encoding="utf-8")

    @staticmethod
    def _save(path: Path, tensors: dict[str, Any]) -> None:
        partial = path.with_suffix(".partial")
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, partial)
        partial.replace(path)

    @staticmethod
    def _load(path: Path, into: dict[str, Any]) -> None:
        saved = load_file(path)
        with torch.no_grad():
            for name, tensor in into.items():
                tensor.copy_(saved[name])

    def _write(self, line: dict[str, Any]) -> None:
        if not math.isfinite(line["loss"]):
            raise FloatingPointError(f"the loss is not finite at step {line['step']}; lower the rate in the recipe")
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def finish(self) -> Path:
        """Write what is shipped: adapters, norms and heads in half precision."""
        path = self.out / "detector.safetensors"
        self._save(path, {name: tensor.half() for name, tensor in self.average.items()})
        return path
