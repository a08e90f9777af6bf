"""Many clients of one process: 64 in a closed loop, single texts, everything on one core, in turns with the peers.

Also how long the event loop is held, and what the queue itself costs when the model costs nothing. About 5 minutes.

    python benchmarks/engine_concurrency.py --main PYTHON --infinity PYTHON
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from _model import write_model
from _peers import (
    BATCHED,
    EYELID,
    EYELID_BF16,
    INFINITY,
    PIPELINE,
    Method,
    environments,
    started,
    with_environments,
)
from _results import Found, options, progress, run

from eyelid.bench import make_texts, quantile, spent
from eyelid.engine import Device, Engine, Item
from eyelid.evaluation.figures import Figure

METHODS = (EYELID_BF16, EYELID, PIPELINE, BATCHED, INFINITY)
#: How many times as many requests a second as each of them.
GOALS = {INFINITY: 7.0, PIPELINE: 3.8}
#: Microseconds of processor time that a request may cost beside its model.
QUEUE = 10.0
Rows = Mapping[Method, Sequence[Mapping[str, Any]]]


def measure(args: argparse.Namespace) -> Found:
    figures = list(queue(args))
    texts = make_texts(args.requests, seed=args.seed)
    rounds, requests, clients = (1, 24, 8) if args.smoke else (args.rounds, args.requests, args.clients)
    with tempfile.TemporaryDirectory() as scratch:
        model = write_model(Path(scratch), seed=args.seed)
        with started(METHODS, environments(args), model, texts, cores=[args.core]) as peers:
            taken: dict[Method, list[Mapping[str, Any]]] = {peer.method: [] for peer in peers}
            for peer in peers:
                peer.ask(do="clients", clients=4, requests=16)
            for number in range(rounds):
                progress(f"round {number + 1} of {rounds}")
                for peer in (*peers[number % len(peers) :], *peers[: number % len(peers)]):
                    found = peer.ask(do="clients", clients=clients, requests=requests)
                    taken[peer.method].append(found | {"per_second": requests / found["wall"]})
            versions = {peer.method.name: peer.versions for peer in peers}
    figures += [*rates(taken), *ratios(taken)]
    rows = {method.name: [_short(each) for each in each_round] for method, each_round in taken.items()}
    return figures, {"versions": versions, "rounds": rows}


def _short(row: Mapping[str, Any]) -> dict[str, float]:
    latencies = row["latencies"]
    kept = {name: row[name] for name in ("wall", "cpu", "hold", "per_second")}
    return kept | {"p50": quantile(latencies, 0.5), "p99": quantile(latencies, 0.99)}


def rates(taken: Rows) -> Iterator[Figure]:
    for method, rows in taken.items():
        ours = method is EYELID_BF16
        values = [row["per_second"] for row in rows]
        p50, p99 = (statistics.median(quantile(row["latencies"], q) for row in rows) for q in (0.5, 0.99))
        hold = statistics.median(row["hold"] for row in rows)
        note = (
            f"{min(values):.1f} to {max(values):.1f}; {statistics.median(r['cpu'] / r['wall'] for r in rows):.2f} cores"
        )
        yield Figure(f"{method.name}, requests a second", statistics.median(values), len(rows), note=note)
        yield Figure(f"{method.name}, median latency, ms", 1000 * p50, len(rows))
        goal = 2.0 if ours else None
        yield Figure(f"{method.name}, 99th percentile / median", p99 / p50, len(rows), at_most=goal)
        worst = 1000 * max(row["hold"] for row in rows)
        name = f"{method.name}, event loop held at most, ms"
        yield Figure(
            name, 1000 * hold, len(rows), at_most=10.0 if ours else None, note=f"in the worst round {worst:.1f}"
        )


def ratios(taken: Rows) -> Iterator[Figure]:
    for method in (each for each in taken if each not in (EYELID, EYELID_BF16)):
        values = [
            own["per_second"] / theirs["per_second"]
            for own, theirs in zip(taken[EYELID_BF16], taken[method], strict=True)
        ]
        note = f"rounds {min(values):.2f} to {max(values):.2f}"
        name = f"{EYELID_BF16.name} / {method.name}"
        yield Figure(name, statistics.median(values), len(values), at_least=GOALS.get(method), note=note)


def queue(args: argparse.Namespace) -> Iterator[Figure]:
    """Processor time of a request to a model that costs nothing, in microseconds, and the same without a queue."""
    count, repeats = (10_000, 2) if args.smoke else (50_000, 7)
    engine = Engine(Device("cpu", workers=1))
    runner, bare = Nothing(), Bare()
    ways: dict[str, Callable[[], Future[Any]]] = {
        "queue": lambda: engine.submit(Item(runner, 0, 100)),
        "no queue, a thread that answers": bare.submit,
    }
    drivers: dict[str, Callable[[Callable[[], Future[Any]], int], None]] = {
        "64 in flight": lambda submit, many: in_flight(submit, many, 64),
        "5,000 in flight": lambda submit, many: in_flight(submit, many, 5_000),
        "64 asyncio clients": awaited,
    }
    for driver, drive in drivers.items():
        for way, submit in ways.items():
            values = [
                1e6 * spent(lambda drive=drive, submit=submit: drive(submit, count)).cpu / count for _ in range(repeats)
            ]
            goal = QUEUE if way == "queue" and driver == "64 in flight" else None
            note = f"{min(values):.1f} to {max(values):.1f}"
            yield Figure(f"{way}, {driver}, µs a request", statistics.median(values), count, at_most=goal, note=note)
    engine.close()


class Nothing:
    """A model that costs nothing."""

    name = "nothing"

    def run(self, batch: Sequence[Any], /) -> Sequence[Any]:
        return batch


class Bare:
    """A thread that answers what it is handed: the least that any queue costs."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[Future[Any]] = SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def submit(self) -> Future[Any]:
        future: Future[Any] = Future()
        self._asked.put(future)
        return future

    def _serve(self) -> None:
        while True:
            self._asked.get().set_result(None)


def in_flight(submit: Callable[[], Future[Any]], count: int, together: int) -> None:
    for _ in range(count // together):
        for future in [submit() for _ in range(together)]:
            future.result()


def awaited(submit: Callable[[], Future[Any]], count: int) -> None:
    async def client() -> None:
        for _ in range(count // 64):
            await asyncio.wrap_future(submit())

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(64)))

    asyncio.run(clients())


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = with_environments(options(__doc__))
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=0, help="the one that everything is pinned to")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem.replace("_", "-"), measure, parse()))
