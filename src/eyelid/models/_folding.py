"""Making a BERT ready for inference: adapters folded in, weights laid out once for the device, one layer at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.errors import WeightsError
from eyelid.models._bert import SCALE
from eyelid.models._bert_files import BertConfig, BertFiles
from eyelid.models._linear import Linear, linear

_ROWS = 64


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer norm (Ba et al., arXiv 1607.06450), computed in float32."""

    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class Weights:
    """One transformer layer (post-norm); the scale of the attention is in the weights of the queries."""

    qkv: Linear
    out: Linear
    norm1: Norm
    up: Linear
    down: Linear
    norm2: Norm


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The tables that tokens are looked up in, float32."""

    words: Tensor
    places: Tensor
    types: Tensor
    norm: Norm


class Folding:
    """Reads a checkpoint as its layers are asked for; holds room for one of them, so let go of it afterwards.

    Args:
        folder: of a BERT.
        adapters: what training changed, or nothing.
        dtype: of the matrix products.
        device: as torch names it.
        lora: folder of an adapter as PEFT saves it.
    """

    def __init__(
        self,
        folder: Path,
        adapters: Mapping[str, Tensor],
        dtype: torch.dtype,
        device: str,
        lora: Path | None = None,
    ) -> None:
        self._config = BertConfig.read(folder)
        self._files, self._tuned = BertFiles(folder, lora), adapters
        self._dtype, self._device = dtype, device
        # Weights pass through here rather than through memory of their own, which would not all be given back.
        largest = self._config.hidden * max(self._config.intermediate, 3 * self._config.hidden)
        self._room = {kind: torch.empty(largest, dtype=kind) for kind in {torch.float32, dtype}}

    def embeddings(self) -> Embeddings:
        """The tables. On a CPU they stay in the file's mapping: only rows of words that do occur take memory."""
        table = self._read("embeddings.")
        kind = (self._device, torch.float32)
        return Embeddings(
            words=table["word_embeddings.weight"].to(*kind),
            places=table["position_embeddings.weight"].to(*kind),
            types=self._tuned.get("types", table["token_type_embeddings.weight"]).to(*kind),
            norm=self._norm(table, "LayerNorm", "norm", torch.float32),
        )

    def layer(self, number: int) -> Weights:
        """One layer, ready to be run."""
        tensors, ours = self._read(f"encoder.layer.{number}."), f"layers.{number}."
        qkv = tuple(f"attention.self.{part}" for part in ("query", "key", "value"))
        scale = 1 / math.sqrt(self._config.hidden // self._config.heads)
        return Weights(
            qkv=self._linear(tensors, qkv, f"{ours}qkv", scale),
            out=self._linear(tensors, ("attention.output.dense",), f"{ours}out"),
            norm1=self._norm(tensors, "attention.output.LayerNorm", f"{ours}norm1", self._dtype),
            up=self._linear(tensors, ("intermediate.dense",), f"{ours}up"),
            down=self._linear(tensors, ("output.dense",), f"{ours}down"),
            norm2=self._norm(tensors, "output.LayerNorm", f"{ours}norm2", self._dtype),
        )

    def _linear(self, tensors: Mapping[str, Tensor], theirs: tuple[str, ...], ours: str, scale: float = 1.0) -> Linear:
        parts = [tensors[f"{name}.weight"].float() for name in theirs]
        rows, columns = sum(len(part) for part in parts), parts[0].shape[1]
        weight = torch.cat(parts, out=self._room[torch.float32][: rows * columns].view(rows, columns))
        bias = torch.cat([tensors[f"{name}.bias"].float() for name in theirs])
        if f"{ours}.down" in self._tuned:
            self._fold(weight, self._tuned[f"{ours}.up"].float(), self._tuned[f"{ours}.down"].float())
            bias.copy_(self._tuned[f"{ours}.bias"])
        for each in (weight, bias):
            each[: self._config.hidden] *= scale
        if self._dtype is not torch.float32:
            weight = self._room[self._dtype][: rows * columns].view(rows, columns).copy_(weight)
        return linear(weight, bias, self._dtype, self._device)

    def _fold(self, weight: Tensor, up: Tensor, down: Tensor) -> None:
        """Add an adapter to a weight, some rows at a time."""
        # As a linear layer: one library does all products, and the other is never set up.
        product = linear(down.T.contiguous(), torch.zeros(down.shape[1]), torch.float32)
        for rows, ups in zip(weight.split(_ROWS), up.split(_ROWS), strict=True):
            rows.add_(product(ups), alpha=SCALE)

    def _norm(self, tensors: Mapping[str, Tensor], theirs: str, ours: str, dtype: torch.dtype) -> Norm:
        weight = self._tuned.get(f"{ours}.weight", tensors[f"{theirs}.weight"])
        bias = self._tuned.get(f"{ours}.bias", tensors[f"{theirs}.bias"])
        # A CPU takes float32 beside bfloat16 input, a GPU wants both alike.
        kind = torch.float32 if self._device == "cpu" else dtype
        # Copied: a view would hold the mapping of a whole layer.
        weight, bias = (t.to(self._device, kind, copy=True) for t in (weight, bias))
        return Norm(weight, bias, self._config.epsilon)

    def _read(self, prefix: str) -> Mapping[str, Tensor]:
        return _Named(self._files.read(prefix))


class _Named(dict[str, Tensor]):
    def __missing__(self, name: str) -> Tensor:
        raise WeightsError(f"model.safetensors has no {name}; it is not that of a whole BERT")
