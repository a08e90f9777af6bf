"""Where keys and values lie: one tensor, in which each sequence has a run of tokens of its own."""

from __future__ import annotations

import torch

from eyelid.models._causal_config import CausalConfig


class KeyValuePool:
    """Keys and values of many sequences.

    Args:
        config: the model's.
        head_dim: width of a head as it is stored.
        memory: bytes it may take.
        dtype, device: of the model. On the CPU, memory is taken when it is first written.

    Attributes:
        data: shape [layers, 2, tokens, kv_heads, head_dim].
        tokens: how many fit.
    """

    def __init__(
        self, config: CausalConfig, *, head_dim: int, memory: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        each = 2 * config.layers * config.kv_heads * head_dim * dtype.itemsize
        self.tokens = max(0, memory // each)
        shape = (config.layers, 2, self.tokens, config.kv_heads, head_dim)
        self.data = torch.empty(shape, dtype=dtype, device=device)

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy so many tokens of every layer."""
        self.data[:, :, target : target + tokens] = self.data[:, :, source : source + tokens]
