"""A packed batch on its device, and where its sequences lie there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from eyelid.models._packed import Packed


@dataclass(frozen=True, slots=True)
class Laid:
    """A batch on its device.

    Args:
        ids, types, positions: of each token, as in `Packed`.
        lengths: tokens of each sequence, ascending; there may be tokens behind them that are no sequence.
        ends: where each sequence begins, and at last where the last one ends, int32; on a GPU only.
        longest: tokens that no sequence exceeds.
    """

    ids: Tensor
    types: Tensor
    positions: Tensor
    lengths: list[int]
    ends: Tensor
    longest: int


def lay(batch: Packed, device: str, *, places: int = 0, longest: int = 0) -> Laid:
    """Bring a batch to its device.

    Args:
        batch: on the CPU.
        device: as torch names it.
        places: sequences there is to be room for; those beyond the batch's are empty.
        longest: as in `Laid`; that of the batch if left out.
    """
    ids, types, positions, ends = (
        sent(each, device) for each in (batch.ids, batch.types, batch.positions, ends_of(batch, places))
    )
    return Laid(ids, types, positions, batch.lengths, ends, longest or max(batch.lengths))


def ends_of(batch: Packed, places: int = 0) -> Tensor:
    """Where each sequence begins, and at last where the last one ends, once for each place that is left over."""
    ends = list(accumulate(batch.lengths, initial=0))
    return torch.tensor(ends + ends[-1:] * (places + 1 - len(ends)), dtype=torch.int32)


def sent(tensor: Tensor, device: str) -> Tensor:
    """A copy on the device, or the tensor itself if it is there; a GPU need not be waited for."""
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
