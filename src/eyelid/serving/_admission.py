"""Who may come in: bounds on requests, bytes and waiting time, shared between callers. Pure: times are passed in.

Nothing ever waits here. What would have to is refused at once, so that what was accepted is answered soon and the
others can go elsewhere.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from eyelid.serving._pace import Pace

Reason: TypeAlias = Literal["share", "requests", "bytes", "wait"]
#: What is held, what of it by the caller, what comes to it, and the bound.
_Bound: TypeAlias = tuple[Reason, float, float, float, float]

#: Bodies up to this size are mostly texts, above mostly images; the ones do not wait for the others.
SMALL = 64 * 1024
#: Requests of each of the two that are let in whatever the pace: about so many share a pass of a model.
ALWAYS = 16
#: Seconds for which a caller that came is one of those who share.
_REMEMBERED = 10.0
_LONGEST_RETRY = 30


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: "share" where the caller itself has too much under way, else what is full; when to try again."""

    reason: Reason
    retry_after: int


@dataclass(slots=True, eq=False)
class Ticket:
    """Leave to come in; to be given back at the end.

    Args:
        caller: whose request it is.
        size: bytes it holds.
        work: what the server has to do for it, in about kilobytes; none where the source sets the pace, as with
            streams.
        lane: 0 for small requests, 1 for large ones.
    """

    caller: str
    size: int
    work: float
    lane: int


@dataclass(slots=True)
class _Account:
    """What a caller has under way, in all and for each lane."""

    requests: int = 0
    size: int = 0
    work: list[float] = field(default_factory=lambda: [0.0, 0.0])
    in_lane: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, ticket: Ticket, sign: int) -> None:
        self.requests += sign
        self.size += sign * ticket.size
        self.work[ticket.lane] += sign * ticket.work
        self.in_lane[ticket.lane] += sign


class Admission:
    """The door.

    Args:
        max_requests: under way at a time.
        max_bytes: of them all.
        max_wait: seconds of work that may lie ahead of a request.
        caller_share: the part of each that one caller may take while there are others.
    """

    def __init__(self, *, max_requests: int, max_bytes: int, max_wait: float, caller_share: float) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._max_wait = max_wait
        self._share = caller_share
        self._accounts: dict[str, _Account] = {}
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._paces = (Pace(), Pace())
        self._all = _Account()

    @property
    def requests(self) -> int:
        """Requests under way."""
        return self._all.requests

    @property
    def size(self) -> int:
        """Bytes of the requests under way."""
        return self._all.size

    def admit(self, caller: str, size: int, now: float, *, paced: bool = True) -> Ticket | Refusal:
        """Let a request in, or say why not; `paced` is false where its source sets the pace."""
        self._note(caller, now)
        ticket = Ticket(caller, size, 1.0 + size / 1024 if paced else 0.0, int(size > SMALL))
        refusal = self._refusal(caller, self._bounds(ticket))
        if refusal is not None:
            return refusal
        self._accounts.setdefault(caller, _Account()).add(ticket, 1)
        self._all.add(ticket, 1)
        self._paces[ticket.lane].begin(ticket.work, now)
        return ticket

    def grow(self, ticket: Ticket, size: int) -> Refusal | None:
        """More bytes came than were announced: take them in too, or say why not."""
        mine = self._accounts[ticket.caller]
        refusal = self._refusal(ticket.caller, [("bytes", self._all.size, mine.size, size, self._max_bytes)])
        if refusal is None:
            ticket.size += size
            mine.size += size
            self._all.size += size
        return refusal

    def give_back(self, ticket: Ticket, now: float, *, done: bool) -> None:
        """The request is over; `done` is false where it was not worked on to its end."""
        mine = self._accounts[ticket.caller]
        mine.add(ticket, -1)
        self._all.add(ticket, -1)
        if not mine.requests:
            del self._accounts[ticket.caller]
        self._paces[ticket.lane].end(ticket.work, now, done=done)

    def _bounds(self, ticket: Ticket) -> Iterator[_Bound]:
        everything, mine = self._all, self._accounts.get(ticket.caller, _Account())
        yield "requests", everything.requests, mine.requests, 1, self._max_requests
        yield "bytes", everything.size, mine.size, ticket.size, self._max_bytes
        lane = ticket.lane
        # A bound in numbers below which the one in seconds does not count: a slow pass is no reason to be idle.
        room = max(self._paces[lane].work_in(self._max_wait), ALWAYS * ticket.work)
        if ticket.work:
            yield "wait", everything.work[lane], mine.work[lane], ticket.work, room

    def _refusal(self, caller: str, bounds: Iterator[_Bound] | list[_Bound]) -> Refusal | None:
        share = 1.0 if self._alone(caller) else self._share
        for reason, held, own, more, most in bounds:
            if own and own + more > share * most:
                return Refusal(reason if share == 1.0 else "share", self._retry_after())
            if held + more > most:
                return Refusal(reason, self._retry_after())
        return None

    def _retry_after(self) -> int:
        """Seconds in which what is under way will probably be done."""
        ahead = sum(pace.under_way / pace.work_in(1.0) for pace in self._paces)
        return min(_LONGEST_RETRY, max(1, math.ceil(ahead)))

    def _alone(self, caller: str) -> bool:
        return not any(other != caller for other in self._seen)

    def _note(self, caller: str, now: float) -> None:
        self._seen[caller] = now
        self._seen.move_to_end(caller)
        while now - next(iter(self._seen.values())) > _REMEMBERED:
            self._seen.popitem(last=False)
