"""Models that a test can see through."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from eyelid.engine import Device, Engine, Item, Limits

ONE = Device("cpu", workers=1, budget=100)


class Echo:
    """Gives each payload back, doubled; notes its batches; waits for `gate` if it has one."""

    name = "echo"

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.began = threading.Event()
        self._gate = gate

    def run(self, batch: Sequence[Any], /) -> Sequence[Any]:
        self.batches.append(list(batch))
        self.began.set()
        if self._gate is not None:
            assert self._gate.wait(20)
        return self.results(batch)

    def results(self, batch: Sequence[Any]) -> Sequence[Any]:
        return [2 * payload for payload in batch]

    @property
    def seen(self) -> list[Any]:
        return [payload for batch in self.batches for payload in batch]


class Does(Echo):
    """Does with a batch what it is told."""

    def __init__(self, what: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        super().__init__()
        self._what = what

    def results(self, batch: Sequence[Any]) -> Sequence[Any]:
        return self._what(batch)


def held(limits: Limits | None = None, device: Device = ONE) -> tuple[Engine, threading.Event]:
    """An engine of one worker that is busy until the event is set, so that a queue can be looked at."""
    engine, gate = Engine(device, limits=limits), threading.Event()
    for _ in range(device.workers):
        blocker = Echo(gate)
        engine.submit(Item(blocker, 0, 1))
        assert blocker.began.wait(20)
    return engine, gate


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
