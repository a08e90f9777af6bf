"""What a run of `eyelid bench` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from eyelid.bench._load import LoadPoint


@dataclass(frozen=True, slots=True)
class Throughput:
    """Many texts at once.

    Args:
        name: of the method.
        per_cpu_second, per_second: texts a second of processor time, and of the wall; medians over rounds.
        tokens_per_cpu_second: useful tokens, padding and special views left out.
        spread: half the range of the rounds over their median.
        peak_share: operations that the texts need over those the machine can do in the time; None where not known.
    """

    name: str
    per_cpu_second: float
    per_second: float
    tokens_per_cpu_second: float
    spread: float
    peak_share: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """One text at a time, in seconds."""

    name: str
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Load:
    """Rising numbers of clients."""

    name: str
    points: Sequence[LoadPoint]


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole run.

    Args:
        date: ISO 8601, UTC.
        machine: what it ran on.
        device: what was chosen to run on, and why.
        texts, tokens: that were used.
        peaks: operations a second by precision, measured in the same run.
        notes: what was left out, and why.
    """

    date: str
    machine: Mapping[str, Any]
    device: str
    texts: int
    tokens: int
    peaks: Mapping[str, float]
    throughput: Sequence[Throughput]
    latency: Sequence[Latency]
    load: Sequence[Load]
    notes: Sequence[str] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)
