"""The server: what HTTP costs beside the guard in the same process, and what becomes of more than it can do.

1. Eight clients in another process ask the server, eight tasks in this one ask the same guard, in turns.
2. Requests come at random at 0.5 to 4 times what the server can do. What it takes it answers soon, what it does not
   take it refuses at once, nothing is allowed that was not looked at, and memory stays as it is.

    python benchmarks/serving.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _results import Found, options, progress, run

import eyelid
from eyelid.bench import closed_loop, make_texts, quantile
from eyelid.engine import Stats, engines
from eyelid.evaluation.figures import Figure
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.serving import Listen, Settings, serve

CLIENTS = 8
TIMES = (0.5, 1.0, 2.0, 4.0)
#: Seconds in which a refusal has to be there.
AT_ONCE = 0.010


def measure(args: argparse.Namespace) -> Found:
    rounds, seconds = (1, 2.0) if args.smoke else (args.rounds, args.seconds)
    texts = make_texts(512)
    rules = Policy.from_mapping({"engine": {"cache_mb": 0}})  # the texts come again and again, and are to be looked at
    with eyelid.load_guard(rules, images=False) as guard, served(guard, args.max_wait) as port:
        clients(port, texts, seconds=1.0)  # everything is loaded by then
        beside = [side_by_side(guard, port, texts, seconds) for _ in range(rounds)]
        alone = clients(port, texts, seconds=seconds, clients=1)
        capacity = rate(clients(port, texts, seconds=seconds, clients=4 * CLIENTS))
        loads = [under_load(port, texts, capacity, times, seconds) for times in TIMES]
    return [*cost(beside), *overload(loads, alone)], {
        "capacity": capacity,
        "alone": latency(alone),
        "beside": beside,
        "loads": loads,
    }


@contextmanager
def served(guard: Guard, max_wait: float | None) -> Iterator[int]:
    """The guard behind a server in this process."""
    begun = threading.Event()
    urls: list[str] = []

    def started(url: str) -> None:
        urls.append(url)
        begun.set()

    settings = Settings() if max_wait is None else Settings(max_wait=max_wait)
    arguments = {"settings": settings, "listen": Listen(port=0), "started": started}
    threading.Thread(target=serve, args=(guard,), kwargs=arguments, daemon=True).start()
    begun.wait(60)
    yield int(urls[0].rpartition(":")[2])


def clients(port: int, texts: list[str], *, seconds: float, **plan: Any) -> dict[str, Any]:
    """What clients in a process of their own see, and what this process spent meanwhile."""
    script = Path(__file__).with_name("_http_clients.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        said = {"host": "127.0.0.1", "port": port, "texts": texts, "seconds": seconds, **plan}
        child.stdin.write(json.dumps(said) + "\n")
        child.stdin.flush()
        child.stdout.readline()
        cpu = time.process_time()
        child.stdin.write("go\n")
        child.stdin.flush()
        found: dict[str, Any] = json.loads(child.stdout.readline())
    return {**found, "server_cpu": time.process_time() - cpu}


def side_by_side(guard: Guard, port: int, texts: list[str], seconds: float) -> dict[str, float]:
    """One round: the guard itself, then the same over HTTP."""
    progress("the guard itself, then over HTTP")
    inside = asyncio.run(closed_loop(lambda text: guard.acheck(response=text), texts, clients=CLIENTS, seconds=seconds))
    over = clients(port, texts, seconds=seconds, clients=CLIENTS)
    return {
        "inside": inside.per_second,
        "inside_cpu": inside.per_cpu_second,
        "http": rate(over),
        "http_cpu": answered(over) / over["server_cpu"],
        "refused": float(sum(len(some) for status, some in over["seconds"].items() if status != "200")),
    }


def under_load(port: int, texts: list[str], capacity: float, times: float, seconds: float) -> dict[str, Any]:
    """Requests that come at a multiple of the capacity."""
    progress(f"{times:g} times the capacity")
    before = [engine.stats() for engine in engines()]
    found = clients(port, texts, seconds=seconds, rate=times * capacity, seed=int(times * 10))
    refusals = [each for status in ("429", "503") for each in found["seconds"].get(status, [])]
    return {
        "times": times,
        "asked": sum(map(len, found["seconds"].values())),
        "statuses": {status: len(some) for status, some in found["seconds"].items()},
        "unlooked": found["unlooked"],
        "accepted": latency(found),
        "refused": {"count": len(refusals), "p50": quantile(refusals, 0.5), "p99": quantile(refusals, 0.99)},
        "batch": batch_seconds(before, [engine.stats() for engine in engines()]),
        "memory": memory(),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def batch_seconds(before: list[Stats], after: list[Stats]) -> float:
    """Seconds of a pass on average, among those in between."""
    total = sum(s.pass_seconds.total for s in after) - sum(s.pass_seconds.total for s in before)
    passes = sum(s.passes for s in after) - sum(s.passes for s in before)
    return total / passes if passes else 0.0


def memory() -> float:
    """MiB that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def answered(found: Mapping[str, Any]) -> int:
    return len(found["seconds"].get("200", []))


