"""CUDA graphs over packed tokens: small passes are replayed, not launched kernel by kernel.

A graph is of fixed shapes, so tokens are padded up to one of a few counts; what is added is a sequence of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from eyelid.models._attention import starts_and_end
from eyelid.models._packed import Packed

#: Tokens of the graphs: every multiple of the step, up to the last. Above, the GPU is busy longer than the launches.
_STEP, _LAST = 256, 2048
#: Sequences in a graph, for each of its tokens: shorter ones on average are launched plainly.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Laid:
    """A batch on its device.

    Args:
        ids, types, positions: of each token, as in `Packed`.
        lengths: tokens of each sequence, ascending; for attention without a ragged kernel.
        ends: where each sequence begins, and at last where the last one ends, int32; for the ragged kernel.
        longest: tokens that no sequence exceeds; for the ragged kernel.
    """

    ids: Tensor
    types: Tensor
    positions: Tensor
    lengths: list[int] = field(default_factory=list)
    ends: Tensor | None = None
    longest: int = 0


class Graphs:
    """Runs packed batches on a GPU, the small ones by graphs that are captured as they are needed.

    Args:
        forward: from a batch on the device to its hidden states; always the same kernels for the same shapes.
        device: as torch names it.
        longest: tokens that no sequence exceeds.
    """

    def __init__(self, forward: Callable[[Laid], Tensor], device: str, *, longest: int) -> None:
        self._forward, self._device, self._longest = forward, device, longest
        self._captured: dict[int, tuple[torch.cuda.CUDAGraph, Laid, Tensor]] = {}
        self._pool = torch.cuda.graph_pool_handle()
        # The tensors of a graph are the same for every replay.
        self._lock = threading.Lock()

    def __call__(self, batch: Packed) -> Tensor:
        """Hidden states, shape [tokens, hidden], on the device."""
        size = bucket(batch)
        if size is None:
            return self._forward(self._lay(batch, len(batch.lengths) + 1, max(batch.lengths)))
        with self._lock, torch.cuda.device(self._device):
            padded = batch.padded(size)
            if size not in self._captured:
                self._captured[size] = self._capture(padded, size)
            graph, laid, hidden = self._captured[size]
            self._fill(laid, padded)
            graph.replay()
            return hidden[: len(batch.ids)].clone()

    def _capture(self, batch: Packed, size: int) -> tuple[torch.cuda.CUDAGraph, Laid, Tensor]:
        laid = self._lay(batch, size // _SHORTEST + 1, max(self._longest, _STEP))
        side = torch.cuda.Stream(self._device)
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):  # libraries set themselves up in the first passes; that is not to be captured
            self._forward(laid)
            self._forward(laid)
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # One pool for all: they never run side by side.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            hidden = self._forward(laid)
        return graph, laid, hidden

    def _lay(self, batch: Packed, places: int, longest: int) -> Laid:
        ids, types, positions = (_sent(t, self._device) for t in (batch.ids, batch.types, batch.positions))
        ends = _sent(_ends(batch, places), self._device)
        return Laid(ids, types, positions, ends=ends, longest=longest)

    def _fill(self, laid: Laid, batch: Packed) -> None:
        assert laid.ends is not None
        for there, here in (
            (laid.ids, batch.ids),
            (laid.types, batch.types),
            (laid.positions, batch.positions),
            (laid.ends, _ends(batch, len(laid.ends))),
        ):
            there.copy_(here.pin_memory(), non_blocking=True)


def bucket(batch: Packed) -> int | None:
    """Tokens of the graph for a batch; nothing where it has to be launched plainly."""
    size = -(-len(batch.ids) // _STEP) * _STEP
    fits = size <= _LAST and len(batch.lengths) + (size > len(batch.ids)) <= size // _SHORTEST
    return size if fits else None


def _ends(batch: Packed, places: int) -> Tensor:
    """Where each sequence begins and ends; those that a graph has room for beyond them are empty."""
    ends = starts_and_end(batch.lengths)
    return torch.tensor(ends + ends[-1:] * (places - len(ends)), dtype=torch.int32)


def _sent(tensor: Tensor, device: str) -> Tensor:
    return tensor.pin_memory().to(device, non_blocking=True)
