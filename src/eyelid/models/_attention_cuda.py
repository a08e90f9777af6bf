"""Attention within packed sequences on a GPU: one kernel for all of them, however long each is."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import cast

import torch
from torch import Tensor

from eyelid.models._laid import Laid

#: The kernel wants vectors of a multiple of this, up to the most.
_SIZES, _LARGEST = 8, 256


def works_on_cuda(device: str, dtype: torch.dtype, size: int) -> bool:
    """Whether the kernel is there and takes heads of this size."""
    fits = dtype is torch.bfloat16 and size % _SIZES == 0 and size <= _LARGEST
    return device != "cpu" and fits and find_spec("torch.nn.attention.varlen") is not None


def attend_on_cuda(qkv: Tensor, laid: Laid, heads: int, *, kernel: Callable[..., Tensor] | None = None) -> Tensor:
    """Flash attention (Dao et al., arXiv 2205.14135) for inference, with queries that are scaled already.

    Args:
        qkv: bfloat16, shape [tokens, 3 * hidden].
        laid: where the sequences lie.
        heads: attention heads.
        kernel: in place of `torch.nn.attention.varlen.varlen_attn`.

    Returns:
        Shape [tokens, hidden].
    """
    q, k, v = qkv.view(qkv.shape[0], 3, heads, -1).unbind(1)
    ragged = kernel or _flash()
    return ragged(q, k, v, laid.ends, laid.ends, laid.longest, laid.longest, scale=1.0).flatten(1)


def _flash() -> Callable[..., Tensor]:
    from torch.nn.attention.varlen import varlen_attn

    return cast("Callable[..., Tensor]", varlen_attn)
