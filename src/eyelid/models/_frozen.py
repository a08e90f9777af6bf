"""A BERT encoder for inference: adapters folded in, weights laid out once for the device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.engine import choose_device
from eyelid.errors import WeightsError
from eyelid.models._attention import attend, attend_on_cuda
from eyelid.models._bert import SCALE
from eyelid.models._bert_files import BertConfig, BertFiles
from eyelid.models._graphs import Graphs, Laid
from eyelid.models._linear import Linear, linear
from eyelid.models._packed import Packed


def fastest_dtype() -> torch.dtype:
    """bfloat16 where the CPU multiplies it natively, float32 elsewhere."""
    return cast(torch.dtype, getattr(torch, choose_device("cpu").dtype))


@dataclass(frozen=True, slots=True)
class _Norm:
    """Layer norm (Ba et al., arXiv 1607.06450), computed in float32."""

    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One transformer layer (post-norm); the scale of the attention is in the weights of the queries."""

    heads: int
    qkv: Linear
    out: Linear
    norm1: _Norm
    up: Linear
    down: Linear
    norm2: _Norm

    def __call__(self, x: Tensor, laid: Laid) -> Tensor:
        x = self.norm1(self.out.plus(self._attend(self.qkv(x), laid), x))
        return self.norm2(self.down.plus(self.up.gelu(x), x))

    def _attend(self, qkv: Tensor, laid: Laid) -> Tensor:
        if laid.ends is None:
            return attend(qkv, laid.runs, self.heads)
        return attend_on_cuda(qkv, laid.ends, laid.longest, self.heads)


class FrozenEncoder:
    """Packed tokens → hidden states; the same function as `Encoder`, faster.

    Args:
        folder: of a BERT, with config.json and model.safetensors.
        adapters: what training changed (names as in training, without "encoder."), or nothing for the bare backbone.
        dtype: of the matrix products; the fastest of the CPU if left out.
        device: as torch names it.

    Raises:
        WeightsError: the folder does not hold a whole BERT.
    """

    def __init__(
        self,
        folder: Path,
        adapters: Mapping[str, Tensor] | None = None,
        *,
        dtype: torch.dtype | None = None,
        device: str = "cpu",
    ) -> None:
        self.config = BertConfig.read(folder)
        self.dtype, self.device = dtype or fastest_dtype(), device
        files = BertFiles(folder)
        tuned = {name: tensor.float() for name, tensor in (adapters or {}).items()}
        try:
            # Left in the file's mapping on the CPU: only the rows of words that do occur take memory.
            table = {name: t.to(device) for name, t in files.read("embeddings.").items()}
            self._words, self._places = table["word_embeddings.weight"], table["position_embeddings.weight"]
            self._types = tuned.get("types", table["token_type_embeddings.weight"]).to(device)
            self._norm = self._normalise(table, tuned, "LayerNorm", "norm", torch.float32)
            self._layers = [self._layer(files, tuned, number) for number in range(self.config.layers)]
        except KeyError as error:
            raise WeightsError(f"model.safetensors has no {error}; it is not that of a whole BERT") from error
        self._graphs = Graphs(self._forward, device, longest=self.config.positions) if self._on_cuda else None

    @property
    def _on_cuda(self) -> bool:
        """Whether there is a flash kernel for ragged sequences: on a GPU, in half precision."""
        return self.device != "cpu" and self.dtype is not torch.float32

    @torch.inference_mode()
    def __call__(self, batch: Packed) -> Tensor:
        """Hidden states, shape [tokens, hidden], on the device."""
        if self._graphs is not None:
            return self._graphs(batch)
        ids, types, positions = (t.to(self.device) for t in (batch.ids, batch.types, batch.positions))
        return self._forward(Laid(ids, types, positions, runs=batch.runs))

    def _forward(self, laid: Laid) -> Tensor:
        x = (
            F.embedding(laid.ids, self._words)
            + F.embedding(laid.positions, self._places)
            + F.embedding(laid.types, self._types)
        )
        x = self._norm(x).to(self.dtype)
        for layer in self._layers:
            x = layer(x, laid)
        return x

    def _layer(self, files: BertFiles, tuned: Mapping[str, Tensor], number: int) -> _Layer:
        tensors, ours = files.read(f"encoder.layer.{number}."), f"layers.{number}."

        def merged(name: str, *sources: str) -> tuple[Tensor, Tensor]:
            weight = torch.cat([tensors[f"{source}.weight"] for source in sources]).float()
            bias = torch.cat([tensors[f"{source}.bias"] for source in sources]).float()
            if f"{ours}{name}.down" in tuned:
                weight.addmm_(tuned[f"{ours}{name}.up"], tuned[f"{ours}{name}.down"], alpha=SCALE)
                bias = tuned[f"{ours}{name}.bias"]
            return weight, bias

        def ready(weight: Tensor, bias: Tensor) -> Linear:
            return linear(weight, bias, self.dtype, self.device)

        def normalise(theirs: str, name: str) -> _Norm:
            return self._normalise(tensors, tuned, theirs, f"{ours}{name}", self.dtype)

        return _Layer(
            heads=self.config.heads,
            qkv=ready(*self._scaled(*merged("qkv", *(f"attention.self.{part}" for part in ("query", "key", "value"))))),
            out=ready(*merged("out", "attention.output.dense")),
            norm1=normalise("attention.output.LayerNorm", "norm1"),
            up=ready(*merged("up", "intermediate.dense")),
            down=ready(*merged("down", "output.dense")),
            norm2=normalise("output.LayerNorm", "norm2"),
        )

    def _scaled(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Queries times the scale of the attention, so that nothing has to be scaled later."""
        hidden, scale = self.config.hidden, 1 / math.sqrt(self.config.hidden // self.config.heads)
        return (
            torch.cat((weight[:hidden] * scale, weight[hidden:])),
            torch.cat((bias[:hidden] * scale, bias[hidden:])),
        )

    def _normalise(
        self, tensors: Mapping[str, Tensor], tuned: Mapping[str, Tensor], theirs: str, ours: str, dtype: torch.dtype
    ) -> _Norm:
        weight = tuned.get(f"{ours}.weight", tensors[f"{theirs}.weight"])
        bias = tuned.get(f"{ours}.bias", tensors[f"{theirs}.bias"])
        # A CPU takes float32 beside bfloat16 input, a GPU wants both alike.
        kind = torch.float32 if self.device == "cpu" else dtype
        return _Norm(weight.to(self.device, kind), bias.to(self.device, kind), self.config.epsilon)
