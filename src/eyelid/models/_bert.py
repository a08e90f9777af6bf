"""A BERT encoder with low-rank adapters, for training.

It works on *packed* tokens, sequences laid end to end without padding. Only attention needs to know where a sequence
starts, so every linear layer runs on useful tokens alone.

BERT: Devlin et al., arXiv 1810.04805. LoRA: Hu et al., arXiv 2106.09685. all-MiniLM-L6-v2 is a BERT of six
layers, hidden size 384.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from eyelid.models._attention import attention
from eyelid.models._bert_files import BertConfig
from eyelid.models._packed import Packed

#: Of the adapters in x W^T + b + SCALE · (x A^T) B^T.
SCALE = 2.0


class LoraLinear(nn.Module):
    """`x W^T + b + scale · (x A^T) B^T` with W frozen and B zero at the start."""

    def __init__(self, weight: Tensor, bias: Tensor, rank: int, dtype: torch.dtype) -> None:
        super().__init__()
        out_features, in_features = weight.shape
        self.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
        self.bias = nn.Parameter(bias.float())
        self.down = nn.Parameter(torch.empty(rank, in_features))
        self.up = nn.Parameter(torch.zeros(out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale = SCALE

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        low = F.linear(x, self.down.to(dtype))
        return F.linear(x, self.weight, self.bias.to(dtype)) + F.linear(low, (self.up * self.scale).to(dtype))


class Layer(nn.Module):
    """One transformer layer (post-norm)."""

    def __init__(
        self, config: BertConfig, tensors: dict[str, Tensor], prefix: str, rank: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.heads = config.heads

        def lora(*names: str) -> LoraLinear:
            weight = torch.cat([tensors[f"{prefix}{name}.weight"] for name in names])
            bias = torch.cat([tensors[f"{prefix}{name}.bias"] for name in names])
            return LoraLinear(weight, bias, rank, dtype)

        self.qkv = lora("attention.self.query", "attention.self.key", "attention.self.value")
        self.out = lora("attention.output.dense")
        self.norm1 = _norm(tensors, f"{prefix}attention.output.LayerNorm", config.epsilon)
        self.up = lora("intermediate.dense")
        self.down = lora("output.dense")
        self.norm2 = _norm(tensors, f"{prefix}output.LayerNorm", config.epsilon)

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        attended = attention(self.qkv(x), lengths, self.heads)
        x = self.norm1((x + self.out(attended)).float()).to(x.dtype)
        return self.norm2((x + self.down(F.gelu(self.up(x)))).float()).to(x.dtype)  # type: ignore[no-any-return]


def _norm(tensors: dict[str, Tensor], name: str, epsilon: float) -> nn.LayerNorm:
    weight = tensors[f"{name}.weight"]
    norm = nn.LayerNorm(weight.shape[0], eps=epsilon)
    norm.weight.data.copy_(weight)
    norm.bias.data.copy_(tensors[f"{name}.bias"])
    return norm


class Encoder(nn.Module):
    """The backbone with adapters on every linear layer; word embeddings are frozen."""

    def __init__(self, folder: Path, *, rank: int = 32, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = BertConfig.read(folder)
        tensors = load_file(folder / "model.safetensors")
        self.dtype = dtype
        self.words = nn.Parameter(tensors["embeddings.word_embeddings.weight"], requires_grad=False)
        self.places = nn.Parameter(tensors["embeddings.position_embeddings.weight"])
        self.types = nn.Parameter(tensors["embeddings.token_type_embeddings.weight"])
        self.norm = _norm(tensors, "embeddings.LayerNorm", self.config.epsilon)
        self.layers = nn.ModuleList(
            Layer(self.config, tensors, f"encoder.layer.{i}.", rank, dtype) for i in range(self.config.layers)
        )

    def forward(self, batch: Packed) -> Tensor:
        """Hidden states, shape [tokens, hidden]."""
        x = (
            F.embedding(batch.ids, self.words)
            + F.embedding(batch.positions, self.places)
            + F.embedding(batch.types, self.types)
        )
        x = self.norm(x).to(self.dtype)
        for layer in self.layers:
            x = layer(x, batch.lengths)
        return cast(Tensor, x)
