import asyncio
import math
import time

import pytest

from eyelid.bench import LoadPoint, closed_loop, quantile


def measured(ask, clients: int = 4, seconds: float = 0.1) -> LoadPoint:
    return asyncio.run(closed_loop(ask, ["a", "b", "c"], clients=clients, seconds=seconds))


def test_every_client_asks_again() -> None:
    asked: list[str] = []

    async def ask(text: str) -> None:
        asked.append(text)
        await asyncio.sleep(0.01)

    point = measured(ask)
    assert point.requests == len(asked) >= 4 * 3
    assert set(asked) == {"a", "b", "c"}
    assert 0.01 <= point.p50 <= point.p99
    assert point.per_second == pytest.approx(point.requests / 0.1, rel=0.5)


def test_a_held_loop_is_seen() -> None:
    async def ask(text: str) -> None:
        time.sleep(0.05)
        await asyncio.sleep(0)

    assert measured(ask, clients=1).hold >= 0.03


def test_what_was_asked_is_waited_for() -> None:
    async def ask(text: str) -> None:
        await asyncio.sleep(0.05)

    assert measured(ask, clients=8, seconds=0.01).requests == 8


def test_an_error_ends_it() -> None:
    async def ask(text: str) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        measured(ask)


def test_quantiles() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert math.isnan(quantile([], 0.5))
