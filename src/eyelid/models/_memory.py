"""A memory of requests: what the bare backbone finds similar, and how that was labelled.

k nearest neighbours (Cover and Hart 1967) over sentence embeddings. Training pulls an encoder towards its sources;
the bare backbone was never pulled, so the two err on different unseen requests.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
        labels: 1 harmful, 0 not, shape [requests].
    """

    def __init__(self, projection: NDArray[np.floating], points: NDArray[np.int8], labels: NDArray[np.uint8]) -> None:
        self._projection = projection.astype(np.float32)
        self._points = points.astype(np.float32) / 127.0
        self._labels = labels.astype(np.float32)

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log odds of harm among the neighbours, within ±4.6.

        Args:
            embeddings: shape [requests, hidden].

        Returns:
            Shape [requests].
        """
        similar = project(embeddings, self._projection) @ self._points.T
        near = np.argpartition(-similar, min(_NEIGHBOURS, similar.shape[1]) - 1, axis=1)[:, :_NEIGHBOURS]
        weights = np.exp((np.take_along_axis(similar, near, axis=1) - 1.0) / _TEMPERATURE)
        even = _EVEN * np.exp((_EVEN_AT - 1.0) / _TEMPERATURE)
        share = ((weights * self._labels[near]).sum(axis=1) + even / 2) / (weights.sum(axis=1) + even)
        share = np.clip(share, 1 - _SUREST, _SUREST)
        return np.asarray(np.log(share / (1 - share)), dtype=np.float32)


def project(embeddings: NDArray[np.float32], projection: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors along the principal directions, shape [requests, dimensions]."""
    placed = embeddings @ projection.T
    return np.asarray(placed / np.maximum(np.linalg.norm(placed, axis=1, keepdims=True), 1e-6), dtype=np.float32)
