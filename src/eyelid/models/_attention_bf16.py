"""Attention within packed sequences on a CPU, in bfloat16 and in few shapes.

oneDNN makes kernels for each shape it meets, half a megabyte for each product: with texts of every length that grows
to a gigabyte. So sequences are padded to the next of some lengths here, and taken in groups of 1, 4 or 16. Padded keys
are masked; padded queries are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from eyelid.models._attention import mixed
from eyelid.models._laid import Laid
from eyelid.models._packed import rounded

#: Sequences taken together, where they have no more tokens than that.
_GROUPS = (16, 4, 1)
_TOGETHER = 512


def attend_in_bfloat16(qkv: Tensor, laid: Laid, heads: int) -> Tensor:
    """Attention for inference, with queries that are scaled already.

    Args:
        qkv: bfloat16, shape [tokens, 3 * hidden].
        laid: where the sequences lie.
        heads: attention heads.

    Returns:
        Shape [tokens, hidden]; 0 behind the sequences.
    """
    out = qkv.new_empty(qkv.shape[0], qkv.shape[1] // 3)
    start = 0
    for padded, group in groups(laid.lengths):
        end = start + sum(group)
        _attend(qkv[start:end], out[start:end], group, padded, heads)
        start = end
    out[start:] = 0
    return out


def groups(lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Neighbours that are padded to one length, as (padded length, lengths)."""
    found = []
    for padded, some in groupby(lengths, key=rounded):
        left = list(some)
        while left:
            count = next(n for n in _GROUPS if n == 1 or (n <= len(left) and n * padded <= _TOGETHER))
            found.append((padded, left[:count]))
            left = left[count:]
    return found


def _attend(qkv: Tensor, out: Tensor, lengths: list[int], padded: int, heads: int) -> None:
    size = out.shape[1] // heads
    room = qkv.new_empty(3, len(lengths), heads, padded, size)
    for at, rows in enumerate(qkv.split(lengths)):
        room[:, at, :, : len(rows)].copy_(rows.view(-1, 3, heads, size).permute(1, 2, 0, 3))
        room[:, at, :, len(rows) :] = 0

    def normalise(scores: Tensor, first: int) -> Tensor:
        for at, length in enumerate(lengths):
            if length < padded:  # those of its heads that are among these matrices
                scores[max(0, at * heads - first) : max(0, (at + 1) * heads - first), :, length:] = -torch.inf
        # torch's own kernel takes four times as long over rows that are not a multiple of 32.
        return torch.softmax(scores.to_mkldnn(), -1).to_dense()

    q, k, v = room.flatten(1, 2).unbind(0)
    done = mixed(q, k, v, normalise).view(len(lengths), heads, padded, size)
    for at, rows in enumerate(out.split(lengths)):
        rows.view(-1, heads, size).transpose(0, 1).copy_(done[at, :, : len(rows)])
