"""The network in training: encoder and heads, and the pieces of work it is shown.

A text is as harmful as its worst look (multiple-instance learning: Dietterich et al. 1997): the logits of its
windows are joined by their maximum, in training as at inference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyelid.models import Encoder, Heads, Packed, Window, WindowTokenizer, fastest_dtype, pool
from eyelid.training._data import TASKS, Example

_MOST_LOOKS = {1.0: 4, 0.0: 2}  # looks at one text in training, by label


class DetectorNet(nn.Module):
    """Encoder and heads: packed windows → logits, shape [windows, heads]."""

    def __init__(self, backbone: Path, recipe: dict[str, Any]) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, rank=recipe["train"]["rank"], dtype=fastest_dtype())
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
