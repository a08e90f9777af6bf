"""From hidden states to one logit for each head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyelid.models._linear import linear


def pool(hidden: Tensor, lengths: list[int]) -> Tensor:
    """Mean and maximum over the tokens of each sequence: the whole, and the worst of it.

    Args:
        hidden: shape [tokens, hidden].
        lengths: tokens of each sequence.

    Returns:
        float32, shape [sequences, 2 * hidden].
    """
    if hidden.device.type == "cpu":
        parts = torch.split(hidden.float(), lengths)
        return torch.stack([torch.cat((part.mean(0), part.amax(0))) for part in parts])
    return torch.cat([_segments(hidden, lengths, what) for what in ("mean", "max")], dim=1)


def means(hidden: Tensor, lengths: list[int]) -> Tensor:
    """Mean over the tokens of each sequence, float32, shape [sequences, hidden]."""
    if hidden.device.type == "cpu":
        return torch.stack([part.mean(0) for part in torch.split(hidden.float(), lengths)])
    return _segments(hidden, lengths, "mean")


def _segments(hidden: Tensor, lengths: list[int], what: str) -> Tensor:
    """All sequences in one kernel; on a CPU that is slower than one after another."""
    sizes = torch.tensor(lengths).to(hidden.device, non_blocking=True)
    return torch.segment_reduce(hidden.float(), what, lengths=sizes, axis=0, unsafe=True)


class Heads(nn.Module):
    """A small perceptron for each task, side by side in one matrix product."""

    def __init__(self, hidden: int, tasks: int, *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.tasks, self.width, self.dropout = tasks, width, dropout
        self.inner = nn.Linear(2 * hidden, tasks * width)
        self.outer = nn.Parameter(torch.randn(tasks, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(tasks))

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits, shape [sequences, tasks]."""
        pooled = F.dropout(pooled, self.dropout, self.training)
        inner = F.gelu(self.inner(pooled)).view(-1, self.tasks, self.width)
        return (inner * self.outer).sum(-1) + self.bias


class FrozenHeads:
    """The same for inference.

    Args:
        trained: tensors under the names they have in `Heads`.
        device: as torch names it.
    """

    def __init__(self, trained: Mapping[str, Tensor], device: str = "cpu") -> None:
        self._inner = linear(trained["inner.weight"].float(), trained["inner.bias"].float(), torch.float32, device)
        self._outer = trained["outer"].to(device, torch.float32)
        self._bias = trained["bias"].to(device, torch.float32)

    def __call__(self, pooled: Tensor) -> Tensor:
        """Logits, shape [sequences, tasks]."""
        inner = self._inner.gelu(pooled).view(-1, *self._outer.shape)
        return (inner * self._outer).sum(-1) + self._bias
