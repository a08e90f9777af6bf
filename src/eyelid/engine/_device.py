"""What to run on: chosen in this one place."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from eyelid.errors import ConfigurationError

Kind = Literal["cpu", "cuda"]
DType = Literal["float32", "bfloat16"]

#: Tokens of one pass to begin with. Larger ones leave a CPU's caches; smaller ones leave a GPU idle.
_BUDGETS: dict[Kind, int] = {"cpu": 2048, "cuda": 16_384}
#: The part of what is free that models and their caches may use.
_SHARE = 0.5
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Device:
    """Where models run, and how.

    Args:
        kind: "cpu" or "cuda".
        index: which GPU; 0 on the CPU.
        dtype: of the matrix products.
        workers: passes at a time; on the CPU each on one thread, which loses little where the machine is shared.
        budget: tokens of one pass to begin with.
        memory: bytes that models and their caches may use.
        reason: why it was chosen.
    """

    kind: Kind
    index: int = 0
    dtype: DType = "float32"
    workers: int = 1
    budget: int = 2048
    memory: int = 2**31
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("workers", "budget", "memory"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; at least 1 is needed")

    @property
    def torch(self) -> str:
        """As torch names it: "cpu" or "cuda:0"."""
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"


def choose_device(
    device: str = "auto", *, dtype: str = "auto", workers: int | None = None, memory: int | None = None
) -> Device:
    """The device to run on; the first GPU where there are several.

    Args:
        device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
        dtype: "float32", "bfloat16", or "auto": bfloat16 where the hardware multiplies it natively.
        workers: passes at a time; if left out, as many as there are CPUs for this process, or 1 on a GPU.
        memory: bytes that models and caches may use; half of what is free if left out.

    Raises:
        ConfigurationError: there is no such device, or a value is out of range.
    """
    return choose_devices(device, dtype=dtype, workers=workers, memory=memory)[0]


def choose_devices(
    device: str = "auto", *, dtype: str = "auto", workers: int | None = None, memory: int | None = None
) -> tuple[Device, ...]:
    """As `choose_device`, with one device for each GPU under "auto" and "cuda"."""
    if dtype not in ("auto", "float32", "bfloat16"):
        raise ConfigurationError(f"dtype is {dtype!r}; known: auto, float32, bfloat16")
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
        raise ConfigurationError(f"device is {device!r}; known: auto, cpu, cuda, cuda:0, cuda:1, ...")
    found = [] if kind == "cpu" else _gpus(index, dtype)
    if kind == "cuda" and not found:
        raise ConfigurationError(f"device is {device!r}, and torch sees no such GPU here; use device='auto' or 'cpu'")
    chosen = found or [_cpu(dtype, "asked for" if kind == "cpu" else "no GPU is seen by torch")]
    return tuple(
        replace(
            each, workers=each.workers if workers is None else workers, memory=each.memory if memory is None else memory
        )
        for each in chosen
    )


def _gpus(index: str, dtype: str) -> list[Device]:
    import torch

    if not torch.cuda.is_available():
        return []
    wanted = [int(index)] if index else list(range(torch.cuda.device_count()))
    return [_gpu(number, dtype) for number in wanted if number < torch.cuda.device_count()]


def _gpu(number: int, dtype: str) -> Device:
    import torch

    native = torch.cuda.get_device_capability(number) >= (8, 0)
    free, _ = torch.cuda.mem_get_info(number)
    chosen = ("bfloat16" if native else "float32") if dtype == "auto" else dtype
    return Device(
        kind="cuda",
        index=number,
        dtype=cast(DType, chosen),
        budget=_BUDGETS["cuda"],
        memory=max(1, int(free * _SHARE)),
        reason=f"{torch.cuda.get_device_name(number)}; bfloat16 is {'native' if native else 'not native'}",
    )


def _cpu(dtype: str, why: str) -> Device:
    native = _multiplies_bfloat16()
    workers, whence = usable_cpus()
    chosen = ("bfloat16" if native else "float32") if dtype == "auto" else dtype
    return Device(
        kind="cpu",
        dtype=cast(DType, chosen),
        workers=workers,
        budget=_BUDGETS["cpu"],
        memory=max(1, int(_free_memory() * _SHARE)),
        reason=f"{why}; bfloat16 is {'native' if native else 'not native'}; {workers} CPUs by {whence}",
    )


def _multiplies_bfloat16() -> bool:
    import torch

    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def usable_cpus() -> tuple[int, str]:
    """How many CPUs this process may keep busy, and what says so: its affinity, or the quota of its container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (_CGROUP / "cpu.max").read_text("ascii").split()
        bound = math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        bound = math.inf
    return (max(1, math.floor(bound)), "the container's quota") if bound < allowed else (allowed, "affinity")


def _free_memory() -> int:
    """Bytes that can be had without swapping, within the container's limit."""
    bounds = [2**33]
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        bounds = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")] or bounds
        bounds.append(int((_CGROUP / "memory.max").read_text("ascii")) - _used())
    except (OSError, ValueError):  # another system than Linux, or no limit ("max")
        pass
    return max(min(bounds), 2**28)


def _used() -> int:
    return int((_CGROUP / "memory.current").read_text("ascii"))