def rate(found: Mapping[str, Any]) -> float:
    return answered(found) / float(found["wall"])


def latency(found: Mapping[str, Any]) -> dict[str, float]:
    some = found["seconds"].get("200", [])
    return {"count": len(some), "p50": quantile(some, 0.5), "p99": quantile(some, 0.99)}


def cost(beside: list[dict[str, float]]) -> list[Figure]:
    """What is left of the guard's throughput over HTTP, round by round."""
    wall = [each["http"] / each["inside"] for each in beside]
    cpu = [each["http_cpu"] / each["inside_cpu"] for each in beside]
    spread = f"{min(wall):.2f} to {max(wall):.2f}"
    inside, http = (quantile([each[name] for each in beside], 0.5) for name in ("inside", "http"))
    return [
        Figure("texts a second, 8 tasks, the guard itself", inside, len(beside)),
        Figure("texts a second, 8 clients, over HTTP", http, len(beside)),
        Figure("HTTP / the guard itself", quantile(wall, 0.5), len(wall), at_least=0.75, note=spread),
        Figure("the same by processor time of the server", quantile(cpu, 0.5), len(cpu), at_least=0.75),
    ]


def overload(loads: list[dict[str, Any]], alone: Mapping[str, Any]) -> list[Figure]:
    """What became of too much."""
    unloaded = latency(alone)["p99"]
    batch = max(load["batch"] for load in loads)
    bound = 2 * unloaded + batch
    figures = [Figure("p99 alone, ms", 1000 * unloaded), Figure("one batch, ms", 1000 * batch)]
    for load in loads:
        name = f"at {load['times']:g} times the capacity"
        accepted, refused = load["accepted"], load["refused"]
        note = f"{accepted['count']} of {load['asked']} accepted"
        figures.append(Figure(f"accepted p99 {name}, ms", 1000 * accepted["p99"], at_most=1000 * bound, note=note))
        if refused["count"]:
            said = f"p50 {1000 * refused['p50']:.1f}"
            figures.append(
                Figure(
                    f"refused p99 {name}, ms",
                    1000 * refused["p99"],
                    refused["count"],
                    at_most=1000 * AT_ONCE,
                    note=said,
                )
            )
    unlooked, asked = sum(load["unlooked"] for load in loads), sum(load["asked"] for load in loads)
    growth = loads[-1]["memory"] - loads[0]["memory"]
    return [
        *figures,
        Figure("allowed without having been looked at", unlooked, asked, at_most=0),
        Figure("memory gained from the first load to the last, MiB", growth, at_most=20),
    ]


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of the first part (default: 5)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement (default: 20)")
    parser.add_argument("--max-wait", type=float, help="of the server; its default if left out")
    sys.exit(run("serving", measure, parser.parse_args()))
