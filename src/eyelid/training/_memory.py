"""Filling the memory of requests."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid.models import project
from eyelid.training._augment import style_request
from eyelid.training._data import Split, draw
from eyelid.training._embeddings import embeddings_of

_DIMENSIONS = 128
_LONGEST = 600  # characters of a request


def fill_memory(backbone: Path, parts: Split, recipe: Mapping[str, Any], *, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Embed one drawing of the training requests with the bare backbone.

    Args:
        backbone: folder of all-MiniLM-L6-v2.
        parts: the examples.
        recipe: caps and augmentation.
        seed: of drawing and augmenting.

    Returns:
        `projection` float16 [dimensions, hidden], `points` int8 [requests, dimensions], `labels` uint8 [requests].
    """
    rng = random.Random(seed + 55)
    drawn = [e for e in draw(parts.train["request"], recipe["request"], rng) if len(e.text) <= _LONGEST]
    texts = [style_request(e, recipe["augment"], rng).text for e in drawn]
    embeddings = embeddings_of(backbone, texts, as_request=True)
    projection = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)[2][:_DIMENSIONS]
    return {
        "projection": projection.astype(np.float16),
        "points": np.round(project(embeddings, projection.astype(np.float32)) * 127).astype(np.int8),
        "labels": np.array([e.targets["request"] > 0.5 for e in drawn], dtype=np.uint8),
    }
