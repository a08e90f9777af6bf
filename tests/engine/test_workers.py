import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

import eyelid
from eyelid.engine import Workers
from eyelid.engine._workers import MAX_ABANDONED
from eyelid.errors import ConfigurationError, EngineError
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.testing import FakeDetector, Fault, FaultyDetector
from eyelid.types import Status

SOON = Policy.from_mapping({"deadlines": {"text": 0.5}})


def late() -> str:
    return "late"


def test_a_hung_call_is_answered_in_time_and_its_thread_replaced() -> None:
    workers, hold = Workers(1), threading.Event()
    started = time.monotonic()
    assert workers.submit(hold.wait, seconds=0.05, late=late).result(5) == "late"
    assert time.monotonic() - started < 2
    assert workers.submit(lambda: "fine", seconds=5, late=late).result(5) == "fine"
    hold.set()
    workers.close()


def test_the_clock_starts_when_a_call_starts() -> None:
    workers = Workers(1)
    slow = [workers.submit(lambda: time.sleep(0.1) or "fine", seconds=0.5, late=late) for _ in range(8)]
    assert [future.result(5) for future in slow] == ["fine"] * 8


def test_calls_that_hang_for_ever_do_not_fill_the_process_with_threads() -> None:
    workers, hold = Workers(2), threading.Event()
    before = threading.active_count()
    hung = [workers.submit(hold.wait, seconds=0.01, late=late) for _ in range(2 * MAX_ABANDONED)]
    assert {future.result(10) for future in hung} == {"late"}
    assert threading.active_count() <= before + MAX_ABANDONED + 8
    assert workers.submit(lambda: "fine", seconds=5, late=late).result(5) == "late"
    hold.set()
    deadline = time.monotonic() + 10
    while workers.submit(lambda: "fine", seconds=5, late=late).result(5) != "fine":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_cancelled_call_is_skipped() -> None:
    workers, hold, ran = Workers(1), threading.Event(), []
    first = workers.submit(hold.wait, seconds=5, late=late)
    second: Future[object] = workers.submit(lambda: ran.append(1), seconds=5, late=late)
    assert second.cancel()
    hold.set()
    assert first.result(5)
    assert workers.submit(lambda: "fine", seconds=5, late=late).result(5) == "fine"
    assert ran == []


def test_close_ends_the_threads_and_later_calls_are_refused() -> None:
    before = set(threading.enumerate())
    guard = Guard([FakeDetector()])
    assert guard.check(response="hello").allowed
    own = set(threading.enumerate()) - before
    assert own
    guard.close()
    guard.close()
    for thread in own:
        thread.join(10)
    assert not any(thread.is_alive() for thread in own)
    with pytest.raises(ConfigurationError, match="closed"):
        guard.check(response="hello")


def test_a_guard_that_is_dropped_lets_its_threads_go() -> None:
    before = set(threading.enumerate())
    guard = Guard([FakeDetector()])
    guard.check(response="hello")
    own = set(threading.enumerate()) - before
    assert own
    del guard
    for thread in own:
        thread.join(10)
    assert not any(thread.is_alive() for thread in own)


def test_an_interrupt_passes_through() -> None:
    class Interrupted(FakeDetector):
        def score(self, batch: object, /) -> list[object]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guard([Interrupted()]).check(response="hello")


def test_a_hang_in_a_batch_fails_the_batch_and_not_the_next_one() -> None:
    detector = FaultyDetector(Fault.HANGS, poison="poison")
    guard = Guard([detector], policy=SOON)
    assert guard.check(response="poison").status is Status.FAILED
    assert guard.check(response="hello").status is Status.CLEAN
    detector.release()


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    source = Path(eyelid.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={"PYTHONPATH": str(source)},
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )


PREAMBLE = """
import os, sys
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.testing import FakeDetector, FaultyDetector
guard = Guard([FakeDetector()])
"""


def test_the_interpreter_leaves_although_a_detector_hangs() -> None:
    started = time.monotonic()
    done = run_script(
        PREAMBLE
        + "hung = Guard([FaultyDetector('hangs')], policy=Policy.from_mapping({'deadlines': {'text': 0.05}}))\n"
        "print(hung.check(response='hello').status)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "failed\n", "")
    assert time.monotonic() - started < 40  # a hanging fake gives up after 60 s


def test_a_forked_child_gets_threads_of_its_own() -> None:
    done = run_script(
        PREAMBLE + "assert guard.check(response='hello').allowed\n"
        "child = os.fork()\n"
        "allowed = guard.check(response='hello').allowed\n"
        "if child == 0: os._exit(0 if allowed else 1)\n"
        "sys.exit(os.waitpid(child, 0)[1] or not allowed)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Nobody has so much memory for a stack."""
    usual = threading.stack_size(2**46)
    try:
        yield
    finally:
        threading.stack_size(usual)


def test_where_the_system_gives_no_thread_that_is_said_and_nothing_is_lost_by_it() -> None:
    workers = Workers(2)
    with no_more_threads(), pytest.raises(EngineError, match="no thread"):
        workers.submit(lambda: 1, seconds=5, late=late)
    assert workers.submit(lambda: 1, seconds=5, late=late).result(5) == 1
    hold = threading.Event()
    held = workers.submit(hold.wait, seconds=5, late=late)
    with no_more_threads():  # the one that is there does the work
        future = workers.submit(lambda: 2, seconds=5, late=late)
    hold.set()
    assert held.result(5)
    assert future.result(5) == 2


def test_cancelling_a_call_under_way_reaches_what_it_starts() -> None:
    workers, entered, leave = Workers(1), threading.Event(), threading.Event()
    future: Future[object] = Future()

    def begin() -> object:
        entered.set()
        leave.wait(5)
        return future

    answer = workers.submit(begin, seconds=5, late=late)
    assert entered.wait(5)
    answer.cancel()  # too late for the call, in time for what it starts
    leave.set()
    assert isinstance(answer.exception(5), BaseException)
    assert future.cancelled()


def test_what_begins_after_the_end_is_watched() -> None:
    workers, hold = Workers(1), threading.Event()
    first = workers.submit(lambda: 1, seconds=5, late=late)
    assert first.result(5) == 1
    ready = threading.Event()
    second = workers.submit(lambda: ready.wait(5), seconds=5, late=late)
    hung = workers.submit(hold.wait, seconds=0.05, late=late)
    with hung._condition:  # so that nothing runs while the watch sees that all is over
        ready.set()
        assert second.result(5)
        workers.close()
        time.sleep(0.1)
    assert hung.result(5) == "late"
    hold.set()


class Content:
    """Something to watch the end of."""


def test_what_a_promise_was_made_for_goes_with_it() -> None:
    workers = Workers(1)

    def ask() -> weakref.ref[Content]:
        content, promises = Content(), []

        def begin() -> Future[int]:
            promise = Future[int]()
            promises.append(promise)
            return promise

        answer = workers.submit(lambda content=content: begin(), seconds=5, late=late)
        while not (promises and promises[0]._done_callbacks):
            time.sleep(0.002)
        promises.pop().set_result(1)
        assert answer.result(5) == 1
        return weakref.ref(content)

    assert workers.submit(lambda: 1, seconds=5, late=late).result(5) == 1
    gc.disable()
    try:
        seen = ask()
        time.sleep(0.05)
        assert seen() is None
    finally:
        gc.enable()
