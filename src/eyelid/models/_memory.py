"""A memory of requests: what the bare backbone finds similar, and how that was labelled.

k nearest neighbours (Cover and Hart 1967) over sentence embeddings. Training pulls an encoder towards its sources;
the bare backbone was never pulled, so the two err on different unseen requests.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_NEIGHBOURS = 30
_TEMPERATURE = 0.1
#: A neighbour that is undecided, at this similarity: far from everything, the memory says "even".
_EVEN, _EVEN_AT = 0.02, 0.5
_SUREST = 0.99


class RequestMemory:
    """Labelled embeddings, projected and quantised.

    Args:
        projection: principal directions, shape [dimensions, hidden].
        points: unit vectors times 127, int8, shape [requests, dimensions].
        labels: 1 harmful, 0 not, uint8, shape [requests].
        device: where it is looked up, as torch names it.
    """

    def __init__(self, projection: Tensor, points: Tensor, labels: Tensor, *, device: str = "cpu") -> None:
        self._projection = projection.to(device, torch.float32)
        self._points = points.to(device, torch.float32).div_(127.0)
        self._labels = labels.to(device, torch.float32)

    @torch.inference_mode()
    def logits(self, embeddings: Tensor) -> Tensor:
        """Log odds of harm among the neighbours, within ±4.6.

        Args:
            embeddings: shape [requests, hidden].

        Returns:
            Shape [requests].
        """
        similar = _projected(embeddings, self._projection) @ self._points.T
        nearest, near = similar.topk(min(_NEIGHBOURS, similar.shape[1]), dim=1, sorted=False)
        weights = ((nearest - 1.0) / _TEMPERATURE).exp()
        even = _EVEN * math.exp((_EVEN_AT - 1.0) / _TEMPERATURE)
        share = ((weights * self._labels[near]).sum(dim=1) + even / 2) / (weights.sum(dim=1) + even)
        return share.clamp(1 - _SUREST, _SUREST).logit()


def project(embeddings: NDArray[np.float32], projection: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors along the principal directions, shape [requests, dimensions]."""
    return np.asarray(_projected(torch.from_numpy(embeddings), torch.from_numpy(projection)))


def _projected(embeddings: Tensor, projection: Tensor) -> Tensor:
    placed = embeddings @ projection.T
    unit: Tensor = placed / placed.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return unit
