"""How many replicas there are on Ray, and what each may use."""

from __future__ import annotations

from dataclasses import dataclass

from eyelid.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How many replicas, and what each may use.

    Args:
        replicas: how many, at all times; the least of them where `most` is given.
        most: up to how many are started while there is much to do.
        cpus: of each, which the models of a guard should keep to (`load_guard(threads=...)`).
        gpus: of each; parts of one can be shared.
        grace: seconds in which a replica that has to go may finish what it is at.
    """

    replicas: int = 1
    most: int | None = None
    cpus: int = 1
    gpus: float = 0.0
    grace: float = 30.0

    def __post_init__(self) -> None:
        if min(self.replicas, self.cpus) < 1 or min(self.gpus, self.grace) < 0:
            raise ConfigurationError(f"{self} cannot be: at least 1 replica with 1 CPU is needed, and nothing below 0")
        if self.most is not None and self.most < self.replicas:
            raise ConfigurationError(f"at most {self.most} replicas are fewer than at least {self.replicas}")
