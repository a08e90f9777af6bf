"""How fast this machine multiplies matrices: what a model's speed is a share of."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: Rows of the products on a CPU: tokens of one pass.
ROWS = (256, 1024, 2048)
_REPEATS = 3


def matrix_peak(
    dtype: str,
    shapes: Sequence[tuple[int, int]],
    *,
    device: str = "cpu",
    seconds: float = 0.6,
    rows: Sequence[int] = ROWS,
) -> float:
    """Floating-point operations a second of the fastest of a model's products, by itself.

    On a CPU this is one core, by the time of its own thread, with weights laid out once as oneDNN likes them. On a GPU
    it is the whole device.

    Args:
        dtype: "float32" or "bfloat16".
        shapes: (inputs, outputs) of the model's linear layers.
        device: "cpu" or "cuda:0".
        seconds: of the whole measurement, about.
        rows: tokens of a pass to try.
    """
    each = seconds / (len(shapes) * len(rows) * _REPEATS)
    cpu = device == "cpu"
    threads = torch.get_num_threads()
    try:
        if cpu:
            torch.set_num_threads(1)
        with torch.inference_mode():
            return max(
                2 * many * shape[0] * shape[1] * _rate(_product(many, shape, dtype, device), each, cpu=cpu)
                for shape in shapes
                for many in rows
            )
    finally:
        if cpu:
            torch.set_num_threads(threads)


def _product(rows: int, shape: tuple[int, int], dtype: str, device: str) -> Callable[[], Tensor]:
    kind = getattr(torch, dtype)
    x = torch.randn(rows, shape[0], device=device).to(kind)
    weight, bias = (
        torch.randn(shape[1], shape[0], device=device).to(kind),
        torch.zeros(shape[1], device=device, dtype=kind),
    )
    reorder = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
    if device != "cpu" or reorder is None:
        return lambda: torch.nn.functional.linear(x, weight, bias)
    laid_out, apply = reorder(weight, rows), torch.ops.mkldnn._linear_pointwise
    return lambda: apply(x, laid_out, bias, "none", [], "")


def _rate(act: Callable[[], Tensor], seconds: float, *, cpu: bool) -> float:
    """Calls a second: the median of a few measurements."""
    act()
    return statistics.median(_once(act, seconds, cpu=cpu) for _ in range(_REPEATS))


def _once(act: Callable[[], Tensor], seconds: float, *, cpu: bool) -> float:
    clock = time.thread_time if cpu else time.perf_counter
    began, calls = _now(clock, cpu=cpu), 0
    while (took := _now(clock, cpu=cpu) - began) < seconds:
        for _ in range(1 if cpu else 10):
            act()
            calls += 1
    return calls / took


def _now(clock: Callable[[], float], *, cpu: bool) -> float:
    if not cpu:
        torch.cuda.synchronize()
    return clock()
