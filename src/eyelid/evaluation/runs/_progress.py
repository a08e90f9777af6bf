"""How far a run has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each batch.

    Args:
        done: rows that are on the disk, those of earlier sittings included.
        total: rows of the run.
        failed: rows of this sitting with a failure.
        worked: rows of this sitting.
        elapsed: seconds of this sitting.
    """

    done: int
    total: int
    failed: int
    worked: int
    elapsed: float

    @property
    def eta(self) -> float | None:
        """Seconds that are left at the pace so far; `None` before there is one."""
        return (self.total - self.done) * self.elapsed / self.worked if self.worked else None
