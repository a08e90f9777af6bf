"""Attention within each of many packed sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from eyelid.models._laid import Laid
from eyelid.models._packed import runs_of

#: Bytes of attention weights made at a time: more leave a core's caches, and are fresh pages each time.
ROOM = 2**21


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


def attend(qkv: Tensor, laid: Laid, heads: int) -> Tensor:
    """The same for inference, a cacheful at a time, with queries that are scaled already.

    Args:
        qkv: shape [tokens, 3 * hidden].
        laid: where the sequences lie.
        heads: attention heads.

    Returns:
        Shape [tokens, hidden]; 0 behind the sequences.
    """
    out = qkv.new_empty(qkv.shape[0], qkv.shape[1] // 3)
    start = 0
    for count, length in _pieces(laid.lengths, heads * qkv.element_size()):
        tokens = slice(start, start + count * length)
        q, k, v = qkv[tokens].view(count, length, 3, heads, -1).permute(2, 0, 3, 1, 4).flatten(1, 2).unbind(0)
        done = mixed(q, k, v, lambda scores, _: torch.softmax(scores, -1))
        out[tokens].view(count, length, heads, -1).transpose(1, 2).copy_(done.view(count, heads, length, -1))
        start = tokens.stop
    out[start:] = 0
    return out


def attend_first(qkv: Tensor, laid: Laid, heads: int) -> Tensor:
    """The same for the first token of each sequence alone, shape [sequences, hidden]."""
    parts = qkv.split([*laid.lengths, len(qkv) - sum(laid.lengths)])[:-1]
    return torch.cat([_attend_first(*part.view(len(part), 3, heads, -1).unbind(1)) for part in parts])


def _attend_first(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weights = torch.softmax((q[:1] * k).sum(-1, dtype=torch.float32), dim=0).to(v.dtype)
    return (weights[:, :, None] * v).sum(0).flatten()[None]


def mixed(q: Tensor, k: Tensor, v: Tensor, normalise: Callable[[Tensor, int], Tensor]) -> Tensor:
    """`softmax(q k^T) v` for many matrices, a cacheful at a time.

    Args:
        q: queries, shape [matrices, rows, size].
        k: keys, alike.
        v: values, alike.
        normalise: the softmax, given some of the products and the number of their first matrix.

    Returns:
        Shape [matrices, rows, size].
    """
    most = max(1, ROOM // (q.shape[1] * k.shape[1] * q.element_size()))
    starts = range(0, len(q), most)
    parts = [
        torch.bmm(normalise(torch.bmm(qs, ks.transpose(1, 2)), start), vs)
        for start, qs, ks, vs in zip(starts, q.split(most), k.split(most), v.split(most), strict=True)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _pieces(lengths: Sequence[int], bytes_each: int) -> list[tuple[int, int]]:
    """Runs of equal length, cut so that the attention weights of a piece fit into a cache if those of one do."""
    pieces = []
    for count, length in runs_of(lengths):
        most = max(1, ROOM // (length * length * bytes_each))
        whole, rest = divmod(count, most)
        pieces += [(most, length)] * whole + [(rest, length)] * (rest > 0)
    return pieces
