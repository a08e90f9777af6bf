"""Going on with the results of futures, without a thread that waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any, TypeVar
from weakref import ref

T = TypeVar("T")


def after(futures: Sequence[Future[Any]], then: Callable[[list[Any]], T | Future[T]]) -> Future[T]:
    """The future of what is made of several results.

    Args:
        futures: what is waited for; one that failed or was cancelled gives its exception in place of a result.
        then: makes the result, on the thread that finished last, so it should be quick; or starts more work and
            returns its future. What it raises becomes the exception of the future.

    Returns:
        A future; cancelling it cancels those that have not begun, of the work that `then` started as well.
    """
    whole: Future[T] = Future()
    left = _Countdown(len(futures), lambda: _conclude(whole, futures, then))
    whole.add_done_callback(lambda done: _let_go(done, futures))
    for future in futures:
        future.add_done_callback(left.one)
    if not futures:
        _conclude(whole, futures, then)
    return whole


class _Countdown:
    def __init__(self, number: int, end: Callable[[], None]) -> None:
        self._left, self._lock = number, threading.Lock()
        self._end: Callable[[], None] | None = end

    def one(self, _: Future[Any]) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
            # A future keeps its callbacks: were this one to keep the end, content would wait for the garbage collector.
            end, self._end = self._end, None
        if end is not None:
            end()


def _conclude(whole: Future[T], futures: Sequence[Future[Any]], then: Callable[[list[Any]], T | Future[T]]) -> None:
    if whole.done():
        return
    try:
        made = then([_result(future) for future in futures])
    except BaseException as error:  # noqa: BLE001  it belongs to whoever waits, not to the thread that came by
        settle(whole, error=error)
        return
    if isinstance(made, Future):
        started = ref(made)
        follow(made, whole)
        whole.add_done_callback(lambda done: _let_go(done, filter(None, [started()])))
    else:
        settle(whole, made)


def follow(leader: Future[T], follower: Future[T]) -> None:
    """Give a future the result of another one, once it is there."""

    def end(done: Future[T]) -> None:
        outcome = _result(done)
        if isinstance(outcome, BaseException):
            settle(follower, error=outcome)
        else:
            settle(follower, outcome)

    leader.add_done_callback(end)


def settle(future: Future[T], result: T | None = None, *, error: BaseException | None = None) -> bool:
    """Answer a future; false if it was answered or cancelled before."""
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None is a result where no error is given
    except InvalidStateError:
        return False
    return True


def _result(future: Future[Any]) -> Any:
    if future.cancelled():
        return CancelledError()
    error = future.exception()
    return future.result() if error is None else error


def _let_go(whole: Future[Any], futures: Iterable[Future[Any]]) -> None:
    if whole.cancelled():
        for future in futures:
            future.cancel()
