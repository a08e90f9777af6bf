"""A BERT encoder for inference, on packed tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.engine import choose_device
from eyelid.models._attention import attend, attend_first
from eyelid.models._attention_bf16 import attend_in_bfloat16
from eyelid.models._attention_cuda import attend_on_cuda, works_on_cuda
from eyelid.models._bert_files import BertConfig
from eyelid.models._folding import Folding, Weights
from eyelid.models._graphs import Graphs
from eyelid.models._laid import Laid, lay, sent
from eyelid.models._linear import works_in_bfloat16
from eyelid.models._packed import Packed, rounded


def fastest_dtype() -> torch.dtype:
    """bfloat16 where the CPU multiplies it natively, float32 elsewhere."""
    return cast(torch.dtype, getattr(torch, choose_device("cpu").dtype))


class FrozenEncoder:
    """Packed tokens → hidden states; the same function as `Encoder`, faster.

    Args:
        folder: of a BERT, with config.json and model.safetensors.
        adapters: what training changed (names as in training, without "encoder."), or nothing for the bare backbone.
        dtype: of the matrix products; the fastest of the CPU if left out.
        device: as torch names it.
        lora: folder of an adapter as PEFT saves it, added to the weights.

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
        lora: Path | None = None,
    ) -> None:
        self.config = BertConfig.read(folder)
        self.dtype, self.device = dtype or fastest_dtype(), device
        folding = Folding(folder, adapters or {}, self.dtype, device, lora)
        self._embeddings = folding.embeddings()
        self._layers = [folding.layer(number) for number in range(self.config.layers)]
        self._attend: Callable[[Tensor, Laid, int], Tensor] = attend
        self._graphs: Graphs | None = None
        if works_on_cuda(device, self.dtype, self.config.hidden // self.config.heads):
            self._attend = attend_on_cuda
            self._graphs = Graphs(self._forward, device, longest=self.config.positions)
        elif device == "cpu" and self.dtype is torch.bfloat16 and works_in_bfloat16():
            self._attend = attend_in_bfloat16

    @torch.inference_mode()
    def __call__(self, batch: Packed) -> Tensor:
        """Hidden states, shape [tokens, hidden], on the device."""
        if self._graphs is not None:
            return self._graphs(batch)
        return self._forward(self._lay(batch))[: len(batch.ids)]

    @torch.inference_mode()
    def first(self, batch: Packed) -> Tensor:
        """Hidden states of the first token of each sequence, shape [sequences, hidden], on the device.

        On a CPU the last layer is computed for these alone, which saves an eighth of six layers.
        """
        starts = sent(batch.starts, self.device)
        if self._graphs is not None:
            return self._graphs(batch)[starts]
        laid = self._lay(batch)
        *layers, last = self._layers
        x = self._embed(laid)
        for layer in layers:
            x = self._through(layer, x, self._attend(layer.qkv(x), laid, self.config.heads))
        return self._through(last, x[starts], attend_first(last.qkv(x), laid, self.config.heads))

    def _lay(self, batch: Packed) -> Laid:
        return replace(lay(batch.padded(rounded(len(batch.ids))), self.device), lengths=batch.lengths)

    def _forward(self, laid: Laid) -> Tensor:
        x = self._embed(laid)
        for layer in self._layers:
            x = self._through(layer, x, self._attend(layer.qkv(x), laid, self.config.heads))
        return x

    def _embed(self, laid: Laid) -> Tensor:
        tables = self._embeddings
        x = (
            F.embedding(laid.ids, tables.words)
            + F.embedding(laid.positions, tables.places)
            + F.embedding(laid.types, tables.types)
        )
        return tables.norm(x).to(self.dtype)

    def _through(self, layer: Weights, x: Tensor, attended: Tensor) -> Tensor:
        """What follows attention in a layer."""
        x = layer.norm1(layer.out.plus(attended, x))
        return layer.norm2(layer.down.plus(layer.up.gelu(x), x))
