"""Keys and values of the sequences that were scored last, so that a longer one costs only what is new.

Who asks need not know: the same tokens with more behind them are found by their beginning. Knows no tensors: it
says where in the pool something lies, and what is to be copied.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from eyelid.models._kv_prefixes import BLOCK, Prefixes, Stored
from eyelid.models._kv_slots import Slots

#: Of a stored sequence so many tokens may be given up to lengthen it in place: a text that grows changes its last ones.
_LOST = 8
#: Room is taken in steps of so many tokens.
_STEP = 64


@dataclass(frozen=True, slots=True)
class Lease:
    """Leave to write one sequence.

    Args:
        stored: where; `None` where there is no room, and all of it has to be computed.
        past: tokens at its beginning that are there already.
    """

    stored: Stored | None
    past: int


class StateStore:
    """Bounded; what was used longest ago goes first. Safe to use from several threads.

    Args:
        places: tokens that fit into the pool.
        copy: copies tokens within the pool: from, to, how many.
    """

    def __init__(self, places: int, copy: Callable[[int, int, int], None]) -> None:
        self._copy, self._places = copy, places
        self._slots = Slots(places)
        self._prefixes = Prefixes()
        self._used: OrderedDict[Stored, None] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._used)

    @property
    def free(self) -> int:
        """Tokens for which there is room without giving anything up."""
        return self._slots.free

    def known(self, tokens: array[int], owner: str = "") -> int:
        """Tokens at the beginning that need not be computed; never all, for the last one is asked about."""
        with self._lock:
            return min(self._prefixes.longest(tokens, owner)[1], len(tokens) - 1)

    def lease(self, tokens: array[int], owner: str = "") -> Lease:
        """Where to write the sequence, with as much of its beginning there as is known.

        A stored beginning is lengthened in place if nobody else does so and no more than a few tokens are lost;
        otherwise it is copied.
        """
        with self._lock:
            found, past = self._prefixes.longest(tokens, owner)
            past = min(past, len(tokens) - 1)
            if found is not None and not found.busy and len(found.tokens) - past <= _LOST:
                found.busy = True
                self._prefixes.shorten(found, past)
                if self._lengthen(found, len(tokens)):
                    return Lease(found, past)
                self._drop(found)
                return Lease(None, 0)
            stored = self._new(len(tokens), owner, beside=found)
            if stored is None:
                return Lease(None, 0)
            if found is not None and past:
                self._copy(found.start, stored.start, past)
            return Lease(stored, past)

    def commit(self, lease: Lease, tokens: array[int], keep: int) -> None:
        """The tokens are written; the first so many of them are worth keeping."""
        stored = lease.stored
        if stored is None:
            return
        with self._lock:
            stored.busy = False
            stored.tokens = tokens[: max(keep, lease.past)]
            if len(stored.tokens) < BLOCK:  # it could never be found again
                self._drop(stored)
                return
            self._prefixes.add(stored)
            self._used[stored] = None
            self._used.move_to_end(stored)

    def abandon(self, lease: Lease) -> None:
        """The pass failed: what was there before stays, what was new is forgotten."""
        if lease.stored is None:
            return
        with self._lock:
            lease.stored.busy = False
            if lease.stored not in self._used:
                self._drop(lease.stored)

    def _new(self, tokens: int, owner: str, beside: Stored | None) -> Stored | None:
        """An empty place for so many tokens, without giving up the one that is to be copied."""
        room = _rounded(tokens)
        start = self._make_room(room, beside)
        return None if start is None else Stored(start, room, owner, busy=True)

    def _lengthen(self, stored: Stored, tokens: int) -> bool:
        """Room for so many tokens where it lies, or elsewhere; more than asked for, because what grows goes on."""
        if tokens <= stored.room:
            return True
        room = _rounded(tokens * 3 // 2)
        if self._slots.lengthen(stored.start + stored.room, room - stored.room):
            stored.room = room
            return True
        start = self._make_room(room, None)
        if start is None:
            return False
        self._copy(stored.start, start, len(stored.tokens))
        self._slots.give(stored.start, stored.room)
        stored.start, stored.room = start, room
        return True

    def _make_room(self, room: int, beside: Stored | None) -> int | None:
        if room > self._places:
            return None
        while (start := self._slots.take(room)) is None:
            oldest = next((old for old in self._used if not old.busy and old is not beside), None)
            if oldest is None:
                return None
            self._drop(oldest)
        return start

    def _drop(self, stored: Stored) -> None:
        self._prefixes.shorten(stored, 0)
        self._used.pop(stored, None)
        self._slots.give(stored.start, stored.room)


def _rounded(tokens: int) -> int:
    return -(-tokens // _STEP) * _STEP
