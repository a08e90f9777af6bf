"""Token ids of many sequences laid end to end, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

#: Token counts that passes are rounded up to on a CPU: multiples of the step, up to the size. Each count that occurs
#: costs kernels of its own, half a megabyte and half a millisecond for each kind of layer.
_STEPS = ((256, 16), (512, 32))
_LARGE = 64


def rounded(tokens: int) -> int:
    """The next of the few token counts that passes have on a CPU."""
    step = next((step for size, step in _STEPS if tokens <= size), _LARGE)
    return -(-tokens // step) * step


@dataclass(frozen=True, slots=True)
class Packed:
    """Many sequences end to end.

    Args:
        ids: token ids, shape [tokens].
        types: segment ids, shape [tokens].
        positions: position inside the sequence, shape [tokens].
        lengths: tokens of each sequence, ascending; they sum to `tokens`.
        places: where each sequence as it was given now lies, shape [sequences].
    """

    ids: Tensor
    types: Tensor
    positions: Tensor
    lengths: list[int]
    places: Tensor

    @classmethod
    def of(cls, sequences: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Packed:
        """Pack (ids, types) pairs, shortest first: equal lengths share one attention kernel."""
        order = sorted(range(len(sequences)), key=lambda at: len(sequences[at][0]))
        lengths = [len(sequences[at][0]) for at in order]
        return cls(
            ids=_flat([sequences[at][0] for at in order], sum(lengths)),
            types=_flat([sequences[at][1] for at in order], sum(lengths)),
            positions=torch.from_numpy(_positions(lengths)),
            lengths=lengths,
            places=torch.from_numpy(np.argsort(np.array(order, dtype=np.int64))),
        )

    @property
    def starts(self) -> Tensor:
        """Where each sequence begins, shape [sequences]."""
        return torch.tensor(list(accumulate(self.lengths, initial=0))[:-1], dtype=torch.long)

    def padded(self, tokens: int) -> Packed:
        """The same with empty tokens behind, up to so many: they are a sequence of their own, which nothing sees."""
        more = tokens - len(self.ids)
        if more == 0:
            return self
        ids, types, positions = (pad(each, (0, more)) for each in (self.ids, self.types, self.positions))
        return replace(self, ids=ids, types=types, positions=positions, lengths=[*self.lengths, more])


def runs_of(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours of equal length, as (count, length)."""
    runs: list[tuple[int, int]] = []
    for length in lengths:
        if runs and runs[-1][1] == length:
            runs[-1] = (runs[-1][0] + 1, length)
        else:
            runs.append((1, length))
    return runs


def _flat(parts: Sequence[Sequence[int]], count: int) -> Tensor:
    return torch.from_numpy(np.fromiter(chain.from_iterable(parts), dtype=np.int64, count=count))


def _positions(lengths: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ends = np.cumsum(lengths, dtype=np.int64)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
