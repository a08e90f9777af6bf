"""The embedded detector's looks: texts cut into windows, each looked at by the models on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyelid.detectors._asked import AskedBefore
from eyelid.detectors._looks import columns, harm_asked
from eyelid.detectors._places import Devices, identity, replicas
from eyelid.engine import after, failure_of
from eyelid.models import RecallModel, Recollection, Sight, SignalModel, Window, WindowTokenizer, digest
from eyelid.protocols import ScoreRequest
from eyelid.types import Failure, Surface

#: What the signal model makes of one window.
Row: TypeAlias = NDArray[np.float32]

#: About as long as an answer.
_SENTENCES = "Warm the pot first, then pour the water slowly over the leaves and wait for four minutes. " * 5
_AS_REQUEST = (Surface.INPUT, Surface.TOOL_CALL)


@dataclass(frozen=True, slots=True)
class Looks:
    """A text, the windows it was cut into, and what the models make of them.

    Args:
        request: what was to be scored.
        windows: its windows.
        found: shape [windows, len(COLUMNS)].
        recalled: what the bare backbone makes of each window; empty where it was not asked.
    """

    request: ScoreRequest
    windows: list[Window]
    found: NDArray[np.float64]
    recalled: list[Recollection]


class Looker:
    """Cuts texts into windows and has the models look at them.

    Args:
        backbone: folder of all-MiniLM-L6-v2.
        weights: folder with the trained weights.
        device: where the models run.
        name: of the detector, for its failures.
    """

    def __init__(self, backbone: Path, weights: Path, device: Devices, *, name: str) -> None:
        self._name = name
        self._tokenizer = WindowTokenizer(backbone / "tokenizer.json")
        files = identity(backbone / "model.safetensors", weights / "detector.safetensors")
        self._signals = replicas(device, ("signals", files), lambda on: SignalModel(backbone, weights, on))
        self._recall = replicas(device, ("recall", files), lambda on: RecallModel(backbone, weights, on))
        self._asked = AskedBefore()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[list[Looks | Failure]]:
        """Look at texts: those of a batch share passes, and one whose work fails is a failure by itself."""
        # Only an answer is read beside its prompt: what a tool returns was not written for it.
        prompts = [request.prompt if request.surface is Surface.OUTPUT else "" for request in batch]
        shown = self._tokenizer.windows(
            [request.text for request in batch], prompts, [request.surface in _AS_REQUEST for request in batch]
        )
        # The prompt of an answer is looked at by itself as well: once, and for one number only.
        asked = {prompt: self._asked.get(prompt) for prompt in prompts if prompt.strip()}
        unknown = [prompt for prompt, logit in asked.items() if logit is None]
        alone = self._tokenizer.windows(unknown, [""] * len(unknown), [True] * len(unknown))
        futures = iter(self._look(batch, shown, alone))
        own = [list(islice(futures, len(windows))) for windows in shown]
        harm = {prompt: _done(logit) for prompt, logit in asked.items() if logit is not None}
        harm |= {
            p: self._harm(p, list(islice(futures, len(windows)))) for p, windows in zip(unknown, alone, strict=True)
        }
        looks = [
            self._join(request, windows, rows, harm.get(prompt))
            for request, windows, rows, prompt in zip(batch, shown, own, prompts, strict=True)
        ]
        return after(looks, lambda results: [self._or_failure(result) for result in results])

    def warm_up(self) -> None:
        """Find how many tokens a pass should take; blocks for some seconds."""
        ((window,),) = self._tokenizer.windows([_SENTENCES], [""], [False])
        sight = Sight(window, _SENTENCES)
        self._signals.warm_up(lambda tokens: [sight] * max(1, tokens // len(window.ids)))

    def recall(self, windows: Sequence[Window]) -> list[Future[Recollection]]:
        """Ask the bare backbone about windows."""
        return self._recall.submit_all([(window, len(window.ids), digest(window)) for window in windows])

    def _look(
        self, batch: Sequence[ScoreRequest], shown: Sequence[list[Window]], alone: Sequence[list[Window]]
    ) -> list[Future[Row]]:
        sights = [
            Sight(window, request.text[window.start : window.end])
            for request, windows in zip(batch, shown, strict=True)
            for window in windows
        ]
        sights += [Sight(window) for windows in alone for window in windows]
        return self._signals.submit_all([(sight, len(sight.window.ids), sight.key) for sight in sights])

    def _harm(self, prompt: str, futures: list[Future[Row]]) -> Future[float]:
        def remember(rows: list[Row | BaseException]) -> float:
            harm = harm_asked(unless_failed(rows))
            self._asked.put(prompt, harm)
            return harm

        return after(futures, remember)

    def _join(
        self, request: ScoreRequest, windows: list[Window], own: list[Future[Row]], asked: Future[float] | None
    ) -> Future[Looks]:
        recalled = self.recall(windows) if request.surface in _AS_REQUEST else []

        def join(results: list[Any]) -> Looks:
            results = unless_failed(results)
            rows, memories = results[: len(own)], results[len(own) : len(own) + len(recalled)]
            odds = [memory.request for memory in memories] or [0.0] * len(rows)
            logits = np.column_stack((np.stack(rows), odds))
            return Looks(request, windows, columns(logits, results[-1] if asked else None), memories)

        return after([*own, *recalled, *([asked] if asked else [])], join)

    def _or_failure(self, result: Looks | BaseException) -> Looks | Failure:
        return failure_of(result, self._name) if isinstance(result, BaseException) else result


def unless_failed(results: list[Any]) -> list[Any]:
    """The results, or the first error among them."""
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _done(value: float) -> Future[float]:
    future: Future[float] = Future()
    future.set_result(value)
    return future
