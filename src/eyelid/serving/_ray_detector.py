"""A detector whose models are on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from eyelid.engine import Device, Engine, Item, after, failure_of
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.serving._ray_runner import RayRunner
from eyelid.types import Failure

Found = Assessment | Failure
#: Characters of a token, about; it only has to be fair between texts.
_CHARACTERS = 4


class RayDetector:
    """Asks the guard that `eyelid serve --ray` runs, for a guard here that makes the views and decides.

    A batch is one remote call, or several where it is more than a call holds. While all calls are under way, texts of
    all threads and event loops are gathered for the next ones. A failed call is a failed look at each of its texts.

    Args:
        application: what it is called on Ray Serve, or a `RayRunner` with limits of its own.
        calls: at a time; a few more than there are replicas keep them busy.
        name: its name.

    Raises:
        MissingExtraError: the extra "ray" is not installed.
    """

    def __init__(self, application: str | RayRunner = "eyelid", *, calls: int = 4, name: str = "ray") -> None:
        self.name = name
        self._runner = application if isinstance(application, RayRunner) else RayRunner(application)
        # One worker each: free workers of one engine would share a batch, and make a call of each text.
        lane = Device("cpu", workers=1, budget=self._runner.budget, reason=self._runner.name)
        self._lanes = [Engine(lane, hang_seconds=self._runner.hang_seconds) for _ in range(calls)]

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found]:
        """What is found in each text."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`, without waiting for it."""
        futures: list[Future[Found]] = []
        for items in self._lots(batch):
            lane = min(self._lanes, key=lambda engine: engine.load)
            futures += lane.submit_all(items)
        return after(futures, lambda made: [self._found(each) for each in made])

    def close(self) -> None:
        """Let the threads end. The detector cannot be used afterwards."""
        for lane in self._lanes:
            lane.close()

    def _lots(self, batch: Sequence[ScoreRequest]) -> Iterator[list[Item]]:
        """As items, in lots of about what one call holds."""
        lot: list[Item] = []
        tokens = 0
        for request in batch:
            item = Item(self._runner, request, _tokens(request), size=_size(request), key=request)
            if lot and tokens + item.tokens > self._runner.budget:
                yield lot
                lot, tokens = [], 0
            lot.append(item)
            tokens += item.tokens
        if lot:
            yield lot

    def _found(self, made: Any) -> Found:
        if isinstance(made, Assessment | Failure):
            return made
        return failure_of(made, self.name)


def _tokens(request: ScoreRequest) -> int:
    return 1 + (len(request.text) + len(request.prompt)) // _CHARACTERS


def _size(request: ScoreRequest) -> int:
    return 4 * (len(request.text) + len(request.prompt))
