"""Hashed word and character n-grams: what a linear model sees of a text.

It errs elsewhere than the encoder does, and it sees the words that the encoder's tokenizer turns into unknown
tokens. Feature hashing: Weinberger et al., arXiv 0902.2206.
"""

from __future__ import annotations

import re
import zlib

import numpy as np
from numpy.typing import NDArray

#: Buckets of each half, words and characters.
BUCKETS = 1 << 17
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SPACE = re.compile(r"\s+")
_LENGTHS = (3, 4, 5)


def features(text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Buckets and values of a text; each half has length 1.

    Returns:
        Ascending bucket numbers in [0, 2 * BUCKETS), and their values 1 + log(count), normalised.
    """
    folded = _SPACE.sub(" ", text.lower()).strip()
    words, chars = _count(_words(folded)), _count(_characters(folded))
    return np.concatenate((words[0], chars[0] + BUCKETS)), np.concatenate((words[1], chars[1]))


def _count(hashes: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    buckets, counts = np.unique(hashes & np.uint32(BUCKETS - 1), return_counts=True)
    values = (1.0 + np.log(counts)).astype(np.float32)
    norm = float(np.linalg.norm(values))
    return buckets.astype(np.int64), values / norm if norm else values


def _words(text: str) -> NDArray[np.uint32]:
    """One word and two."""
    one = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in _WORD.findall(text)], dtype=np.uint32)
    two = one[:-1] * np.uint32(2654435761) + one[1:] if len(one) > 1 else one[:0]
    return _mix(np.concatenate((one, two)))


def _characters(text: str) -> NDArray[np.uint32]:
    """Three to five characters, word boundaries included."""
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    parts = []
    for length in _LENGTHS:
        if len(codes) < length:
            continue
        value = np.full(len(codes) - length + 1, length, dtype=np.uint32)
        for offset in range(length):
            value = value * np.uint32(1000003) + codes[offset : offset + len(value)]
        parts.append(value)
    return _mix(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint32)


def _mix(value: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The finaliser of MurmurHash3, so that the low bits depend on all."""
    value = value ^ (value >> np.uint32(16))
    value = value * np.uint32(0x85EBCA6B)
    value = value ^ (value >> np.uint32(13))
    value = value * np.uint32(0xC2B2AE35)
    return value ^ (value >> np.uint32(16))


class LinearModel:
    """One weight for each bucket and head.

    Args:
        weights: shape [heads, 2 * BUCKETS].
        bias: shape [heads].
    """

    def __init__(self, weights: NDArray[np.floating], bias: NDArray[np.floating]) -> None:
        self._weights = np.ascontiguousarray(weights.T)  # in the precision of the file: few rows are ever read
        self._bias = bias.astype(np.float32, copy=True)

    def logits(self, text: str) -> NDArray[np.float32]:
        """Shape [heads]."""
        buckets, values = features(text)
        # Not a matrix product: numpy's would wake threads of its own for a long text.
        return np.asarray((values[:, None] * self._weights[buckets]).sum(axis=0, dtype=np.float32) + self._bias)
