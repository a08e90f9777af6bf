"""CUDA graphs over packed tokens: small passes are replayed, not launched kernel by kernel.

A graph is of fixed shapes, so tokens are padded up to one of a few counts; what is added is a sequence of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from eyelid.models._laid import Laid, ends_of, lay
from eyelid.models._packed import Packed

#: Tokens of the graphs: every multiple of the step, up to the last. Above, the GPU is busy longer than the launches.
_STEP, _LAST = 256, 2048
#: Tokens of a sequence in a graph, on average; where they are shorter the batch is launched plainly.
_SHORTEST = 8


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
            return self._forward(lay(batch, self._device))
        with self._lock, torch.cuda.device(self._device):
            padded = batch.padded(size)
            if size not in self._captured:
                self._captured[size] = self._capture(in_bucket(padded, self._device, self._longest))
            graph, laid, hidden = self._captured[size]
            _refill(laid, padded)
            graph.replay()
            return hidden[: len(batch.ids)].clone()

    def _capture(self, laid: Laid) -> tuple[torch.cuda.CUDAGraph, Laid, Tensor]:
        here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        beside.wait_stream(here)
        with torch.cuda.stream(beside):  # libraries set themselves up in the first pass; that is not to be captured
            self._forward(laid)
        here.wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        # One pool for all: they never run side by side. Other threads may be at work with the GPU meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            hidden = self._forward(laid)
        return graph, laid, hidden


def bucket(batch: Packed) -> int | None:
    """Tokens of the graph for a batch; nothing where it has to be launched plainly."""
    size = -(-len(batch.ids) // _STEP) * _STEP
    fits = size <= _LAST and len(batch.lengths) + (size > len(batch.ids)) <= size // _SHORTEST
    return size if fits else None


def in_bucket(padded: Packed, device: str, longest: int) -> Laid:
    """The tensors of a graph: room for as many sequences as any batch of so many tokens has."""
    return lay(padded, device, places=len(padded.ids) // _SHORTEST, longest=max(longest, _STEP))


def _refill(laid: Laid, batch: Packed) -> None:
    for there, here in (
        (laid.ids, batch.ids),
        (laid.types, batch.types),
        (laid.positions, batch.positions),
        (laid.ends, ends_of(batch, len(laid.ends) - 1)),
    ):
        there.copy_(here.pin_memory(), non_blocking=True)
