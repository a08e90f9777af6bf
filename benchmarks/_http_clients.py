"""Clients of the server in a process of their own, so that what they cost is not what the server costs.

Reads one JSON document from standard input, says "ready", waits for a line, asks, and writes what it saw. HTTP is
spoken by hand over connections that are kept: a client library would cost more than the server.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

HEAD = b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@dataclass(slots=True)
class Plan:
    """Closed loop where `rate` is 0, else requests arrive at random at so many a second."""

    host: str
    port: int
    texts: list[str]
    seconds: float
    clients: int = 8
    rate: float = 0.0
    seed: int = 0


@dataclass(slots=True)
class Seen:
    """What became of the requests: latencies in seconds by status, and answers that are none."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    unlooked: int = 0
    wall: float = 0.0

    def add(self, status: int, seconds: float, body: bytes, text: str) -> None:
        self.seconds.setdefault(status, []).append(seconds)
        if status != 200:
            return
        record = json.loads(body)
        self.actions[record["action"]] = self.actions.get(record["action"], 0) + 1
        allowed = record["action"] == "allow"
        looked = record["coverage"]["complete"] and record["coverage"]["total_characters"] == len(text)
        if allowed and not (looked and record["text"] == text and record["status"] == "clean"):
            self.unlooked += 1


class Connection:
    """One connection, opened when it is first used."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(self._plan.host, self._plan.port)
        self._writer.write(HEAD % len(body) + body)
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        length = next(int(line[16:]) for line in lines if line.lower().startswith(b"content-length: "))
        return int(first.split()[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def closed(plan: Plan, seen: Seen) -> None:
    """Each client asks again as soon as it has an answer."""
    bodies = [json.dumps({"response": text}).encode() for text in plan.texts]
    until = time.perf_counter() + plan.seconds

    async def client(first: int) -> None:
        connection, number = Connection(plan), first
        while time.perf_counter() < until:
            at = number % len(bodies)
            began = time.perf_counter()
            status, body = await connection.ask(bodies[at])
            seen.add(status, time.perf_counter() - began, body, plan.texts[at])
            number += plan.clients
        connection.close()

    await asyncio.gather(*(client(first) for first in range(plan.clients)))


async def opened(plan: Plan, seen: Seen) -> None:
    """Requests come when they come, whatever became of those before; each takes a connection that is free."""
    bodies = [json.dumps({"response": text}).encode() for text in plan.texts]
    rng = random.Random(plan.seed)
    free: list[Connection] = []
    asked: set[asyncio.Task[None]] = set()

    async def request(at: int) -> None:
        connection = free.pop() if free else Connection(plan)
        began = time.perf_counter()
        try:
            status, body = await connection.ask(bodies[at])
        except (OSError, asyncio.IncompleteReadError):
            seen.add(0, time.perf_counter() - began, b"", "")
            return
        seen.add(status, time.perf_counter() - began, body, plan.texts[at])
        free.append(connection)

    due = time.perf_counter()
    until = due + plan.seconds
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(request(rng.randrange(len(bodies))))
        asked.add(task)
        task.add_done_callback(asked.discard)
        due += rng.expovariate(plan.rate)
    await asyncio.gather(*asked)
    for connection in free:
        connection.close()


async def main(plan: Plan) -> dict[str, Any]:
    seen = Seen()
    act: Callable[[Plan, Seen], Awaitable[None]] = opened if plan.rate else closed
    began = time.perf_counter()
    await act(plan, seen)
    return {
        "seconds": seen.seconds,
        "actions": seen.actions,
        "unlooked": seen.unlooked,
        "wall": time.perf_counter() - began,
        "cpu": time.process_time(),
    }


if __name__ == "__main__":
    plan = Plan(**json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asyncio.run(main(plan))), flush=True)
