"""`x W^T + b` for inference, with what follows it in a transformer fused in where the device can."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional as F

#: Rows of a product that the layout is chosen for; any number works.
_TYPICAL = 1024


class Linear(Protocol):
    """A linear layer over packed tokens, shape [tokens, in] → [tokens, out]."""

    def __call__(self, x: Tensor, /) -> Tensor: ...

    def gelu(self, x: Tensor, /) -> Tensor:
        """The error-function gelu of the product (Hendrycks and Gimpel, arXiv 1606.08415)."""

    def plus(self, x: Tensor, residual: Tensor, /) -> Tensor:
        """The product and the residual, added before rounding."""


class PlainLinear:
    """By torch's own product."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor, /) -> Tensor:
        return F.linear(x, self._weight, self._bias)

    def gelu(self, x: Tensor, /) -> Tensor:
        return F.gelu(self(x))

    def plus(self, x: Tensor, residual: Tensor, /) -> Tensor:
        return residual + self(x)


class PrepackedLinear:
    """By oneDNN, with the weight reordered once.

    In float32 torch would take MKL, which on AMD reaches less than half of what oneDNN reaches. The operators are
    those of torch's own compiler.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _TYPICAL)
        self._bias = bias.contiguous()

    def __call__(self, x: Tensor, /) -> Tensor:
        return self._apply(x, "none", "")

    def gelu(self, x: Tensor, /) -> Tensor:
        return self._apply(x, "gelu", "none")

    def plus(self, x: Tensor, residual: Tensor, /) -> Tensor:
        apply = torch.ops.mkldnn._linear_pointwise.binary
        return cast(Tensor, apply(x, residual, self._weight, self._bias, "add"))

    def _apply(self, x: Tensor, then: str, algorithm: str) -> Tensor:
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, then, [], algorithm))


def linear(weight: Tensor, bias: Tensor, dtype: torch.dtype, device: str = "cpu") -> Linear:
    """The fastest layer there is for a device.

    Args:
        weight: shape [out, in].
        bias: shape [out].
        dtype: of the product.
        device: as torch names it.
    """
    weight, bias = weight.to(device, dtype), bias.to(device, dtype)
    return PrepackedLinear(weight, bias) if device == "cpu" and _has_onednn() else PlainLinear(weight, bias)


def _has_onednn() -> bool:
    # Operators for torch's compiler come without a promise: where they are not, the plain product serves.
    names = ("_reorder_linear_weight", "_linear_pointwise")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in names)
