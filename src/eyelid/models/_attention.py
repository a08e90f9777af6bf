"""Attention within each of many packed sequences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor

from eyelid.models._packed import runs_of

#: Bytes of attention weights made at a time: more leave a core's caches, and are fresh pages each time.
_ROOM = 2**21


def attention(qkv: Tensor, lengths: list[int], heads: int) -> Tensor:
    """As in training: differentiable. Runs of equal length go through one kernel.

    Args:
        qkv: queries, keys and values side by side, shape [tokens, 3 * hidden].
        lengths: tokens of each sequence.
        heads: attention heads.

    Returns:
        Shape [tokens, hidden].
    """
    hidden = qkv.shape[1] // 3
    outputs = []
    start = 0
    for count, length in runs_of(lengths):
        block = qkv[start : start + count * length].view(count, length, 3, heads, hidden // heads)
        q, k, v = block.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax((q @ k.transpose(-1, -2)) * (hidden // heads) ** -0.5, dim=-1)
        outputs.append((weights @ v).transpose(1, 2).reshape(count * length, hidden))
        start += count * length
    return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


def attend(qkv: Tensor, runs: Sequence[tuple[int, int]], heads: int) -> Tensor:
    """The same for inference, a cacheful at a time, with queries that are scaled already.

    Args:
        qkv: shape [tokens, 3 * hidden].
        runs: sequences of equal length, as (count, length).
        heads: attention heads.

    Returns:
        Shape [tokens, hidden].
    """
    out = qkv.new_empty(qkv.shape[0], qkv.shape[1] // 3)
    start = 0
    for count, length in _pieces(runs, heads * qkv.element_size()):
        tokens = slice(start, start + count * length)
        q, k, v = qkv[tokens].view(count, length, 3, heads, -1).permute(2, 0, 3, 1, 4).flatten(1, 2).unbind(0)
        most = max(1, _ROOM // (length * length * qkv.element_size()))
        parts = [
            torch.bmm(_softmax(torch.bmm(q[at : at + most], k[at : at + most].transpose(1, 2))), v[at : at + most])
            for at in range(0, len(q), most)
        ]
        done = parts[0] if len(parts) == 1 else torch.cat(parts)
        out[tokens].view(count, length, heads, -1).transpose(1, 2).copy_(done.view(count, heads, length, -1))
        start = tokens.stop
    return out


def attend_on_cuda(qkv: Tensor, ends: Tensor, longest: int, heads: int) -> Tensor:
    """The same by flash attention over ragged sequences (Dao et al., arXiv 2205.14135), in half precision.

    Args:
        qkv: shape [tokens, 3 * hidden], on a GPU.
        ends: where each sequence begins, and at last where the last one ends, int32, shape [sequences + 1].
        longest: tokens that no sequence exceeds.
        heads: attention heads.

    Returns:
        Shape [tokens, hidden].
    """
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = qkv.view(qkv.shape[0], 3, heads, -1).unbind(1)
    return cast(Tensor, varlen_attn(q, k, v, ends, ends, longest, longest, scale=1.0)).flatten(1)


def starts_and_end(lengths: Sequence[int]) -> list[int]:
    """Where each sequence begins, and at last where the last one ends."""
    return list(accumulate(lengths, initial=0))


def _pieces(runs: Sequence[tuple[int, int]], bytes_each: int) -> list[tuple[int, int]]:
    """Runs cut so that the attention weights of a piece fit into a cache, if those of one sequence do."""
    pieces = []
    for count, length in runs:
        most = max(1, _ROOM // (length * length * bytes_each))
        whole, rest = divmod(count, most)
        pieces += [(most, length)] * whole + [(rest, length)] * (rest > 0)
    return pieces


def _softmax(scores: Tensor) -> Tensor:
    # torch's own kernel takes four times as long over bfloat16 rows that are not a multiple of 32.
    if scores.dtype is torch.bfloat16 and scores.device.type == "cpu" and torch.backends.mkldnn.is_available():
        return torch.softmax(scores.to_mkldnn(), -1).to_dense()
    return torch.softmax(scores, -1)
