"""Closed loop: clients that each ask again as soon as they have an answer, on one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """What one number of clients saw.

    Args:
        clients: at a time.
        requests: answered.
        per_second: answers a second of the wall.
        per_cpu_second: answers a second of processor time.
        p50, p99: seconds from asking to the answer.
        hold: the longest time that the event loop was held, in seconds.
    """

    clients: int
    requests: int
    per_second: float
    per_cpu_second: float
    p50: float
    p99: float
    hold: float


async def closed_loop(
    ask: Callable[[str], Awaitable[object]], texts: Sequence[str], *, clients: int, seconds: float
) -> LoadPoint:
    """Let clients ask for so many seconds; what was asked by then is still waited for.

    Args:
        ask: one request; what it raises ends the measurement.
        texts: asked about in turn.
        clients: at a time.
        seconds: after which nobody asks anything new.
    """
    latencies: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    until = wall + seconds

    async def client(first: int) -> None:
        number = first
        while time.perf_counter() < until:
            began = time.perf_counter()
            await ask(texts[number % len(texts)])
            latencies.append(time.perf_counter() - began)
            number += clients

    held: list[float] = [0.0]
    ticking = asyncio.create_task(_tick(held))
    await asyncio.gather(*(client(first) for first in range(clients)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ticking.cancel()
    done = len(latencies)
    return LoadPoint(
        clients=clients,
        requests=done,
        per_second=done / wall,
        per_cpu_second=done / cpu if cpu else float("nan"),
        p50=quantile(latencies, 0.5),
        p99=quantile(latencies, 0.99),
        hold=max(held),
    )


async def _tick(held: list[float]) -> None:
    """Note how much later than after a millisecond the loop comes back."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        held.append(time.perf_counter() - began - 0.001)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies (nearest rank); not a number for none."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))] if ordered else float("nan")
