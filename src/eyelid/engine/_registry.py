"""One engine for each device of a process, and one instance of each model."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from eyelid.engine._device import Device
from eyelid.engine._engine import Engine
from eyelid.engine._forks import in_every_fork

T = TypeVar("T")

#: Seconds that the interpreter waits at its end for passes under way.
_AT_EXIT = 2.0


class _Registry:
    def __init__(self) -> None:
        self._engines: dict[tuple[str, int, int], Engine] = {}
        self._models: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._unlock()
        in_every_fork(self, _Registry._unlock)

    def engine(self, device: Device) -> Engine:
        # Precision belongs to the models; the device is one whatever they compute in.
        place = (device.torch, device.workers, device.budget)
        with self._lock:
            if place not in self._engines:
                self._engines[place] = Engine(device)
            return self._engines[place]

    def engines(self) -> tuple[Engine, ...]:
        with self._lock:
            return tuple(self._engines.values())

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._loading:
            found = self._models.get(key)
            if found is None:
                found = self._models[key] = make()
            return cast(T, found)

    def close(self) -> None:
        for engine in self.engines():
            engine.close(wait=_AT_EXIT)

    def _unlock(self) -> None:
        # Two, for a model may take long to load, and its engines are in use meanwhile.
        self._lock, self._loading = threading.Lock(), threading.RLock()


_REGISTRY = _Registry()
atexit.register(_REGISTRY.close)


def engine_for(device: Device) -> Engine:
    """The engine of this process for a device: made on first use, afresh after a fork, closed at the end.

    Devices that differ in workers or budget have engines of their own; most programs choose one.
    """
    return _REGISTRY.engine(device)


def engines() -> tuple[Engine, ...]:
    """The engines of this process so far, for whoever watches them."""
    return _REGISTRY.engines()


def shared(key: Hashable, make: Callable[[], T]) -> T:
    """What `make` makes, once for each key for as long as somebody holds it: two guards share one model.

    Args:
        key: all that it depends on: files, device, precision.
        make: loads it; other loads wait meanwhile.
    """
    return _REGISTRY.shared(key, make)
