"""One pass of a decoder: the new tokens of many sequences, laid end to end."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of one sequence that a pass computes.

    Args:
        tokens: all of the sequence, shape [past + new].
        past: tokens whose keys and values are in the pool.
        slot: where its run in the pool begins; `None` where it has none, and then `past` is 0.
    """

    tokens: array[int]
    past: int = 0
    slot: int | None = None

    @property
    def new(self) -> int:
        """Tokens to be computed, at least 1."""
        return len(self.tokens) - self.past


@dataclass(frozen=True, slots=True)
class CausalPass:
    """What the layers are given.

    Args:
        segments: as they lie.
        rows: where the new tokens of each segment begin, and the number of all of them, shape [segments + 1].
        ids: token ids, shape [rows].
        positions: position in the sequence, shape [rows].
        last: the row of each segment's last token, shape [segments].
        places: the row of the pool that each token's key and value go to, shape [rows]; empty without a pool.
    """

    segments: tuple[Segment, ...]
    rows: tuple[int, ...]
    ids: Tensor
    positions: Tensor
    last: Tensor
    places: Tensor

    @classmethod
    def of(cls, segments: Sequence[Segment], device: torch.device) -> CausalPass:
        """Lay segments end to end; either all of them have a slot or none has."""
        rows = tuple(accumulate((segment.new for segment in segments), initial=0))
        ids = array("i")
        for segment in segments:
            ids.extend(segment.tokens[segment.past :])
        positions = torch.cat([torch.arange(s.past, s.past + s.new) for s in segments])
        slots = [s.slot for s in segments if s.slot is not None]
        starts = torch.tensor(slots).repeat_interleave(torch.tensor([s.new for s in segments])) if slots else None
        return cls(
            segments=tuple(segments),
            rows=rows,
            ids=torch.tensor(ids, dtype=torch.long).to(device),
            positions=positions.to(device),
            last=(torch.tensor(rows[1:]) - 1).to(device),
            places=(torch.empty(0, dtype=torch.long) if starts is None else starts + positions).to(device),
        )
