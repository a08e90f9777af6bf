"""Everything at once: callers, deadlines, joins, cancellations and poison, on two workers."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError, Future
from typing import Any

from tests.engine.runners import Does, eventually

from eyelid.engine import Device, Engine, Item, Limits, claim


def test_nothing_is_lost_or_crossed_and_the_accounts_balance() -> None:
    def model(batch: Any) -> list[int]:
        if any(n % 97 == 0 for n in batch):
            raise ValueError
        return [3 * n for n in batch]

    engine, does = Engine(Device("cpu", workers=2, budget=200), limits=Limits(items=300)), Does(model)
    found: Counter[str] = Counter()

    def told(n: int, future: Future[int]) -> str:
        try:
            return "right" if future.result(20) == 3 * n and n % 97 else "crossed"
        except CancelledError:
            return "cancelled"
        except ValueError:
            return "poison" if n % 97 == 0 else "crossed"

    def ask(seed: int) -> None:
        chance, waiting = random.Random(seed), []
        for _ in range(500):
            n = chance.randrange(1, 400)
            with claim(
                caller=str(seed % 3), urgent=chance.random() < 0.3, deadline=time.monotonic() + chance.choice((20, 30))
            ):
                item = Item(does, n, chance.randrange(1, 40), key=n if chance.random() < 0.7 else None)
                (future,) = engine.submit_all([item])
            if chance.random() < 0.2:
                future.cancel()
            waiting.append((n, future))
            if len(waiting) > 20:
                found[told(*waiting.pop(0))] += 1
        found.update(told(*each) for each in waiting)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(found.values()) == 6000
    assert set(found) <= {"right", "cancelled", "poison"}
    eventually(lambda: engine.stats().queued == engine.stats().running == 0)
    stats = engine.stats()
    assert stats.submitted == stats.joined + stats.completed + stats.failed + stats.cancelled
    assert (stats.queued_tokens, stats.queued_bytes, stats.restarts) == (0, 0, 0)
