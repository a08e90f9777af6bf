"""What was made of prompts before, so that the pieces of a stream do not have theirs scored again and again."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from contextlib import suppress

#: Prompts that are kept: a digest and a number each.
_MOST = 4096


class AskedBefore:
    """A bounded memory of prompts: how harmful each was, as a logit. Holds no text. May be used by many threads."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, prompt: str) -> float | None:
        """What was made of a prompt, if that is remembered."""
        key = _digest(prompt)
        found = self._known.get(key)
        with suppress(KeyError):  # not known, or just forgotten by another thread
            self._known.move_to_end(key)
        return found

    def put(self, prompt: str, logit: float) -> None:
        """Remember; the prompt that was asked for longest ago is forgotten. What is not a number is not kept."""
        if not math.isfinite(logit):
            return
        self._known[_digest(prompt)] = logit
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _digest(prompt: str) -> bytes:
    return hashlib.blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
