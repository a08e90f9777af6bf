"""Servers that the interpreter finds running when it ends: they are ended first."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    stop: Callable[[], None]
    seconds: float
    over: threading.Event = field(default_factory=threading.Event)


_RUNNING: set[_Running] = set()


@contextmanager
def stopped_at_exit(stop: Callable[[], None], seconds: float) -> Iterator[None]:
    """Have what runs in here stopped, and waited for, if the interpreter ends meanwhile.

    An event loop in C on a daemon thread (uvloop's) would go on after the interpreter is gone, and its next timer
    would end the process with a segmentation fault.

    Args:
        stop: called on the main thread.
        seconds: to wait for the end.
    """
    running = _Running(stop, seconds)
    _RUNNING.add(running)
    try:
        yield
    finally:
        _RUNNING.discard(running)
        running.over.set()


def _stop_all() -> None:
    running = tuple(_RUNNING)
    for each in running:
        each.stop()
    for each in running:
        each.over.wait(each.seconds)


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_RUNNING.clear)  # their threads are the parent's
