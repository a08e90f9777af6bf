"""Which work goes into the next pass. Pure: no torch, no threads, no clock; times are passed in.

It is asked when the device is free and never waits for more to come. Streams go first, then fair shares between
callers, and each caller's own work by deadline.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from eyelid.engine._claim import Claim
from eyelid.engine._item import Item, Limits, Runner
from eyelid.errors import OverloadedError

#: How long urgent work goes ahead of other work, in seconds; what has waited longer is not overtaken.
HEAD_START = 2.0


@dataclass(slots=True, eq=False)
class Entry:
    """An item in the queue or under way, and who waits for it."""

    item: Item
    claim: Claim
    arrived: float
    waiters: list[Any] = field(default_factory=list)
    expires: float = math.inf
    taken: bool = False
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.expires = self.claim.deadline
        self.hurry(self.claim)

    def hurry(self, claim: Claim) -> None:
        """Be as urgent as this claim."""
        self.claim = claim
        self.due = min(claim.deadline, self.arrived + (0.0 if claim.urgent else HEAD_START))


@dataclass(frozen=True, slots=True)
class Batch:
    """One pass.

    Args:
        runner: the model.
        entries: what it evaluates together.
        lapsed: what was found to be too late on the way, of any runner; not to be evaluated.
    """

    runner: Runner | None
    entries: list[Entry]
    lapsed: list[Entry]


class Scheduler:
    """The queue of one device.

    Args:
        limits: how much may wait.
        wanted: whether anyone still waits for an entry; one that nobody wants is dropped.
    """

    def __init__(self, limits: Limits, wanted: Callable[[Entry], bool] = lambda entry: True) -> None:
        self._limits = limits
        self._wanted = wanted
        self._lines: dict[Runner, tuple[_Line, _Line]] = {}
        self._flying: dict[tuple[Runner, Hashable], Entry] = {}
        self.items = self.tokens = self.size = 0

    @property
    def runners(self) -> Iterable[Runner]:
        """The models that have work waiting."""
        return self._lines.keys()

    def room(self, item: Item) -> bool:
        """Whether an item may join the queue; into an empty one any may."""
        return not self.items or (
            self.items < self._limits.items
            and self.size + item.size <= self._limits.size
            and self.tokens + item.tokens <= self._limits.tokens
        )

    def add(self, entry: Entry, *, anyway: bool = False) -> None:
        """Queue an entry.

        Raises:
            OverloadedError: there is no room, and it is not to be added `anyway`.
        """
        item = entry.item
        if not anyway and not self.room(item):
            raise OverloadedError(f"the queue is full: {self.items} items, {self.tokens} tokens, {self.size} bytes")
        self.items += 1
        self.tokens += item.tokens
        self.size += item.size
        self._line(entry).push(entry)
        if item.key is not None:
            self._flying[item.runner, item.key] = entry

    def join(self, item: Item, claim: Claim, waiter: object) -> Entry | None:
        """Wait for the same work where it is queued or under way already, and get its entry."""
        if item.key is None or (entry := self._flying.get((item.runner, item.key))) is None:
            return None
        entry.waiters.append(waiter)
        entry.expires = max(entry.expires, claim.deadline)
        if not entry.taken and ((claim.urgent and not entry.claim.urgent) or claim.deadline < entry.claim.deadline):
            # It moves forward; where it stood before it is passed over.
            entry.hurry(replace(claim, urgent=claim.urgent or entry.claim.urgent))
            self._line(entry).push(entry)
        return entry

    def take(self, now: float, budget: Callable[[Runner], int], idle: int = 1) -> Batch:
        """The next pass: empty if there is nothing to do.

        Args:
            now: the time, in the seconds of the deadlines.
            budget: tokens of one pass of a runner; a larger item goes alone.
            idle: workers that are free, this one included: they share what there is.
        """
        lapsed: list[Entry] = []
        heads = [
            (head.due, number, runner)
            for number, (runner, lines) in enumerate(self._lines.items())
            for line in lines
            if (head := self._head(line, now, lapsed))
        ]
        if not heads:
            self._lines.clear()
            return Batch(None, [], lapsed)
        runner = min(heads)[2]
        entries = list(self._fill(runner, now, budget(runner), idle, lapsed))
        return Batch(runner, entries, lapsed)

    def finish(self, entry: Entry) -> None:
        """An entry is answered: later ones of its key begin anew."""
        place = (entry.item.runner, entry.item.key)
        if self._flying.get(place) is entry:
            del self._flying[place]

    def drain(self) -> list[Entry]:
        """Everything that waits, taken out."""
        drained = self.take(-math.inf, lambda runner: 2**62).entries
        while more := self.take(-math.inf, lambda runner: 2**62).entries:
            drained += more
        return drained

    def _fill(self, runner: Runner, now: float, budget: int, idle: int, lapsed: list[Entry]) -> Iterator[Entry]:
        lines = self._lines[runner]
        allowed = min(budget, math.ceil(sum(line.tokens for line in lines) / idle))
        heads = {line: head for line in lines if (head := self._head(line, now, lapsed))}
        used = 0
        while heads:
            line = min(heads, key=lambda line: heads[line].due)
            entry = heads.pop(line)
            if not entry.taken:  # one that moved forward may head both lines
                if used and used + entry.item.tokens > allowed:
                    break
                used += entry.item.tokens
                yield self._pop(line, entry)
            if head := self._head(line, now, lapsed):
                heads[line] = head

    def _head(self, line: _Line, now: float, lapsed: list[Entry]) -> Entry | None:
        """The first entry of a line that is to be evaluated; those before it are taken out."""
        while (entry := line.peek()) is not None:
            if entry.taken:
                line.pop(charge=False)
            elif not self._wanted(entry):
                self._pop(line, entry, charge=False)
                self.finish(entry)
            elif entry.expires < now:
                lapsed.append(self._pop(line, entry, charge=False))
                self.finish(entry)
            else:
                return entry
        return None

    def _pop(self, line: _Line, entry: Entry, *, charge: bool = True) -> Entry:
        line.pop(charge=charge)
        entry.taken = True
        self.items -= 1
        self.tokens -= entry.item.tokens
        self.size -= entry.item.size
        return entry

    def _line(self, entry: Entry) -> _Line:
        runner = entry.item.runner
        if runner not in self._lines:
            self._lines[runner] = (_Line(), _Line())
        return self._lines[runner][not entry.claim.urgent]


class _Line:
    """Callers in turn, by the tokens they have had (start-time fair queueing); a caller's own entries by deadline."""

    def __init__(self) -> None:
        self._own: dict[str, list[tuple[float, int, Entry]]] = {}
        self._turns: list[tuple[float, int, str]] = []
        self._served: dict[str, float] = {}
        self._time = 0.0
        self._number = count()
        self.tokens = 0

    def push(self, entry: Entry) -> None:
        caller = entry.claim.caller
        if caller not in self._own:
            self._own[caller] = []
            start = max(self._time, self._served.pop(caller, 0.0))
            heapq.heappush(self._turns, (start, next(self._number), caller))
        heapq.heappush(self._own[caller], (entry.due, next(self._number), entry))
        self.tokens += entry.item.tokens

    def peek(self) -> Entry | None:
        return self._own[self._turns[0][2]][0][2] if self._turns else None

    def pop(self, *, charge: bool) -> None:
        """Take the first entry out; its caller has had its tokens, unless nothing was done for it."""
        start, number, caller = self._turns[0]
        _, _, entry = heapq.heappop(self._own[caller])
        self.tokens -= entry.item.tokens
        if charge:
            self._time = start
            start += entry.item.tokens
        if self._own[caller]:
            heapq.heapreplace(self._turns, (start, number, caller))
            return
        heapq.heappop(self._turns)
        del self._own[caller]
        if not self._turns:
            self._served.clear()  # nobody waits: all begin anew
        elif start > self._time:
            self._served[caller] = start
