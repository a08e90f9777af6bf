"""The measurements themselves: methods take turns, so that what else the machine does falls on all of them."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from eyelid.bench._clock import Spent, spent
from eyelid.bench._load import LoadPoint, closed_loop, quantile
from eyelid.bench._result import Latency, Load, Throughput

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """A method that is measured.

    Args:
        name: in tables and drawings.
        many: does texts together.
        one: does one for a client on an event loop; None leaves it out of the measurements under load.
        single: whether it is timed with one text at a time.
        dtype: the precision of which a share of the matrix peak is told; "" for none.
        chunk: texts of one call of `many`; 0 for as many as there are.
    """

    name: str
    many: Callable[[Sequence[str]], object]
    one: Callable[[str], Awaitable[object]] | None = None
    single: bool = True
    dtype: str = ""
    chunk: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure.

    Args:
        texts: for the throughput, over all rounds.
        rounds: turns that the methods take.
        singles: texts done one at a time.
        patience: seconds after which a method begins nothing more in a round.
        peak: seconds that the matrix peaks of one round take.
        clients: numbers of them, one after the other.
        seconds: for each number of clients.
    """

    texts: int = 300
    rounds: int = 5
    singles: int = 80
    patience: float = 4.0
    peak: float = 0.4
    clients: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    seconds: float = 3.0

    @classmethod
    def quick(cls) -> Plan:
        """A first impression, in about a quarter of the time."""
        return cls(texts=120, rounds=3, singles=30, peak=0.1, clients=(1, 8, 64), seconds=1.5)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one method did in one round."""

    wall: float
    cpu: float
    texts: int
    tokens: int
    share: float


def throughput(
    subjects: Sequence[Subject],
    texts: Sequence[str],
    tokens: Sequence[int],
    plan: Plan,
    operations: Callable[[Sequence[int]], float],
    peaks: Callable[[], Mapping[str, float]],
    kind: str,
    tell: Tell,
) -> tuple[list[Throughput], dict[str, float]]:
    """Many texts together, in rounds; the matrix peaks are measured in each round as well.

    Args:
        subjects: what takes turns.
        texts: the material.
        tokens: the length of each text.
        plan: how many rounds.
        operations: that sequences of such lengths need.
        peaks: measures operations a second by precision.
        kind: "cpu" or "cuda": whether a share of the peak is one of processor time or of the wall.
        tell: told what is going on.

    Returns:
        A row for each subject, and the median peaks.
    """
    turns: dict[str, list[_Turn]] = {subject.name: [] for subject in subjects}
    measured: list[Mapping[str, float]] = []
    for number in range(plan.rounds):
        tell(f"throughput, round {number + 1} of {plan.rounds}")
        part = list(zip(texts, tokens, strict=True))[number :: plan.rounds]
        measured.append(peaks())
        for subject in (*subjects[number % len(subjects) :], *subjects[: number % len(subjects)]):
            took, done = _turn(subject, [text for text, _ in part], plan.patience)
            lengths = [length for _, length in part[:done]]
            peak = measured[-1].get(subject.dtype, float("nan"))
            share = operations(lengths) / (took.cpu if kind == "cpu" else took.wall) / peak
            turns[subject.name].append(_Turn(took.wall, took.cpu, done, sum(lengths), share))
    highest = {name: statistics.median(each[name] for each in measured) for name in measured[0]}
    return [_row(subject, turns[subject.name]) for subject in subjects], highest


def _turn(subject: Subject, texts: Sequence[str], patience: float) -> tuple[Spent, int]:
    """What a method took, and how many texts it came through: a slow one need not do them all."""
    size, done = subject.chunk or len(texts), 0

    def work() -> None:
        nonlocal done
        until = time.perf_counter() + patience
        while done < len(texts) and (not done or time.perf_counter() < until):
            subject.many(texts[done : done + size])
            done = min(done + size, len(texts))

    return spent(work), done


def _row(subject: Subject, turns: Sequence[_Turn]) -> Throughput:
    rates = [turn.texts / turn.cpu for turn in turns]
    middle = statistics.median(rates)
    return Throughput(
        name=subject.name,
        per_cpu_second=middle,
        per_second=statistics.median(turn.texts / turn.wall for turn in turns),
        tokens_per_cpu_second=statistics.median(turn.tokens / turn.cpu for turn in turns),
        spread=(max(rates) - min(rates)) / 2 / middle,
        peak_share=statistics.median(turn.share for turn in turns) if subject.dtype else None,
    )


def latency(subjects: Sequence[Subject], texts: Sequence[str], tell: Tell) -> list[Latency]:
    """One text at a time, the methods in turns."""
    tell("latency of one text")
    chosen = [subject for subject in subjects if subject.single]
    seconds: dict[str, list[float]] = {subject.name: [] for subject in chosen}
    for text in texts:
        for subject in chosen:
            began = time.perf_counter()
            subject.many([text])
            seconds[subject.name].append(time.perf_counter() - began)
    return [Latency(name, quantile(each, 0.5), quantile(each, 0.99)) for name, each in seconds.items()]


def load(subjects: Sequence[Subject], texts: Sequence[str], plan: Plan, tell: Tell) -> list[Load]:
    """Clients in a closed loop, more and more of them, the methods in turns.

    Each request is another text: a guard may remember what it has seen.
    """
    numbers = count()
    serving = [(subject, subject.one) for subject in subjects if subject.one is not None]
    points: dict[str, list[LoadPoint]] = {subject.name: [] for subject, _ in serving}
    # One event loop for good: a lock belongs to the first that it was waited for on.
    with asyncio.Runner() as runner:
        for clients in plan.clients:
            for subject, one in serving:
                tell(f"{clients} clients: {subject.name}")

                def ask(text: str, one: Callable[[str], Awaitable[object]] = one) -> Awaitable[object]:
                    return one(f"{text} {next(numbers)}.")

                point = runner.run(closed_loop(ask, texts, clients=clients, seconds=plan.seconds))
                points[subject.name].append(point)
    return [Load(name, tuple(each)) for name, each in points.items()]
