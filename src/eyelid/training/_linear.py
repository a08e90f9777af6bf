"""The linear half of the detector: logistic regression on hashed n-grams, one for each head."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from eyelid._optional import require
from eyelid.models import BUCKETS, features
from eyelid.training._augment import epoch
from eyelid.training._data import TASKS, Example, Split

#: The heads that have a linear twin; refusing is left to the encoder.
LINEAR_TASKS = TASKS[:4]
_LONGEST = 4000  # characters of a text


def train_linear(split: Split, recipe: Mapping[str, Any], *, seed: int = 0, strength: float = 8.0) -> dict[str, Any]:
    """Fit one logistic regression for each head on one augmented epoch.

    Args:
        split: the examples.
        recipe: caps and augmentation.
        seed: of drawing and augmenting.
        strength: inverse of the L2 penalty.

    Returns:
        `weights`, float16 of shape [heads, 2 * BUCKETS], and `bias`, float32 of shape [heads].
    """
    require("train", "sklearn", "scipy")
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    examples = epoch(split, recipe, random.Random(seed + 77))
    weights = np.zeros((len(LINEAR_TASKS), 2 * BUCKETS), dtype=np.float16)
    bias = np.zeros(len(LINEAR_TASKS), dtype=np.float32)
    for head, task in enumerate(LINEAR_TASKS):
        rows = [e for e in examples if task in e.targets]
        matrix = _matrix(rows, csr_matrix)
        model = LogisticRegression(C=strength, solver="liblinear", class_weight="balanced", tol=1e-3)
        model.fit(matrix, [e.targets[task] > 0.5 for e in rows], sample_weight=[e.weight for e in rows])
        weights[head], bias[head] = model.coef_[0], model.intercept_[0]
    return {"weights": weights, "bias": bias}


def _matrix(rows: list[Example], csr_matrix: Any) -> Any:
    found = [features(e.text[:_LONGEST]) for e in rows]
    starts = np.cumsum([0, *(len(buckets) for buckets, _ in found)])
    return csr_matrix(
        (np.concatenate([v for _, v in found]), np.concatenate([b for b, _ in found]), starts),
        shape=(len(rows), 2 * BUCKETS),
    )
