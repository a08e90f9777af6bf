"""Texts that say the same: equal after normalising, or nearly so by the character n-grams that they share."""

from __future__ import annotations

import unicodedata
import zlib

import numpy as np
import numpy.typing as npt

from eyelid.errors import ConfigurationError

#: MinHash (Broder 1997) with the lowest eight bits of each hash (Li and König 2010): of 128, as large a share is equal
#: in two texts as they share n-grams, give or take 0.035. What comes within `_MARGIN` of the threshold is compared
#: exactly, so that nothing is taken for a duplicate wrongly and one in some thousand is missed.
_HASHES, _MARGIN = 128, 0.12
_PRIME = (1 << 31) - 1
_drawn = np.random.default_rng(20240403)
_FACTORS = _drawn.integers(1, _PRIME, size=(_HASHES, 1), dtype=np.uint64)
_SHIFTS = _drawn.integers(0, _PRIME, size=(_HASHES, 1), dtype=np.uint64)


class _Words(dict[int, str]):
    """Character → itself within words, and a space elsewhere; looked up once for each character there is."""

    def __missing__(self, code: int) -> str:
        found = chr(code) if unicodedata.category(chr(code))[0] in "LMN" else " "
        self[code] = found
        return found


_WORDS = _Words()


def normalised(text: str) -> str:
    """Letters, their marks and numbers in one case, with single spaces between words."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_WORDS).split())


def similarity(one: str, other: str, *, n: int = 4) -> float:
    """The share of character n-grams that two texts have in common (Jaccard), in [0, 1], after normalising."""
    return _jaccard(_ngrams(normalised(one), n), _ngrams(normalised(other), n))


class Seen:
    """Finds texts that were there before, exactly or nearly. Takes some 300 bytes for each text beside the text itself.

    Args:
        threshold: from which similarity on a text counts as the same, in (0, 1]; 1 for equal ones alone.
        n: characters of an n-gram.

    Raises:
        ConfigurationError: a number out of range.
    """

    def __init__(self, *, threshold: float = 0.8, n: int = 4) -> None:
        if not 0.0 < threshold <= 1.0:
            raise ConfigurationError(f"near is {threshold!r}; it must be above 0 and at most 1")
        if n < 1:
            raise ConfigurationError(f"an n-gram of {n!r} characters is none")
        self._threshold, self._n = threshold, n
        self._texts: list[str] = []
        self._exact: set[str] = set()
        self._hashes = np.empty((1024, _HASHES), np.uint8)

    def add(self, text: str) -> str:
        """Take in a text unless it was there before.

        Returns:
            "" where it is new, "exact" or "near" where not, "empty" where it has no letter or digit.
        """
        plain = normalised(text)
        if not plain:
            return "empty"
        if plain in self._exact:
            return "exact"
        if self._threshold < 1.0:
            grams = _ngrams(plain, self._n)
            hashes = _hashes(grams)
            if self._is_near(grams, hashes):
                return "near"
            self._note(plain, hashes)
        self._exact.add(plain)
        return ""

    def _is_near(self, grams: frozenset[str], hashes: npt.NDArray[np.uint8]) -> bool:
        equal = np.count_nonzero(self._hashes[: len(self._texts)] == hashes, axis=1)
        (close,) = np.nonzero(equal >= (self._threshold - _MARGIN) * _HASHES)
        return any(_jaccard(grams, _ngrams(self._texts[place], self._n)) >= self._threshold for place in close)

    def _note(self, plain: str, hashes: npt.NDArray[np.uint8]) -> None:
        if len(self._texts) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[len(self._texts)] = hashes
        self._texts.append(plain)


def _ngrams(plain: str, n: int) -> frozenset[str]:
    return frozenset(plain[start : start + n] for start in range(max(1, len(plain) - n + 1)))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _hashes(grams: frozenset[str]) -> npt.NDArray[np.uint8]:
    """The smallest of all n-grams under each hash."""
    codes = np.fromiter((zlib.crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams), np.uint64, len(grams))
    smallest: npt.NDArray[np.uint64] = ((codes % _PRIME * _FACTORS + _SHIFTS) % _PRIME).min(axis=1)
    return smallest.astype(np.uint8)
