"""How a peer is asked: one JSON object a line on standard input, one answer a line on standard output.

Every peer runs as a process of its own, from its own environment, so that methods which cannot be installed together
can still take turns. Each counts its own processor time. Nothing here needs more than the standard library.

    {"do": "round", "from": 0, "to": 64}            → {"wall", "cpu", "probabilities"}
    {"do": "clients", "clients": 64, "requests": n} → {"wall", "cpu", "latencies", "hold"}
    {"do": "single", "from": 0, "to": 64}           → {"latencies"}
    {"do": "stop"}

Seconds everywhere. A probability is that of the second label.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol


class Peer(Protocol):
    """A method under test. Only those that serve many callers have `one`."""

    packages: Sequence[str]

    async def many(self, texts: list[str]) -> list[float]: ...

    async def one(self, text: str) -> float: ...


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True, help="folder of a BertForSequenceClassification")
    parser.add_argument("--texts", type=Path, required=True, help="JSON list of texts")
    parser.add_argument("--threads", type=int, default=1, help="of torch; 0 leaves its default")
    return parser


def serve(make: Callable[[argparse.Namespace], Peer], args: argparse.Namespace) -> None:
    """Load the peer, then answer until told to stop. Whatever libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    texts = json.loads(args.texts.read_text("utf-8"))
    if args.threads:
        with suppress(ImportError):
            import torch

            torch.set_num_threads(args.threads)
    peer = make(args)
    print(json.dumps({"ready": {name: version(name) for name in peer.packages}}), file=answers)
    # One event loop for good: some peers tie themselves to the first they see.
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            question = json.loads(line)
            if question["do"] == "stop":
                break
            answer = _ANSWERS[question["do"]](peer, texts, question)
            print(json.dumps(runner.run(answer)), file=answers)


async def _round(peer: Peer, texts: list[str], question: dict[str, Any]) -> dict[str, Any]:
    part = texts[question["from"] : question["to"]]
    wall, cpu = time.perf_counter(), time.process_time()
    probabilities = await peer.many(part)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "probabilities": [float(p) for p in probabilities],
    }


async def _single(peer: Peer, texts: list[str], question: dict[str, Any]) -> dict[str, Any]:
    latencies = []
    for text in texts[question["from"] : question["to"]]:
        began = time.perf_counter()
        await peer.many([text])
        latencies.append(time.perf_counter() - began)
    return {"latencies": latencies}


async def _clients(peer: Peer, texts: list[str], question: dict[str, Any]) -> dict[str, Any]:
    """Each client asks for the next text as soon as it has an answer; a ticker sees how long the loop is held."""
    numbers, latencies, held, over = iter(range(question["requests"])), [], [0.0], asyncio.Event()

    async def ticker() -> None:
        while not over.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            held.append(time.perf_counter() - began - 0.001)

    async def client() -> None:
        for number in numbers:
            began = time.perf_counter()
            await peer.one(texts[number % len(texts)])
            latencies.append(time.perf_counter() - began)

    tick = asyncio.create_task(ticker())
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(question["clients"])))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    over.set()
    await tick
    return {"wall": wall, "cpu": cpu, "latencies": latencies, "hold": max(held)}


_ANSWERS: dict[str, Callable[[Peer, list[str], dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]] = {
    "round": _round,
    "single": _single,
    "clients": _clients,
}
