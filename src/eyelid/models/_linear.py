"""`x W^T + b` for inference, with what follows it in a transformer fused in where the device can."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.models._packed import rounded

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
    those of torch's own compiler. They make kernels anew for each number of rows, so rows are rounded up to a few
    numbers.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _TYPICAL)
        self._bias = bias

    def __call__(self, x: Tensor, /) -> Tensor:
        return self._apply(x, "none", "")

    def gelu(self, x: Tensor, /) -> Tensor:
        return self._apply(x, "gelu", "none")

    def plus(self, x: Tensor, residual: Tensor, /) -> Tensor:
        apply = torch.ops.mkldnn._linear_pointwise.binary
        return cast(Tensor, apply(_even(x), _even(residual), self._weight, self._bias, "add"))[: len(x)]

    def _apply(self, x: Tensor, then: str, algorithm: str) -> Tensor:
        apply = torch.ops.mkldnn._linear_pointwise
        return cast(Tensor, apply(_even(x), self._weight, self._bias, then, [], algorithm))[: len(x)]


def _even(x: Tensor) -> Tensor:
    more = rounded(len(x)) - len(x)
    return F.pad(x, (0, 0, 0, more)) if more else x


def linear(weight: Tensor, bias: Tensor, dtype: torch.dtype, device: str = "cpu") -> Linear:
    """The fastest layer there is for a device.

    Args:
        weight: shape [out, in]; it is copied, and may be overwritten afterwards.
        bias: shape [out].
        dtype: of the product.
        device: as torch names it.
    """
    bias = bias.to(device, dtype, copy=True)
    if device == "cpu" and _has_onednn(dtype):
        return PrepackedLinear(weight.to(dtype), bias)
    return PlainLinear(weight.to(device, dtype, copy=True), bias)


def works_in_bfloat16() -> bool:
    """Whether oneDNN is there and this CPU has what its bfloat16 kernels need."""
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and supported is not None and bool(supported())


def _has_onednn(dtype: torch.dtype) -> bool:
    # Operators for torch's compiler come without a promise: where they are not, the plain product serves.
    names = ("_reorder_linear_weight", "_linear_pointwise")
    there = torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in names)
    return there and (dtype is torch.float32 or works_in_bfloat16())
