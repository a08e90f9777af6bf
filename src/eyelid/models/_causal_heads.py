"""Attention heads of a width that a GPU's kernels take: filled up with zeros, which changes no product.

Rotary positions pair an element of a head's first half with one of its second, so each half is filled up by itself.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def padded(width: int, multiple: int) -> int:
    """The least multiple that is no smaller; halves stay whole."""
    return -(-width // multiple) * multiple


def spread(tensor: Tensor, heads: int, width: int, wide: int) -> Tensor:
    """Rows of `heads` heads of `width` → rows of heads of `wide`, for weights [rows, in] and for vectors [rows]."""
    if width == wide:
        return tensor
    halves = tensor.reshape(heads * 2, width // 2, -1)
    filled = F.pad(halves, (0, 0, 0, (wide - width) // 2))
    return filled.reshape(heads * wide, *tensor.shape[1:])


def spread_columns(weight: Tensor, heads: int, width: int, wide: int) -> Tensor:
    """The same for the columns of a weight [out, columns]."""
    return spread(weight.T, heads, width, wide).T.contiguous() if width != wide else weight
