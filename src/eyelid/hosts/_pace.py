"""Many calls, of which only so many are under way at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from eyelid.engine import after, in_every_fork

T = TypeVar("T")


class Pace:
    """Begins calls in the order in which they come, and holds back those that are too many.

    How long a call may take counts from when it begins, so a batch may be of any size.

    Args:
        most: calls under way at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._anew()
        in_every_fork(self, Pace._anew)

    def submit(self, begin: Callable[[], Future[T]]) -> Future[T]:
        """The future of a call; cancelling it cancels the call, or lets it never begin."""
        gate: Future[None] = Future()
        call: Future[T] = after([gate], lambda _: begin())
        call.add_done_callback(lambda _: self._ended(gate))
        with self._lock:
            self._waiting.append(gate)
        self._go_on()
        return call

    def _anew(self) -> None:
        self._lock, self._left, self._opening = threading.Lock(), self._most, False
        self._waiting: deque[Future[None]] = deque()

    def _ended(self, gate: Future[None]) -> None:
        with self._lock:
            self._left += not gate.cancelled()  # one that was cancelled took no place
        self._go_on()

    def _go_on(self) -> None:
        with self._lock:
            if self._opening:  # by a call further up, or by another thread: it sees what has changed
                return
            self._opening = True
        while (gate := self._next()) is not None:
            gate.set_result(None)

    def _next(self) -> Future[None] | None:
        with self._lock:
            while self._left and self._waiting:
                gate = self._waiting.popleft()
                if gate.set_running_or_notify_cancel():
                    self._left -= 1
                    return gate
            self._opening = False
            return None
