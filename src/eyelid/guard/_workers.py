"""A few daemon threads on which role calls run, each under a deadline.

Threads cannot be killed, so a call that hangs is abandoned: its future is answered, another thread takes its
place, and the hung one ends if the call ever returns. All threads are daemons: none keeps the interpreter
from leaving.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from queue import SimpleQueue
from typing import Any

from eyelid.errors import ConfigurationError

#: Hung calls tolerated at a time. Beyond it calls are answered as late without being tried, so that a role
#: which always hangs does not fill the process with threads.
MAX_ABANDONED = 32


class _Job:
    __slots__ = ("due", "future", "late", "seconds", "work")

    def __init__(self, work: Callable[[], Any], seconds: float, late: Callable[[], Any]) -> None:
        self.work = work
        self.seconds = seconds
        self.late = late
        self.due = math.inf
        self.future: Future[Any] = Future()

    def settle(self, value: object) -> bool:
        """Answer the future, an error by raising; false if it was answered before."""
        try:
            if isinstance(value, BaseException):
                self.future.set_exception(value)
            else:
                self.future.set_result(value)
        except InvalidStateError:
            return False
        return True


class _Crew:
    """The threads of one process. Holds no reference to `Workers`, so that this can be collected."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._running: set[_Job] = set()
        self._threads = 0
        self._unfinished = 0
        self._abandoned = 0
        self._wake = math.inf
        self._watched = False
        self._closed = False

    def submit(self, job: _Job) -> None:
        with self._changed:
            if self._closed:
                raise ConfigurationError("the guard is closed")
            self._unfinished += 1
            self._queue.put(job)
            if self._threads < min(self._size, self._unfinished):
                self._threads += 1
                self._start(self._serve)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for _ in range(self._threads):
                self._queue.put(None)
            self._changed.notify_all()

    def _start(self, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name="eyelid-worker", daemon=True).start()

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            kept = self._perform(job) if job.future.set_running_or_notify_cancel() else True
            self._finish(job, abandoned=not kept)
            if not kept:
                return  # another thread has taken this one's place
            del job  # an idle thread holds no content

    def _perform(self, job: _Job) -> bool:
        """Whether the job was answered in time."""
        if not self._watch(job):
            return job.settle(job.late())
        try:
            return job.settle(job.work())
        except KeyboardInterrupt as error:
            return job.settle(error)

    def _watch(self, job: _Job) -> bool:
        """Start the clock of a job; false where too many hang already for another to be tried."""
        with self._changed:
            if self._abandoned >= MAX_ABANDONED:
                return False
            job.due = time.monotonic() + job.seconds
            self._running.add(job)
            if not self._watched:
                self._watched = True
                self._start(self._expire)
            if job.due < self._wake:
                self._changed.notify_all()
            return True

    def _finish(self, job: _Job, *, abandoned: bool) -> None:
        with self._changed:
            self._running.discard(job)
            if abandoned:
                self._abandoned -= 1
            else:
                self._unfinished -= 1

    def _expire(self) -> None:
        while True:
            with self._changed:
                self._wake = min((job.due for job in self._running), default=math.inf)
                if self._closed and not self._running:
                    return
                now = time.monotonic()
                if self._wake > now:
                    self._changed.wait(None if self._wake == math.inf else self._wake - now)
                    continue
                for job in [job for job in self._running if job.due <= now]:
                    self._abandon(job)

    def _abandon(self, job: _Job) -> None:
        self._running.discard(job)
        if not job.settle(job.late()):
            return  # it came back in this very moment
        self._unfinished -= 1
        self._abandoned += 1
        self._start(self._serve)


class Workers:
    """Runs callables on daemon threads; starts lazily, and afresh in a forked child."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._pid = -1
        self._closed = False

    def submit(self, work: Callable[[], Any], *, seconds: float, late: Callable[[], Any]) -> Future[Any]:
        """Run `work` on a thread. The clock starts when a thread takes it up, not while it queues.

        Args:
            work: must not raise, except `KeyboardInterrupt`.
            seconds: after which the future is answered by `late()` instead.
            late: makes the answer for a call that hangs.

        Raises:
            ConfigurationError: the workers are closed.
        """
        job = _Job(work, seconds, late)
        self._present().submit(job)
        return job.future

    def close(self) -> None:
        """Let the threads end; what is running is finished first. Safe to call twice."""
        self._closed = True
        if self._pid == os.getpid():
            self._crew.close()

    def _present(self) -> _Crew:
        if self._pid != os.getpid():  # threads do not survive a fork, and locks may be held for ever
            self._crew = _Crew(self._size)
            if self._closed:
                self._crew.close()
            weakref.finalize(self, self._crew.close).atexit = False
            self._pid = os.getpid()
        return self._crew
