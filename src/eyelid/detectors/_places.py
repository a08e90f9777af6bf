"""A model on every device it is to run on."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eyelid.engine import Device, Replicas, Runner, choose_device, engine_for, shared

#: One device, several that share the work, or the best there is.
Devices = Device | Sequence[Device] | None


def replicas(device: Devices, key: Hashable, load: Callable[[Device], Runner]) -> Replicas:
    """Load a model onto its devices, unless another detector has done so already.

    Args:
        device: where to.
        key: all that the model depends on but the device.
        load: makes the runner for a device.
    """
    devices = [device or choose_device()] if device is None or isinstance(device, Device) else list(device)

    def placed(on: Device) -> Runner:
        return shared((key, on.torch, on.dtype), lambda: _on_one_thread(lambda: load(on)))

    return Replicas([(engine_for(on), placed(on)) for on in devices])


def _on_one_thread(load: Callable[[], Runner]) -> Runner:
    """Weights are many small products, over which a team of threads would spend its time meeting."""
    import torch

    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as thread:
        loaded = thread.submit(load).result()
    _give_back()
    return loaded


def _give_back() -> None:
    """Let go of memory that loading took and freed: glibc would keep it, in this thread's share, for good."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def identity(*files: Path) -> Hashable:
    """What tells whether files are still the same ones, without reading them."""
    found = [(file.resolve(), file.stat()) for file in files]
    return tuple((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found)
