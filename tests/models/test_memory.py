"""The memory of requests."""

import numpy as np
import torch

from eyelid.models import RequestMemory, project

RNG = np.random.default_rng(0)
PROJECTION = np.linalg.qr(RNG.normal(size=(384, 16)))[0].T.astype(np.float32)


def cluster(center: np.ndarray, count: int) -> np.ndarray:
    return (center + 0.05 * RNG.normal(size=(count, 384))).astype(np.float32)


def memory_of(embeddings: np.ndarray, labels: list[int]) -> RequestMemory:
    points = np.round(project(embeddings, PROJECTION) * 127).astype(np.int8)
    return RequestMemory(torch.from_numpy(PROJECTION), torch.from_numpy(points), torch.tensor(labels))


def logits_of(memory: RequestMemory, embeddings: np.ndarray) -> np.ndarray:
    return memory.logits(torch.from_numpy(embeddings)).numpy()


def test_neighbours_decide() -> None:
    harmful, harmless = RNG.normal(size=(2, 384))
    memory = memory_of(np.concatenate((cluster(harmful, 40), cluster(harmless, 40))), [1] * 40 + [0] * 40)
    logits = logits_of(memory, np.concatenate((cluster(harmful, 5), cluster(harmless, 5))))
    assert (logits[:5] > 2).all()
    assert (logits[5:] < -2).all()


def test_what_is_like_nothing_is_even() -> None:
    center = PROJECTION[0].astype(np.float64) * 5
    memory = memory_of(cluster(center, 40), [1] * 40)
    far = -center[None].astype(np.float32)
    assert abs(float(logits_of(memory, far)[0])) < 0.1


def test_a_small_memory_and_a_zero_vector_are_taken() -> None:
    memory = memory_of(cluster(RNG.normal(size=384), 3), [1, 0, 1])
    assert np.isfinite(logits_of(memory, np.zeros((2, 384), dtype=np.float32))).all()
