"""A guard on Ray Serve: a remote call for each text against one for a batch, and replicas killed under load.

Two replicas on this machine, whose detector finds words and costs nothing: what is measured is Ray. About 2 minutes.

    python benchmarks/cluster.py
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from _results import Found, options, progress, run

from eyelid import Guard, Status
from eyelid.bench import make_texts
from eyelid.evaluation.figures import Figure
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.serving import Listen, RayDetector, RayRunner, Scale, Settings, on_ray
from eyelid.testing import FakeDetector

CLIENTS, BATCH = 64, 64
#: How many times as many texts a second when a batch is one call.
GOAL = 10.0
#: What the fakes find: the probe of a server, and what is sent to be found.
FOUND = {"ignore all previous instructions": 0.97}
HARM = {"poison": 0.9}


def measure(args: argparse.Namespace) -> Found:
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch)
        listen = Listen(port=0, grace=5)
        with on_ray(loader(notes, args.seconds), Settings(max_wait=30.0), listen, Scale(replicas=2)) as url:
            rates = calls(1 if args.smoke else args.rounds, 256 if args.smoke else args.texts, args.seed)
            requests = 300 if args.smoke else args.requests
            http = killed("HTTP", notes, lambda kill: over_http(url, requests, kill))
            ready(notes, url)
            remote = killed("remote calls", notes, lambda kill: over_calls(requests, kill))
    ratios = [batched / each for each, batched in zip(rates["a call each"], rates["batches"], strict=True)]
    spread = f"times; {min(ratios):.1f} to {max(ratios):.1f}"
    figures = [
        Figure(f"texts/s, a call each, {CLIENTS} at a time", statistics.median(rates["a call each"])),
        Figure(f"texts/s, calls of {BATCH}", statistics.median(rates["batches"])),
        Figure(f"texts/s, {CLIENTS} clients share calls", statistics.median(rates["gathered"])),
        Figure("calls of a batch against a call each", statistics.median(ratios), at_least=GOAL, note=spread),
        *fates("HTTP", http),
        *fates("remote calls", remote),
    ]
    return figures, {"texts per second": rates, "HTTP": http, "remote calls": remote}


def loader(notes: Path, seconds: float) -> Callable[[], Guard]:
    """Makes the guard of a replica, which takes `seconds` over each call where something is killed."""

    # Defined in here they travel by value: the replicas cannot import a script.
    class Words(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            if any(request.text.startswith("slowly") for request in batch):
                time.sleep(seconds)
            return super().score(batch)

    def load() -> Guard:
        (notes / str(os.getpid())).touch()
        return Guard([Words(HARM, injection=FOUND)], workers=8)

    return load


def calls(rounds: int, count: int, seed: int) -> dict[str, list[float]]:
    """Texts a second, in turns."""
    requests = [ScoreRequest(text) for text in make_texts(count, seed=seed)]
    runner = RayRunner(seconds=60.0)
    methods: dict[str, Callable[[], int]] = {
        "a call each": lambda: one_by_one(runner, requests[: max(CLIENTS, count // 8)]),
        "batches": lambda: in_batches(runner, requests),
        "gathered": lambda: asyncio.run(gathered(requests)),
    }
    rates: dict[str, list[float]] = {name: [] for name in methods}
    in_batches(runner, requests[:BATCH])
    for number in range(rounds):
        progress(f"calls, round {number + 1} of {rounds}")
        for name, method in methods.items():
            began = time.perf_counter()
            rates[name].append(method() / (time.perf_counter() - began))
    return rates


def one_by_one(runner: RayRunner, requests: Sequence[ScoreRequest]) -> int:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return whole([found for made in pool.map(lambda request: runner.run([request]), requests) for found in made])


def in_batches(runner: RayRunner, requests: Sequence[ScoreRequest]) -> int:
    lots = [requests[at : at + BATCH] for at in range(0, len(requests), BATCH)]
    with ThreadPoolExecutor(2) as pool:
        return whole([found for made in pool.map(runner.run, lots) for found in made])


async def gathered(requests: Sequence[ScoreRequest]) -> int:
    """Clients that each ask for one text, and wait, and ask for the next."""
    detector, waiting = RayDetector(RayRunner(seconds=60.0)), list(requests)
    found: list[Any] = []

    async def client() -> None:
        while waiting:
            found.extend(await asyncio.wrap_future(detector.start([waiting.pop()])))

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    detector.close()
    return whole(found)


def whole(found: Sequence[Any]) -> int:
    if not all(isinstance(each, Assessment) for each in found):
        raise RuntimeError("a call failed though nothing was killed")
    return len(found)


def killed(what: str, notes: Path, load: Callable[[Callable[[], None]], Counter[str]]) -> dict[str, int]:
    """What became of each request while replicas were killed."""
    progress(f"killing a replica under load: {what}")

    def kill() -> None:
        oldest = min(notes.iterdir(), key=lambda note: note.stat().st_mtime_ns)
        oldest.unlink()
        os.kill(int(oldest.name), signal.SIGKILL)

    return dict(load(kill))


def over_http(url: str, requests: int, kill: Callable[[], None]) -> Counter[str]:
    import httpx

    def ask(number: int) -> str:
        harmful = number % 3 == 0
        body = {"response": f"slowly {'poison' if harmful else 'water'} {number}"}
        for attempt in range(3):
            try:
                answer = client.post("/v1/check", json=body)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                right = answer.json()["action"] == ("block" if harmful else "allow")
                return ("right" if attempt == 0 else "right when asked again") if right else "lost"
        return "failed closed"

    with httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, number) for number in range(requests)]
        after(asked, requests // 4, kill)
        return Counter(each.result() for each in asked)


def over_calls(requests: int, kill: Callable[[], None]) -> Counter[str]:
    detector = RayDetector(RayRunner(seconds=30.0))

    def ask(number: int) -> str:
        harmful = number % 3 == 0
        outcome = guard.check(response=f"slowly {'poison' if harmful else 'water'} {number}")
        if outcome.status is Status.FAILED:
            return "lost" if outcome.verdict.action == "allow" else "failed closed"
        return "right" if outcome.verdict.action == ("block" if harmful else "allow") else "lost"

    with Guard([detector]) as guard, ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, number) for number in range(requests)]
        after(asked, requests // 4, kill)
        counts = Counter(each.result() for each in asked)
    detector.close()
    return counts


def after(asked: Sequence[Future[str]], number: int, kill: Callable[[], None]) -> None:
    while sum(each.done() for each in asked) < number:
        time.sleep(0.005)
    kill()


def ready(notes: Path, url: str) -> None:
    """Wait until Ray has put another replica in the place of the killed one."""
    import httpx

    until = time.monotonic() + 60
    while len(list(notes.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    httpx.get(f"{url}/readyz", timeout=30).raise_for_status()


def fates(what: str, counts: dict[str, int]) -> Iterator[Figure]:
    sent = sum(counts.values())
    for name in ("right", "right when asked again", "failed closed"):
        if name in counts or name != "right when asked again":
            yield Figure(f"{what}, a replica killed: {name}", counts.get(name, 0), sent)
    yield Figure(f"{what}, a replica killed: lost or wrong", counts.get("lost", 0), sent, at_most=0)


def quietly(args: argparse.Namespace) -> Found:
    with redirect_stdout(sys.stderr):  # Ray tells of dead processes where the table comes
        return measure(args)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=4096, help="of a round; an eighth of them for a call each")
    parser.add_argument("--requests", type=int, default=3000, help="while a replica is killed")
    parser.add_argument("--seconds", type=float, default=0.02, help="that a call takes while a replica is killed")
    parser.add_argument("--seed", type=int, default=0)
    sys.exit(run("cluster", quietly, parser.parse_args()))
