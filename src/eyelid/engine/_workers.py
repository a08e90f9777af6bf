"""A few daemon threads on which calls run, each under a deadline.

Threads cannot be killed, so a call that hangs is abandoned: its future is answered, another thread takes its
place, and the hung one ends if the call ever returns. All threads are daemons: none keeps the interpreter
from leaving, but for the few seconds that it waits for what is under way.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any
from weakref import ReferenceType, ref

from eyelid.engine._exit import INTERPRETER, WorkerThread
from eyelid.engine._forks import in_every_fork
from eyelid.engine._futures import settle
from eyelid.errors import ConfigurationError, EngineError

#: Hung calls tolerated at a time. Beyond it calls are answered as late without being tried, so that a role
#: which always hangs does not fill the process with threads.
MAX_ABANDONED = 32


class _Answer(Future[Any]):
    """Of a job. Cancelling it reaches the promise that its thread left behind."""

    #: Weak, for the promise refers to the job by its callback: whoever is to keep the promise holds it.
    promise: ReferenceType[Future[Any]] | None = None
    unwanted = False

    def cancel(self) -> bool:
        self.unwanted = True
        promise = None if self.promise is None else self.promise()
        return super().cancel() if promise is None else promise.cancel()


class _Job:
    __slots__ = ("due", "future", "late", "seconds", "work")

    def __init__(self, work: Callable[[], Any], seconds: float, late: Callable[[], Any]) -> None:
        self.work = work
        self.seconds = seconds
        self.late = late
        self.due = math.inf
        self.future = _Answer()

    def answer(self, value: object) -> bool:
        """Answer the future, an error by raising; false if it was answered before."""
        if isinstance(value, BaseException):
            return settle(self.future, error=value)
        return settle(self.future, value)


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
            if self._threads < min(self._size, self._unfinished + 1):
                self._enlist()
            self._unfinished += 1
            self._queue.put(job)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for _ in range(self._threads):
                self._queue.put(None)
            self._changed.notify_all()

    def _enlist(self) -> None:
        """One more thread; where the system gives none, those that are there have to do."""
        try:
            thread = WorkerThread(target=lambda: self._serve(thread), name="eyelid-worker", daemon=True)
            thread.start()
        except RuntimeError as error:
            if not self._threads:
                raise EngineError("no thread can be started: a limit of the system is reached") from error
        else:
            self._threads += 1

    def _serve(self, thread: WorkerThread) -> None:
        while (job := self._queue.get()) is not None:
            thread.working = True
            kept = self._perform(job) if job.future.set_running_or_notify_cancel() else True
            self._leave(job, abandoned=not kept)
            thread.working = False
            if not kept:
                return  # another thread has taken this one's place
            del job  # an idle thread holds no content

    def _perform(self, job: _Job) -> bool:
        """Whether the thread is still wanted: false where the job was given up while it ran."""
        try:
            if not self._watch(job):
                return job.answer(job.late())
            made = job.work()
        except BaseException as error:  # noqa: BLE001  it belongs to whoever waits; the thread goes on
            made = error
        if isinstance(made, Future):
            return self._promised(job, made)
        return job.answer(made)

    def _promised(self, job: _Job, promise: Future[Any]) -> bool:
        """The answer comes later; the thread goes on and the watch stays."""
        with self._changed:
            given_up = job not in self._running
            if not given_up:
                job.future.promise = ref(promise)
        if given_up:
            promise.cancel()
            return False
        promise.add_done_callback(lambda done: self._kept(job, done))
        if job.future.unwanted:  # since it was begun
            promise.cancel()
        return True

    def _kept(self, job: _Job, promise: Future[Any]) -> None:
        with self._changed:
            self._running.discard(job)
        error = CancelledError() if promise.cancelled() else promise.exception()
        job.answer(promise.result() if error is None else error)

    def _watch(self, job: _Job) -> bool:
        """Start the clock of a job; false where too many hang already, or too little time is left, to try another."""
        with self._changed:
            if self._abandoned >= MAX_ABANDONED or INTERPRETER.ending:
                return False
            if not self._watched:
                threading.Thread(target=self._expire, name="eyelid-worker", daemon=True).start()
                self._watched = True
            job.due = time.monotonic() + job.seconds
            self._running.add(job)
            if job.due < self._wake:
                self._changed.notify_all()
            return True

    def _leave(self, job: _Job, *, abandoned: bool) -> None:
        with self._changed:
            if job.future.promise is None:
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
                    self._watched = False  # what was queued before may still begin
                    return
                now = time.monotonic()
                if self._wake > now:
                    self._changed.wait(None if self._wake == math.inf else self._wake - now)
                    continue
                late = [job for job in self._running if job.due <= now]
                self._running.difference_update(late)
            for job in late:  # without the lock: what makes the answer may have locks of its own
                self._abandon(job)

    def _abandon(self, job: _Job) -> None:
        if not job.answer(job.late()):
            return  # it came back in this very moment
        if job.future.promise is not None:
            if (promise := job.future.promise()) is not None:
                promise.cancel()  # no thread is held; what has not begun need not
            return
        with self._changed:
            self._unfinished -= 1
            self._abandoned += 1
            self._threads -= 1
            with suppress(EngineError):  # the next one who asks for work tries again
                self._enlist()


class Workers:
    """Runs callables on daemon threads; starts lazily, and afresh in a forked child."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._closed = False
        self._lock = threading.Lock()
        self._crew: _Crew | None = None
        in_every_fork(self, Workers._forget)

    def submit(self, work: Callable[[], Any], *, seconds: float, late: Callable[[], Any]) -> Future[Any]:
        """Run `work` on a thread. The clock starts when a thread takes it up, not while it queues.

        Args:
            work: what it raises, its future raises. It may return a future: the thread is then free, and the clock
                runs on until that future is done.
            seconds: after which the future is answered by `late()` instead.
            late: makes the answer for a call that hangs.

        Raises:
            ConfigurationError: the workers are closed.
            EngineError: the system gives no thread, and there is none.
        """
        job = _Job(work, seconds, late)
        self._present().submit(job)
        return job.future

    def close(self) -> None:
        """Let the threads end; what is running is finished first. Safe to call twice."""
        with self._lock:
            self._closed = True
            if self._crew is not None:
                self._crew.close()

    def _present(self) -> _Crew:
        with self._lock:
            if self._crew is None:
                self._crew = _Crew(self._size)
                if self._closed:
                    self._crew.close()
                weakref.finalize(self, self._crew.close).atexit = False
            return self._crew

    def _forget(self) -> None:
        self._lock, self._crew = threading.Lock(), None
