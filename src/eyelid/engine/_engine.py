"""The engine: all model work of a process on one device, for every guard, thread and event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from eyelid.engine._budgets import Budgets, sweep
from eyelid.engine._claim import Claim, current_claim
from eyelid.engine._counts import Counts
from eyelid.engine._device import Device
from eyelid.engine._forks import in_every_fork
from eyelid.engine._futures import settle
from eyelid.engine._item import Item, Limits, Runner
from eyelid.engine._pass import evaluate, is_out_of_memory
from eyelid.engine._scheduler import Entry, Scheduler
from eyelid.engine._stats import Stats
from eyelid.engine._workers import Workers
from eyelid.errors import DeadlineError, EngineError, OverloadedError

#: Workers that may hang or die before the engine gives up: it is begun anew once.
_RESTARTS = 1
#: The longest that work waits for room in the queue where no deadline says less, in seconds.
_PATIENCE = 60.0
#: Tokens of the passes that a sweep tries, ascending: up to so many times the usual budget.
_SIZES = tuple(2**power for power in range(8, 18))
_MOST = 4
#: How often each is tried; the quickest counts, since a first one sets things up and others are disturbed.
_TRIES = 4

#: Of a thread: whether it does an engine's work now. It then waits for no engine: two could wait for each other.
_INSIDE = threading.local()


@dataclass(slots=True, eq=False)
class _Pass:
    """What a worker is about. `over` once it was answered for, by the worker or by the watch."""

    runner: Runner | None = None
    entries: list[Entry] = field(default_factory=list)
    began: float = 0.0
    over: bool = False


class Engine:
    """Admits, batches and runs model work. Most callers want `engine_for(device)`, which the whole process shares.

    A pass is formed when a worker is free, from what is waiting then, up to a budget of tokens. An error in a pass
    fails the items it concerns; a worker that hangs is replaced once; after that everything fails.

    Args:
        device: where the models are.
        limits: how much may wait.
        hang_seconds: after which a pass is given up, unless its runner says otherwise.
    """

    def __init__(self, device: Device, *, limits: Limits | None = None, hang_seconds: float = 60.0) -> None:
        self.device = device
        self._limits = limits or Limits()
        self._hang = hang_seconds
        self._closed = False
        self._begin()
        in_every_fork(self, Engine._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._scheduler = Scheduler(self._limits, _wanted)
        self._workers = Workers(self.device.workers)
        self._budgets = Budgets(self.device.budget)
        self._counts = Counts()
        self._running: set[_Pass] = set()
        weakref.finalize(self, self._workers.close).atexit = False

    def submit(self, item: Item) -> Future[Any]:
        """Queue one item; never blocks.

        Returns:
            Its result. Cancelling it takes the item out of the queue; what runs already is not stopped.

        Raises:
            OverloadedError: there is no room.
            EngineError: the engine is closed or has given up.
        """
        future: Future[Any] = Future()
        claim = current_claim()
        with self._lock:
            self._admit(item, claim, future)
            self._wake_for([future])
        return future

    def submit_all(self, items: Iterable[Item]) -> list[Future[Any]]:
        """Queue items so that they can share passes; waits for room if there is none and the claim is patient.

        It never waits on the thread of an event loop, nor on one of an engine's own.

        Returns:
            A future for each, in order; what could not be queued has its error there.

        Raises:
            EngineError: there is no thread to run it.
        """
        claim = current_claim()
        until = min(claim.deadline, time.monotonic() + _PATIENCE) if self._may_wait(claim) else 0.0
        futures: list[Future[Any]] = []
        items = list(items)  # making them may take long, or ask the engine
        with self._lock:
            for item in items:
                future: Future[Any] = Future()
                futures.append(future)
                try:
                    self._make_room(item, until)
                    self._admit(item, claim, future)
                except EngineError as error:
                    settle(future, error=error)
            self._wake_for(futures)
        return futures

    @property
    def load(self) -> int:
        """Tokens that wait or are being evaluated."""
        with self._lock:
            return self._scheduler.tokens + self._running_tokens()

    def warm_up(self, runner: Runner, sample: Callable[[int], Sequence[Any]]) -> int:
        """Find how many tokens a pass of a model should take, by trying; blocks for some seconds.

        Args:
            runner: the model.
            sample: makes payloads of about so many tokens in all.

        Returns:
            The smallest pass with nearly the best throughput; later passes keep to it.

        Raises:
            EngineError: the model failed on the samples, or hung.
        """
        clock = time.thread_time if self.device.kind == "cpu" else time.perf_counter

        def seconds(tokens: int) -> float | None:
            payloads = sample(tokens)
            took = []
            try:
                for _ in range(_TRIES):
                    started = clock()
                    runner.run(payloads)
                    took.append(clock() - started)
            except Exception as error:
                if is_out_of_memory(error):
                    return None
                raise
            return min(took)

        def work() -> int | Exception:
            self._use_one_thread()
            try:
                return sweep(seconds, [size for size in _SIZES if size <= max(_SIZES[0], _MOST * self.device.budget)])
            except Exception as error:  # noqa: BLE001  the future raises it
                return error

        try:
            found: int = self._workers.submit(work, seconds=4 * self._hang, late=TimeoutError).result()
        except Exception as error:
            raise EngineError(f"{runner.name} could not be warmed up: {type(error).__name__}") from error
        with self._lock:
            self._budgets.put(runner, found)
        return found

    def stats(self) -> Stats:
        """What it has done so far."""
        with self._lock:
            return self._counts.snapshot(
                device=self.device.torch,
                queued=self._scheduler.items,
                queued_tokens=self._scheduler.tokens,
                queued_bytes=self._scheduler.size,
                running=sum(len(each.entries) for each in self._running),
                running_tokens=self._running_tokens(),
                broken=self._broken,
                budgets=self._budgets.by_name(),
            )

    @property
    def broken(self) -> bool:
        """Whether it has given up, after its workers hung or died again and again."""
        with self._lock:
            return self._broken

    def close(self, *, wait: float = 0.0) -> None:
        """Fail what waits and let the threads end. Safe to call twice.

        Args:
            wait: seconds to wait for what is running.
        """
        self._closed = True
        with self._freed:
            left = self._scheduler.drain()
            self._freed.notify_all()
            self._freed.wait_for(lambda: not self._running, timeout=wait)
        _fail(left, EngineError("the engine was closed"))
        self._workers.close()

    @property
    def _broken(self) -> bool:
        return self._counts.restarts > _RESTARTS

    def _running_tokens(self) -> int:
        return sum(entry.item.tokens for each in self._running for entry in each.entries)

    def _may_wait(self, claim: Claim) -> bool:
        return claim.patient and not _on_a_loop() and not self._on_a_worker()

    def _on_a_worker(self) -> bool:
        return getattr(_INSIDE, "working", False)

    def _make_room(self, item: Item, until: float) -> None:
        while not self._scheduler.room(item) and not (self._closed or self._broken or self._on_a_worker()):
            self._wake()
            if not self._freed.wait(until - time.monotonic() if until else 0.0):
                return

    def _admit(self, item: Item, claim: Claim, future: Future[Any]) -> None:
        self._counts.submitted += 1
        if self._closed or self._broken:
            raise EngineError("the engine is closed" if self._closed else "the engine gave up; start the process anew")
        if (entry := self._scheduler.join(item, claim, future)) is not None:
            self._counts.joined += 1
            if entry.taken:
                future.set_running_or_notify_cancel()
            return
        entry = Entry(item, claim, time.monotonic(), [future])
        try:
            # Work that follows from admitted work is admitted: refusing it would waste what was done.
            self._scheduler.add(entry, anyway=self._on_a_worker())
        except OverloadedError:
            self._counts.refused += 1
            raise

    def _wake_for(self, futures: Sequence[Future[Any]]) -> None:
        try:
            self._wake()
        except EngineError:
            for future in futures:
                future.cancel()
            raise

    def _wake(self) -> None:
        """Let workers look for work, as many as are free and as there is work for."""
        if len(self._running) >= self.device.workers:
            return
        for _ in range(min(self.device.workers - len(self._running), self._scheduler.items)):
            one = _Pass()
            hang = max([self._hang, *(getattr(runner, "hang_seconds", 0.0) for runner in self._scheduler.runners)])
            self._workers.submit(lambda one=one: self._work(one), seconds=hang, late=lambda one=one: self._lose(one))  # type: ignore[misc]
            self._running.add(one)  # its thread waits for the lock until then

    def _work(self, one: _Pass) -> None:
        """What a worker thread does: take a batch, run it, answer it."""
        _INSIDE.working = True
        try:
            self._take(one)
            answers: list[Any] = []
            if one.runner is not None:
                self._use_one_thread()
                answers = evaluate(one.runner, [e.item.payload for e in one.entries], lambda n: self._ran_out(one, n))
        except BaseException:  # noqa: BLE001  a worker that dies fails what it held, and is counted
            self._lose(one)
        else:
            self._end(one, answers)
        finally:
            _INSIDE.working = False

    def _take(self, one: _Pass) -> None:
        now = time.monotonic()
        with self._freed:
            before = self._scheduler.items
            idle = self.device.workers - sum(other.began > 0.0 for other in self._running)
            batch = self._scheduler.take(now, self._budgets, idle)
            one.entries = [*batch.entries, *batch.lapsed]  # whatever happens next, they are answered for
            begun = [entry for entry in batch.entries if self._begins(entry)]
            self._counts.cancelled += before - self._scheduler.items - len(begun) - len(batch.lapsed)
            self._counts.expired += len(batch.lapsed)
            one.runner, one.entries, one.began = (batch.runner if begun else None), begun, now
            self._freed.notify_all()
        _fail(batch.lapsed, DeadlineError("its deadline passed before there was a free worker"))

    def _begins(self, entry: Entry) -> bool:
        """Whether anyone still waits for what was taken; if not, later work of its key must not join it."""
        wanted = _begin(entry)
        if not wanted:
            self._scheduler.finish(entry)
        return wanted

    def _ran_out(self, one: _Pass, items: int) -> None:
        if one.runner is None:
            return
        with self._lock:
            self._counts.out_of_memory += 1
            if items > 1:
                self._budgets.halve(one.runner, sum(entry.item.tokens for entry in one.entries))

    def _end(self, one: _Pass, answers: Sequence[Any]) -> None:
        with self._freed:
            if one.over:
                return  # the watch has answered for it
            self._leave(one)
            if one.runner is not None:
                self._counts.add(one.entries, answers, one.began, time.monotonic())
                self._budgets.fitted(one.runner)
            waiters = [list(entry.waiters) for entry in one.entries]
            self._wake()
        for some, answer in zip(waiters, answers, strict=True):
            _answer(some, answer)

    def _lose(self, one: _Pass) -> None:
        """A worker hung or died: fail what it held; the second time, everything."""
        with self._freed:
            if one.over:
                return
            self._counts.restarts += 1
            self._counts.failed += len(one.entries)
            lost = one.entries + (self._scheduler.drain() if self._broken else [])
            self._leave(one)
            self._wake()
        inside, _INSIDE.working = self._on_a_worker(), True  # what follows from it may not wait here either
        try:
            _fail(lost, EngineError("the model hung or died while it ran this"))
        finally:
            _INSIDE.working = inside

    def _leave(self, one: _Pass) -> None:
        one.over = True
        self._running.discard(one)
        for entry in one.entries:
            self._scheduler.finish(entry)
        self._freed.notify_all()

    def _use_one_thread(self) -> None:
        torch = sys.modules.get("torch")
        if torch is not None and self.device.kind == "cpu" and not getattr(_INSIDE, "single", False):
            torch.set_num_threads(1)
            _INSIDE.single = True


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _wanted(entry: Entry) -> bool:
    return any(not future.cancelled() for future in entry.waiters)


def _begin(entry: Entry) -> bool:
    """Whether anyone still waits, now that it begins; they cannot cancel any more."""
    entry.waiters = [future for future in entry.waiters if future.set_running_or_notify_cancel()]
    return bool(entry.waiters)


def _answer(futures: Sequence[Future[Any]], answer: Any) -> None:
    for future in futures:
        if isinstance(answer, BaseException):
            settle(future, error=answer)
        else:
            settle(future, answer)


def _fail(entries: Sequence[Entry], error: EngineError) -> None:
    for entry in entries:
        _answer(entry.waiters, error)
