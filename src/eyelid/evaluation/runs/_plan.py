"""What a run is made with."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.evaluation.asking import ASK_SECONDS
from eyelid.evaluation.judges import Judge
from eyelid.evaluation.records import Manifest
from eyelid.evaluation.runs._defense import Defense, NoDefense
from eyelid.evaluation.runs._rows import Fingerprint, Rows
from eyelid.evaluation.samples import Sample
from eyelid.protocols import AskRequest, Host
from eyelid.types import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Settings of a run.

    Args:
        benchmark: its name.
        host: the model that answers; `None` where all rows hold the text that is looked at.
        defense: what stands between.
        judges: of the first and of the final answers; their names must differ.
        options: how the benchmark was read, for the record.
        system: what the model is told beforehand.
        budget: tokens of a first answer at most.
        temperature: of first answers.
        seed: of the model's drawing, where it draws.
        seconds: for each answer of the host.
        batch: rows that are worked on together.
        concurrency: batches at the same time.

    Raises:
        ConfigurationError: two judges of the same name, or a number out of range.
    """

    benchmark: str
    host: Host | None = None
    defense: Defense = field(default_factory=NoDefense)
    judges: Sequence[Judge] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    system: str = field(default="", repr=False)
    budget: int = 1024
    temperature: float = 0.0
    seed: int = 0
    seconds: float = ASK_SECONDS
    batch: int = 32
    concurrency: int = 2

    def __post_init__(self) -> None:
        names = [judge.name for judge in self.judges]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"judges are told apart by their names, and two have the same: {', '.join(names)}")
        for name in ("budget", "batch", "concurrency"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.temperature >= 0.0:
            raise ConfigurationError(f"temperature is {self.temperature}; it must be 0 or a number above")

    @property
    def model(self) -> str:
        """Identity of the model that answers; "" where there is none."""
        return self.host.name if self.host else ""

    def request(self, sample: Sample, images: tuple[Image, ...]) -> AskRequest:
        """How the model is asked for its first answer."""
        return AskRequest(sample.prompt, images, self.system, self.budget, self.temperature, self.seed)

    def manifest(self, found: Fingerprint, rows: Rows) -> Manifest:
        """All of this, as it stands in the run's folder."""
        chosen = {name: getattr(rows, name) for name in ("limit", "draw") if getattr(rows, name) is not None}
        return Manifest(
            benchmark=self.benchmark,
            samples=found.count,
            fingerprint=found.digest,
            host=self.model,
            defense=self.defense.name,
            guard=self.defense.guard,
            judges=tuple(judge.name for judge in self.judges),
            options={**self.options, **chosen},
            seed=self.seed,
            asking={"budget": self.budget, "temperature": self.temperature, "system": _digest(self.system)},
            version=_version(),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            circumstances={
                "batch": self.batch,
                "concurrency": self.concurrency,
                "machine": platform.machine(),
                "system": platform.system(),
                "python": platform.python_version(),
            },
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12] if text else ""


def _version() -> str:
    try:
        return version("eyelid")
    except PackageNotFoundError:
        return "unknown"
