"""Attention of new tokens to everything before them: each sequence by itself, or all in one kernel on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor

from eyelid.models._causal_pass import CausalPass

#: Queries of one product. Those before need not be compared with the keys after, so blocks halve a long prefill.
_BLOCK = 64

#: Queries, of shape [rows, heads, head_dim], one row for each segment where only the last tokens ask; keys and
#: values of the new tokens, of shape [rows, kv_heads, head_dim]; this layer of the pool, of shape
#: [2, tokens, kv_heads, head_dim], or nothing → shape [rows of the queries, heads * head_dim].
Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def best_attention(device: torch.device, dtype: torch.dtype) -> Callable[[CausalPass, float], Attend]:
    """The fastest way that is exact on a device: of a pass, and of what products of queries and keys are scaled by."""
    fused = device.type == "cuda" and dtype == torch.bfloat16 and find_spec("torch.nn.attention.varlen") is not None
    return varlen if fused else one_by_one


def one_by_one(batch: CausalPass, scale: float) -> Attend:
    """Plain products, one sequence after the other; on a CPU the fastest way, and the reference everywhere."""
    longest = min(_BLOCK, max(segment.new for segment in batch.segments))
    later = torch.full((longest, longest), float("-inf"), device=batch.ids.device).triu_(1)

    def attend(queries: Tensor, keys: Tensor, values: Tensor, layer: Tensor | None) -> Tensor:
        _write(keys, values, layer, batch)
        out, scaled, masks = torch.empty_like(queries), queries * scale, later.to(queries.dtype)
        only_last = len(queries) == len(batch.segments)
        for at, segment in enumerate(batch.segments):
            rows = slice(batch.rows[at], batch.rows[at + 1])
            mine = slice(at, at + 1) if only_last else rows
            if layer is None or segment.slot is None:
                k, v = keys[rows], values[rows]
            else:
                k, v = layer[:, segment.slot : segment.slot + len(segment.tokens)].unbind(0)
            causal(scaled[mine], k, v, masks, out[mine])
        return out.flatten(1)

    return attend


def causal(queries: Tensor, keys: Tensor, values: Tensor, later: Tensor, out: Tensor) -> None:
    """The last tokens of a sequence look at themselves and all before them.

    Args:
        queries: scaled, shape [new, heads, head_dim].
        keys: of the whole sequence, shape [tokens, kv_heads, head_dim].
        values: likewise.
        later: minus infinity above the diagonal, as large as a block or as `new` at least.
        out: is filled, shape [new, heads, head_dim].
    """
    new, heads, width = queries.shape
    tokens, shared, _ = keys.shape
    group = heads // shared  # queries that share a key (Ainslie et al., arXiv 2305.13245)
    keys, values = keys.transpose(0, 1), values.transpose(0, 1)
    for start in range(0, new, _BLOCK):
        asked = queries[start : start + _BLOCK]
        count = len(asked)
        seen = tokens - new + start + count
        asked = asked.view(count, shared, group, width).permute(1, 2, 0, 3).reshape(shared, group * count, width)
        compared = keys[:, :seen]
        if keys.dtype == torch.bfloat16:  # whose product would copy them transposed, which takes longer
            compared = compared.contiguous()
        scores = torch.bmm(asked, compared.transpose(1, 2))
        if count > 1:
            scores.view(shared, group, count, seen)[..., seen - count :] += later[:count, :count]
        weights = torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)
        mixed = torch.bmm(weights, values[:, :seen])
        out[start : start + count] = mixed.view(shared, group, count, width).permute(2, 0, 1, 3).flatten(1, 2)


def _write(keys: Tensor, values: Tensor, layer: Tensor | None, batch: CausalPass) -> None:
    if layer is not None:
        layer[0].index_copy_(0, batch.places, keys)
        layer[1].index_copy_(0, batch.places, values)


def varlen(batch: CausalPass, scale: float, kernel: Callable[..., Any] | None = None) -> Attend:
    """All sequences in one kernel of `torch.nn.attention.varlen` (FlashAttention 2; Dao, arXiv 2307.08691).

    Of the pool it reads a run for each sequence: one begins where `cu_seq_k` says, and as much of it counts as
    `seqused_k` says. The segments therefore lie in the order of their slots.

    Args:
        batch: what is attended to.
        scale: of the products.
        kernel: another one with the same contract, for where there is no GPU.
    """
    if kernel is None:
        from torch.nn.attention import varlen as fused

        kernel = fused.varlen_attn

    lengths = [len(segment.tokens) for segment in batch.segments]
    slots = [segment.slot for segment in batch.segments if segment.slot is not None]

    def ends(numbers: list[int]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.int32).to(batch.ids.device)

    own, single, used = ends([*batch.rows]), ends([*range(len(lengths) + 1)]), ends(lengths)
    starts: Tensor | None = None

    def attend(queries: Tensor, keys: Tensor, values: Tensor, layer: Tensor | None) -> Tensor:
        nonlocal starts
        only_last = len(queries) == len(lengths)
        _write(keys, values, layer, batch)
        if layer is not None:
            keys, values = layer
            starts = ends([*slots, len(keys)]) if starts is None else starts
        out = kernel(
            queries,
            keys,
            values,
            single if only_last else own,
            own if layer is None else starts,
            1 if only_last else max(segment.new for segment in batch.segments),
            max(lengths),
            scale=scale,
            window_size=(-1, 0),
            enable_gqa=queries.shape[1] != keys.shape[1],
            seqused_k=None if layer is None else used,
        )
        return cast(Tensor, out).flatten(1)  # a pair only where more is asked for

    return attend
