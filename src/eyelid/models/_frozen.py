"""The encoder for inference: adapters folded in, weights laid out once for the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from eyelid.models._bert import SCALE, BertConfig, Packed, attention

_Linear = Callable[[Tensor], Tensor]
#: Rows of a product that the layout is chosen for; any number works.
_TYPICAL = 1024


def fastest_dtype() -> torch.dtype:
    """bfloat16 where the CPU multiplies it natively, float32 elsewhere."""
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if has.get("avx512_bf16") or has.get("amx_bf16") else torch.float32


def linear(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> _Linear:
    """`x W^T + b`, with the weight reordered once where oneDNN can.

    In float32 torch would take MKL, which on AMD reaches less than half of what oneDNN reaches.
    """
    weight, bias = weight.to(dtype).contiguous(), bias.to(dtype).contiguous()
    # Both are operators for torch's own compiler, without a promise: where they are not, the plain product serves.
    reorder = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
    apply = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if reorder is None or apply is None:
        return lambda x: F.linear(x, weight, bias)
    packed = reorder(weight, _TYPICAL)
    return lambda x: cast(Tensor, apply(x, packed, bias, "none", [], ""))


class FrozenEncoder:
    """Packed tokens → hidden states; the same function as `Encoder`, faster.

    Args:
        folder: the backbone.
        adapters: what training changed (names as in training, without "encoder."), or nothing for the bare backbone.
        dtype: of the matrix products.
    """

    def __init__(
        self, folder: Path, adapters: Mapping[str, Tensor] | None = None, *, dtype: torch.dtype | None = None
    ) -> None:
        self.config = BertConfig.read(folder)
        self.dtype = dtype or fastest_dtype()
        tensors = load_file(folder / "model.safetensors")
        tuned = {name: tensor.float() for name, tensor in (adapters or {}).items()}
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._places = tensors["embeddings.position_embeddings.weight"]
        self._types = tuned.get("types", tensors["embeddings.token_type_embeddings.weight"])
        self._norm = self._norm_of(tensors, tuned, "embeddings.LayerNorm", "norm")
        self._layers = [self._layer(tensors, tuned, number) for number in range(self.config.layers)]

    def _layer(
        self, tensors: Mapping[str, Tensor], tuned: Mapping[str, Tensor], number: int
    ) -> Callable[[Tensor, list[int]], Tensor]:
        theirs, ours = f"encoder.layer.{number}.", f"layers.{number}."

        def merged(name: str, *sources: str) -> _Linear:
            weight = torch.cat([tensors[f"{theirs}{source}.weight"] for source in sources])
            bias = torch.cat([tensors[f"{theirs}{source}.bias"] for source in sources])
            if f"{ours}{name}.down" in tuned:
                weight = weight + SCALE * tuned[f"{ours}{name}.up"] @ tuned[f"{ours}{name}.down"]
                bias = tuned[f"{ours}{name}.bias"]
            return linear(weight, bias, self.dtype)

        qkv = merged("qkv", *(f"attention.self.{part}" for part in ("query", "key", "value")))
        out = merged("out", "attention.output.dense")
        up = merged("up", "intermediate.dense")
        down = merged("down", "output.dense")
        norm1 = self._norm_of(tensors, tuned, f"{theirs}attention.output.LayerNorm", f"{ours}norm1")
        norm2 = self._norm_of(tensors, tuned, f"{theirs}output.LayerNorm", f"{ours}norm2")
        heads = self.config.heads

        def layer(x: Tensor, lengths: list[int]) -> Tensor:
            x = norm1(x + out(attention(qkv(x), lengths, heads)))
            return norm2(x + down(F.gelu(up(x))))

        return layer

    def _norm_of(self, tensors: Mapping[str, Tensor], tuned: Mapping[str, Tensor], theirs: str, ours: str) -> _Linear:
        weight = tuned.get(f"{ours}.weight", tensors[f"{theirs}.weight"])
        bias = tuned.get(f"{ours}.bias", tensors[f"{theirs}.bias"])
        shape, epsilon = (weight.shape[0],), self.config.epsilon
        return lambda x: F.layer_norm(x.float(), shape, weight, bias, epsilon).to(self.dtype)

    def __call__(self, batch: Packed) -> Tensor:
        """Hidden states, shape [tokens, hidden]."""
        x = (
            F.embedding(batch.ids, self._words)
            + F.embedding(batch.positions, self._places)
            + F.embedding(batch.types, self._types)
        )
        x = self._norm(x)
        for layer in self._layers:
            x = layer(x, batch.lengths)
        return x
