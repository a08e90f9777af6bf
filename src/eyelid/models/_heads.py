"""From hidden states to one logit for each head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pool(hidden: Tensor, lengths: list[int]) -> Tensor:
    """Mean and maximum over the tokens of each sequence: the whole, and the worst of it.

    Args:
        hidden: shape [tokens, hidden].
        lengths: tokens of each sequence.

    Returns:
        float32, shape [sequences, 2 * hidden].
    """
    parts = torch.split(hidden.float(), lengths)
    return torch.stack([torch.cat((part.mean(0), part.amax(0))) for part in parts])


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
