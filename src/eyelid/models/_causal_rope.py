"""Rotary positions (Su et al., arXiv 2104.09864), with the two ways of stretching them that Llama checkpoints use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def frequencies(rope: Mapping[str, Any], head_dim: int) -> Tensor:
    """Radians that each pair of a head turns per token, float32, shape [head_dim / 2]."""
    steps = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
    turns: Tensor = 1.0 / (float(rope["rope_theta"]) ** steps)
    if rope["rope_type"] == "linear":
        return turns / float(rope["factor"])
    return _llama3(turns, rope) if rope["rope_type"] == "llama3" else turns


def _llama3(turns: Tensor, rope: Mapping[str, Any]) -> Tensor:
    """Slow pairs are stretched, fast ones kept, those between mixed (Llama 3.1; Dubey et al., arXiv 2407.21783)."""
    trained, factor = rope["original_max_position_embeddings"], rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    waves = 2 * math.pi / turns
    share = ((trained / waves - low) / (high - low)).clamp(0.0, 1.0)
    mixed = (1 - share) * turns / factor + share * turns
    return torch.where(waves > trained / low, turns / factor, torch.where(waves < trained / high, turns, mixed))


def angles(positions: Tensor, turns: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each token's pairs, both of shape [tokens, 1, head_dim / 2]."""
    turned = positions.float()[:, None, None] * turns
    return turned.cos().to(dtype), turned.sin().to(dtype)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn heads of shape [tokens, heads, head_dim]; a pair is an element of each half."""
    first, second = x.chunk(2, -1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)
