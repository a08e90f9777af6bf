"""Seconds of the wall and of the processor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took: seconds of the wall, and of all threads of this process on the processor."""

    wall: float
    cpu: float


def spent(act: Callable[[], object]) -> Spent:
    """Do it and tell what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)
