"""One model on several devices: work goes where the fewest tokens wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any

from eyelid.engine._engine import Engine
from eyelid.engine._item import Item, Runner
from eyelid.errors import ConfigurationError


class Replicas:
    """A model and where it runs.

    Args:
        places: an engine and the runner that is on its device, for each replica.

    Raises:
        ConfigurationError: there is none.
    """

    def __init__(self, places: Sequence[tuple[Engine, Runner]]) -> None:
        if not places:
            raise ConfigurationError("a model needs at least one device")
        self._places = tuple(places)

    @property
    def runner(self) -> Runner:
        """The first of them; all are alike."""
        return self._places[0][1]

    def warm_up(self, sample: Callable[[int], Sequence[Any]]) -> list[int]:
        """Find how many tokens a pass should take on each device, as `Engine.warm_up`."""
        return [engine.warm_up(runner, sample) for engine, runner in self._places]

    def submit_all(self, work: Sequence[tuple[Any, int, Hashable | None]]) -> list[Future[Any]]:
        """Queue work, each piece on the replica with the shortest queue.

        Args:
            work: payload, tokens and key of each piece, as in `Item`.

        Returns:
            A future for each, in order, as `Engine.submit_all`.
        """
        # One that has given up has an empty queue, and would draw everything to it.
        loads = [math.inf if engine.broken else engine.load for engine, _ in self._places]
        shares: list[list[int]] = [[] for _ in self._places]
        for number, (_, tokens, _) in enumerate(work):
            place = loads.index(min(loads))
            loads[place] += tokens
            shares[place].append(number)
        futures: dict[int, Future[Any]] = {}
        for (engine, runner), share in zip(self._places, shares, strict=True):
            items = (Item(runner, work[at][0], work[at][1], key=work[at][2]) for at in share)
            futures |= zip(share, engine.submit_all(items), strict=True)
        return [futures[number] for number in range(len(work))]
