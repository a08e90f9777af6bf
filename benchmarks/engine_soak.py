"""A long run of everything at once: nothing lost, nothing crossed, good items as when alone.

100,000 requests from 64 threads and 64 tasks of an event loop, some of them for the same work, some cancelled at
random, one in a hundred poisoned so that its whole pass fails. The model is a pure function, so that every answer can
be checked; a smaller run does the same on the embedded encoder. Takes about a minute.

    python benchmarks/engine_soak.py
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from _results import Found, options, progress, run

from eyelid.bench import make_texts, spent
from eyelid.engine import Device, Engine, Item
from eyelid.errors import EyelidError
from eyelid.evaluation.figures import Figure
from eyelid.models import FrozenEncoder, WindowTokenizer, embed, find_backbone

#: Seconds after which an answer counts as lost.
LATE = 120.0
CANCELLED, POISONED, SAME = 0.1, 0.01, 0.1
#: What an embedding of length 1 may differ by from that of the text alone.
SAME_EMBEDDING = 1e-4


class Poison(Exception):
    """What a poisoned item does to its pass."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A number, and what it does: "" nothing, "raise" fails the whole pass, "return" fails by itself."""

    number: int
    harm: str = ""


class Model(Protocol):
    """What is asked, and how its answers are known."""

    @property
    def name(self) -> str: ...

    def run(self, batch: Sequence[Payload], /) -> Sequence[Any]: ...

    def tokens(self, number: int) -> int: ...

    def right(self, number: int, found: Any) -> bool: ...


class Pure:
    """A cheap function of the number."""

    name = "pure"

    def run(self, batch: Sequence[Payload], /) -> list[int | Exception]:
        if any(payload.harm == "raise" for payload in batch):
            raise Poison
        return [Poison() if payload.harm else answer(payload.number) for payload in batch]

    def tokens(self, number: int) -> int:
        return number % 256 + 1

    def right(self, number: int, found: Any) -> bool:
        return bool(found == answer(number))


def answer(number: int) -> int:
    return zlib.crc32(str(number).encode())


class Embedding:
    """The encoder of the embedded detector in float32; each text's embedding is known from when it was alone."""

    name = "encoder"

    def __init__(self, texts: Sequence[str]) -> None:
        folder, many = find_backbone(), len(texts)
        self._encoder = FrozenEncoder(folder, dtype=torch.float32)
        looks = WindowTokenizer(folder / "tokenizer.json").windows(list(texts), [""] * many, [False] * many)
        self._windows = [windows[0] for windows in looks]
        torch.set_num_threads(1)
        self._alone = [embed(self._encoder, [window])[0] for window in self._windows]

    def run(self, batch: Sequence[Payload], /) -> list[Any]:
        if any(payload.harm == "raise" for payload in batch):
            raise Poison
        found = embed(self._encoder, [self._windows[payload.number % len(self._windows)] for payload in batch])
        return [Poison() if payload.harm else one for payload, one in zip(batch, found, strict=True)]

    def tokens(self, number: int) -> int:
        return len(self._windows[number % len(self._windows)].ids)

    def right(self, number: int, found: Any) -> bool:
        return bool(abs(found - self._alone[number % len(self._alone)]).max() <= SAME_EMBEDDING)


class Client:
    """Asks for its share of the numbers and counts what came of them."""

    def __init__(self, engine: Engine, runner: Model, numbers: Iterator[int], seed: int) -> None:
        self.came: Counter[str] = Counter()
        self._engine, self._runner, self._numbers, self._rng = engine, runner, numbers, random.Random(seed)

    def ask(self) -> None:
        """From a thread, several at a time."""
        for numbers in _groups(self._numbers, self._rng):
            asked = [(payload, self._submit(payload)) for payload in map(self._payload, numbers)]
            self._cancel([future for _, future in asked])
            for payload, future in asked:
                self._count(payload, lambda future=future: future.result(LATE))

    async def ask_soon(self) -> None:
        """From a task of an event loop, several at a time."""
        for numbers in _groups(self._numbers, self._rng):
            asked = [(payload, asyncio.wrap_future(self._submit(payload))) for payload in map(self._payload, numbers)]
            self._cancel([future for _, future in asked])
            for payload, future in asked:
                await asyncio.wait([future], timeout=LATE)
                self._count(payload, lambda future=future: _now(future))

    def _cancel(self, futures: Sequence[Future[Any] | asyncio.Future[Any]]) -> None:
        for future in reversed(futures):
            if self._rng.random() < CANCELLED:
                future.cancel()

    def _payload(self, number: int) -> Payload:
        harm = self._rng.choice(("raise", "return")) if self._rng.random() < POISONED else ""
        if not harm and self._rng.random() < SAME:
            number %= 100
        return Payload(number, harm)

    def _submit(self, payload: Payload) -> Future[Any]:
        key = payload.number if not payload.harm and payload.number < 100 else None
        return self._engine.submit(Item(self._runner, payload, self._runner.tokens(payload.number), size=64, key=key))

    def _count(self, payload: Payload, result: Callable[[], int]) -> None:
        try:
            found = result()
        except (CancelledError, asyncio.CancelledError):
            self.came["cancelled"] += 1
        except (LateError, TimeoutError):
            self.came["lost"] += 1
        except Poison:
            self.came["poisoned" if payload.harm else "good items that failed"] += 1
        except EyelidError as error:
            self.came[f"refused: {type(error).__name__}"] += 1
        else:
            right = not payload.harm and self._runner.right(payload.number, found)
            self.came["answered" if right else "crossed"] += 1


