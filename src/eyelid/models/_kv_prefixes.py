"""Which stored token sequence shares the longest beginning with a new one. Knows no tensors."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

#: Tokens of a block; a shared beginning is found if it is at least this long.
BLOCK = 16
#: Of the sequences that share as many blocks, so many are compared, the latest first.
_COMPARED = 8


@dataclass(slots=True, eq=False)
class Stored:
    """A sequence whose keys and values are kept.

    Args:
        start, room: where they lie, in tokens of the pool.
        tokens: the ids that are encoded there.
        owner: whose it is; sequences of others are never found, so that nobody learns from the time an answer takes
            what somebody else has asked.
        busy: whether a pass writes behind them.
        keys: one for each full block, of all tokens up to its end.
    """

    start: int
    room: int
    owner: str = ""
    tokens: array[int] = field(default_factory=lambda: array("i"), repr=False)
    busy: bool = False
    keys: list[int] = field(default_factory=list, repr=False)


class Prefixes:
    """A hash chain over blocks of tokens, as in PagedAttention's prefix sharing (Kwon et al., arXiv 2309.06180).

    What is found is compared token by token: a collision of hashes costs time, never a wrong answer.
    """

    def __init__(self) -> None:
        self._holders: dict[int, dict[Stored, None]] = {}

    def add(self, stored: Stored) -> None:
        """Take a sequence up, or its tokens that are new."""
        stored.keys = list(_chain(stored.tokens, stored.owner))
        for key in stored.keys:
            holders = self._holders.setdefault(key, {})
            holders.pop(stored, None)  # so that the latest are the last
            holders[stored] = None

    def shorten(self, stored: Stored, length: int) -> None:
        """Forget all but the first `length` tokens of a sequence."""
        for key in stored.keys[length // BLOCK :]:
            del self._holders[key][stored]
            if not self._holders[key]:
                del self._holders[key]
        del stored.keys[length // BLOCK :], stored.tokens[length:]

    def longest(self, tokens: array[int], owner: str = "") -> tuple[Stored | None, int]:
        """The holder of the longest common beginning of one owner, if any, and how long that is."""
        found: dict[Stored, None] = {}
        blocks = 0
        for blocks, key in enumerate(_chain(tokens, owner)):  # noqa: B007  it is needed after the loop
            if key not in self._holders:
                break
            found = self._holders[key]
        else:
            blocks += 1
        shared = blocks * BLOCK
        latest = (stored for stored in islice(reversed(found), _COMPARED) if stored.owner == owner)
        compared = {stored: _common(stored.tokens, tokens, shared) for stored in latest}
        # Among equals an idle one, and of these the one that goes on for least: it may be lengthened where it lies.
        best = max(compared, key=lambda s: (compared[s], not s.busy, -len(s.tokens)), default=None)
        return best, 0 if best is None else compared[best]


def _chain(tokens: array[int], owner: str) -> Iterator[int]:
    key = hash(owner)
    for start in range(0, len(tokens) - BLOCK + 1, BLOCK):
        key = hash((key, tokens[start : start + BLOCK].tobytes()))
        yield key


def _common(one: array[int], other: array[int], known: int) -> int:
    """Length of the common beginning, `known` of which is likely."""
    if one[:known] != other[:known]:
        known = 0
    most = min(len(one), len(other))
    return next((at for at in range(known, most) if one[at] != other[at]), most)
