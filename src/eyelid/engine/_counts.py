"""The counters behind `Stats`; whoever touches them holds the engine's lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eyelid.engine._scheduler import Entry
from eyelid.engine._stats import NUMBERS, SECONDS, Stats, Tally


class Counts:
    """Numbers since the engine's start."""

    def __init__(self) -> None:
        self.submitted = self.joined = self.completed = self.failed = 0
        self.cancelled = self.expired = self.refused = 0
        self.passes = self.tokens = self.out_of_memory = self.restarts = 0
        self._wait, self._latency, self._pass_seconds = Tally(SECONDS), Tally(SECONDS), Tally(SECONDS)
        self._pass_items, self._pass_tokens = Tally(NUMBERS), Tally(NUMBERS)

    def add(self, entries: Sequence[Entry], answers: Sequence[Any], began: float, ended: float) -> None:
        """Count a pass; times are in seconds of one clock."""
        wrong = sum(isinstance(answer, BaseException) for answer in answers)
        tokens = sum(entry.item.tokens for entry in entries)
        self.passes += 1
        self.tokens += tokens
        self.failed += wrong
        self.completed += len(entries) - wrong
        self._pass_seconds.add(ended - began)
        self._pass_items.add(len(entries))
        self._pass_tokens.add(tokens)
        for entry in entries:
            self._wait.add(began - entry.arrived)
            self._latency.add(ended - entry.arrived)

    def snapshot(self, **now: Any) -> Stats:
        """With what the engine holds at this moment."""
        numbers = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        tallies = {name[1:]: value.snapshot() for name, value in vars(self).items() if name.startswith("_")}
        return Stats(**numbers, **tallies, **now)