def _now(future: asyncio.Future[Any]) -> Any:
    if not future.done():
        raise TimeoutError
    return future.result()


def _groups(numbers: Iterator[int], rng: random.Random) -> Iterator[list[int]]:
    while group := list(islice(numbers, rng.randint(1, 8))):
        yield group


def soak(engine: Engine, runner: Model, requests: int, threads: int, tasks: int, seed: int) -> Counter[str]:
    """What came of so many requests, half of them from threads and half from tasks."""
    half = requests // 2
    of_threads = [Client(engine, runner, iter(range(n, half, threads)), seed + n) for n in range(threads)]
    of_tasks = [Client(engine, runner, iter(range(half + n, requests, tasks)), seed - n - 1) for n in range(tasks)]

    async def together() -> None:
        await asyncio.gather(*(client.ask_soon() for client in of_tasks))

    running = [threading.Thread(target=client.ask) for client in of_threads]
    for thread in running:
        thread.start()
    asyncio.run(together())
    for thread in running:
        thread.join()
    return sum((client.came for client in (*of_threads, *of_tasks)), Counter())


def after_a_failure(engine: Engine, times: int) -> int:
    """How often, right after a pass that failed, the next request was answered."""
    runner, right = Pure(), 0
    for number in range(times):
        failed = engine.submit(Item(runner, Payload(number, "raise"), 16))
        assert isinstance(failed.exception(LATE), Poison)
        right += engine.submit(Item(runner, Payload(number), 16)).result(LATE) == answer(number)
    return right


def measure(args: argparse.Namespace) -> Found:
    engine = Engine(Device("cpu", workers=args.workers))
    soak(engine, Pure(), 2_000, 8, 8, args.seed)
    progress("a pure function")
    requests = 4_000 if args.smoke else args.requests
    figures = list(judged("pure function", engine, Pure(), requests, args))
    progress("the encoder, each text alone")
    texts = make_texts(64 if args.smoke else 512, seed=args.seed, longest=64)
    progress("the encoder, all at once")
    figures += judged("encoder", engine, Embedding(texts), 400 if args.smoke else args.real, args)
    recovered = after_a_failure(engine, 100)
    figures.append(Figure("next request answered after a failed pass", recovered, 100, at_least=100))
    stats = engine.stats()
    figures.append(Figure("still queued or running at the end", stats.queued + stats.running, at_most=0))
    engine.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.append(Figure("peak memory with the model, MiB", peak))
    return figures, {"engine": {"passes": stats.passes, "joined": stats.joined, "failed": stats.failed}}


def judged(what: str, engine: Engine, model: Model, requests: int, args: argparse.Namespace) -> Iterator[Figure]:
    before, came = _resident(), Counter[str]()
    took = spent(lambda: came.update(soak(engine, model, requests, args.threads, args.tasks, args.seed)))
    grown = _resident() - before
    settled = sum(came[name] for name in ("answered", "cancelled", "poisoned"))
    refused = sum(number for name, number in came.items() if name.startswith("refused"))
    yield Figure(f"{what}: answered, cancelled or poisoned as they should", settled, requests, at_least=requests)
    for name in ("lost", "crossed", "good items that failed"):
        yield Figure(f"{what}: {name}", came[name], requests, at_most=0)
    yield Figure(f"{what}: refused", refused, requests, at_most=0)
    for name in ("answered", "cancelled", "poisoned"):
        yield Figure(f"{what}: {name}", came[name], requests)
    note = f"{took.wall:.1f} s of the wall"
    yield Figure(f"{what}: requests a second of processor time", requests / took.cpu, requests, note=note)
    yield Figure(f"{what}: memory grown, MiB", grown / 2**20, requests)


def _resident() -> int:
    """Bytes in memory now (Linux)."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--real", type=int, default=4_000, help="requests to the encoder")
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2, help="of the engine")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem.replace("_", "-"), measure, parse()))
