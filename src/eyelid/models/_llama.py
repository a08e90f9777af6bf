"""The decoder for inference: packed tokens → logits of a head on each sequence's last token.

Every linear layer runs on useful tokens alone; queries, keys and values are one product, gate and up another; there
is no language model head over the vocabulary. Of the last layer only what reaches the last tokens is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.errors import WeightsError
from eyelid.models._causal_attention import best_attention
from eyelid.models._causal_config import CausalConfig
from eyelid.models._causal_files import Tensors
from eyelid.models._causal_heads import padded, spread, spread_columns
from eyelid.models._causal_pass import CausalPass
from eyelid.models._causal_rope import angles, frequencies, rotate
from eyelid.models._linear import Linear, linear

_Map = Callable[[Tensor], Tensor]
_HEAD, _LANGUAGE, _WORDS = "score.weight", "lm_head.weight", "model.embed_tokens.weight"


@dataclass(frozen=True, slots=True)
class _Layer:
    """The parts of one layer, each a function of packed rows."""

    norm: _Map
    qkv: Linear
    query_norm: _Map
    key_norm: _Map
    out: Linear
    norm2: _Map
    gate_up: Linear
    down: Linear


class PackedLlama:
    """A Llama, Mistral, Qwen2 or Qwen3 that scores.

    Args:
        folder: a checkpoint with `config.json` and safetensors.
        labels: token ids whose logits are wanted, for a language model; nothing for `score.weight`, the head of a
            checkpoint for sequence classification.
        adapter: folder of a LoRA adapter that is added.
        device, dtype: where and in what the products are made.

    Attributes:
        config: its shape.
        head_dim: width of a head as it is computed: on a GPU filled up with zeros to a multiple of 8.
        outputs: logits for each sequence.
        size: bytes of the weights.

    Raises:
        WeightsError: files are missing, or there is no such head.
        NotPackedError: the checkpoint holds what this forward does not compute.
    """

    def __init__(
        self,
        folder: Path,
        *,
        labels: Sequence[int] | None = None,
        adapter: Path | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.config = CausalConfig.read(folder)
        self.device, self.dtype = torch.device(device), dtype
        self.head_dim = padded(self.config.head_dim, 8 if self.device.type == "cuda" else 2)
        self.size = 0
        tensors = Tensors(folder, adapter)
        words = tensors.take(_WORDS)
        self._words = self._placed(words)
        self._layers = [self._layer(tensors, f"model.layers.{at}.") for at in range(self.config.layers)]
        self._norm = self._norm_of(tensors, "model.norm.weight")
        self._head = _head(tensors, words if self.config.tied else None, labels).float().to(self.device)
        self.outputs = len(self._head)
        tensors.finish()
        turns = frequencies(self.config.rope, self.config.head_dim)
        self._turns = F.pad(turns, (0, (self.head_dim - self.config.head_dim) // 2)).to(self.device)
        self._attention = best_attention(self.device, dtype)

    def __call__(self, batch: CausalPass, pool: Tensor | None = None) -> Tensor:
        """Logits of the head on each segment's last token, float32, shape [segments, outputs].

        Args:
            batch: the new tokens.
            pool: keys and values of all layers, as `KeyValuePool.data`; theirs are written to it.
        """
        attend = self._attention(batch, self.config.head_dim**-0.5)
        turned = angles(batch.positions, self._turns, self.dtype)
        x = F.embedding(batch.ids, self._words)
        for at, layer in enumerate(self._layers):
            queries, keys, values = self._project(layer, x, turned)
            if at == self.config.layers - 1:
                x, queries = x[batch.last], queries[batch.last]
            x = layer.out.plus(attend(queries, keys, values, None if pool is None else pool[at]), x)
            gate, up = layer.gate_up(layer.norm2(x)).chunk(2, -1)
            x = layer.down.plus(F.silu(gate).mul_(up), x)
        return F.linear(self._norm(x).float(), self._head)

    def _project(self, layer: _Layer, x: Tensor, turned: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        heads, shared = self.config.heads, self.config.kv_heads
        mixed = layer.qkv(layer.norm(x)).view(len(x), heads + 2 * shared, self.head_dim)
        queries, keys, values = mixed.split((heads, shared, shared), 1)
        return rotate(layer.query_norm(queries), *turned), rotate(layer.key_norm(keys), *turned), values

    def _layer(self, tensors: Tensors, prefix: str) -> _Layer:
        heads, shared, width = self.config.heads, self.config.kv_heads, self.config.head_dim

        def maps(part: str, *names: str, shape: Callable[[str, Tensor], Tensor] = lambda _, tensor: tensor) -> Linear:
            weights = [shape(name, tensors.take(f"{prefix}{part}.{name}.weight")) for name in names]
            given = [f"{prefix}{part}.{name}.bias" for name in names]
            biases = [
                shape(name, tensors.take(bias)) if bias in tensors else weight.new_zeros(len(weight))
                for name, bias, weight in zip(names, given, weights, strict=True)
            ]
            return self._linear(torch.cat(weights), torch.cat(biases))

        def by_head(name: str, tensor: Tensor) -> Tensor:
            return spread(tensor, heads if name == "q_proj" else shared, width, self.head_dim)

        def by_column(_: str, tensor: Tensor) -> Tensor:
            return spread_columns(tensor, heads, width, self.head_dim) if tensor.ndim == 2 else tensor

        return _Layer(
            norm=self._norm_of(tensors, f"{prefix}input_layernorm.weight"),
            qkv=maps("self_attn", "q_proj", "k_proj", "v_proj", shape=by_head),
            query_norm=self._head_norm(tensors, f"{prefix}self_attn.q_norm.weight"),
            key_norm=self._head_norm(tensors, f"{prefix}self_attn.k_norm.weight"),
            out=maps("self_attn", "o_proj", shape=by_column),
            norm2=self._norm_of(tensors, f"{prefix}post_attention_layernorm.weight"),
            gate_up=maps("mlp", "gate_proj", "up_proj"),
            down=maps("mlp", "down_proj"),
        )

    def _linear(self, weight: Tensor, bias: Tensor) -> Linear:
        self.size += weight.numel() * self.dtype.itemsize
        return linear(weight, bias, self.dtype, str(self.device))

    def _placed(self, tensor: Tensor) -> Tensor:
        self.size += tensor.numel() * self.dtype.itemsize
        return tensor.to(self.device, self.dtype)

    def _norm_of(self, tensors: Tensors, name: str) -> _Map:
        weight = self._placed(tensors.take(name))
        return lambda x: F.rms_norm(x, weight.shape, weight, self.config.epsilon)

    def _head_norm(self, tensors: Tensors, name: str) -> _Map:
        """RMSNorm of each head by itself (Qwen3); nothing where there is none."""
        if name not in tensors:
            return lambda x: x
        width, epsilon = self.config.head_dim, self.config.epsilon
        weight = self._placed(spread(tensors.take(name), 1, width, self.head_dim))

        def norm(x: Tensor) -> Tensor:
            # The mean is over the head's own width, without the zeros that fill it up.
            mean = x.float().square().sum(-1, keepdim=True) / width
            return (x * torch.rsqrt(mean + epsilon)).to(x.dtype) * weight

        return norm


def _head(tensors: Tensors, words: Tensor | None, labels: Sequence[int] | None) -> Tensor:
    """Rows of the head, shape [outputs, hidden]; `words` are the embeddings if the two are one."""
    if labels is None:
        if _HEAD not in tensors:
            raise WeightsError(f"the checkpoint has no {_HEAD}: it does not classify; name label tokens instead")
        tensors.skip(_LANGUAGE)
        return tensors.take(_HEAD)
    if _HEAD in tensors and _LANGUAGE not in tensors:
        raise WeightsError("the checkpoint classifies and has no language model head; use its head 'score'")
    rows = words if words is not None else tensors.take(_LANGUAGE)
    tensors.skip(_LANGUAGE)
    tensors.skip(_HEAD)
    if not labels or not all(0 <= label < len(rows) for label in labels):
        raise WeightsError(f"label tokens must be ids below {len(rows)}, and there must be one")
    return rows[list(labels)]
