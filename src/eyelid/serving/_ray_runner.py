"""Texts scored by a guard on Ray Serve: one remote call for a batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock
from typing import Any

from eyelid._optional import require
from eyelid.errors import ConfigurationError, DeadlineError, EngineError, OverloadedError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.types import Failure

#: Seconds before a call that met a dead replica is made again; doubled each time.
_PAUSE = 0.05

Found = Assessment | Failure


class RayRunner:
    """A guard on Ray Serve, as the engine sees a model: a pass is one remote call.

    A call whose replica dies is made again, as scoring changes nothing. Whatever goes wrong is an error in the place
    of each result, so nothing is ever taken for harmless.

    Args:
        application: what it is called on Ray Serve. Ray must be connected (`ray_session`, or inside a cluster).
        seconds: for a call, with all that is made again.
        retries: how often it is made again.
        budget: tokens of one call; eight thousand are about a second of one CPU core.

    Raises:
        MissingExtraError: the extra "ray" is not installed.
    """

    def __init__(
        self, application: str = "eyelid", *, seconds: float = 10.0, retries: int = 2, budget: int = 8192
    ) -> None:
        require("ray", "ray")
        if seconds <= 0 or retries < 0 or budget < 1:
            raise ConfigurationError("a call needs more than 0 seconds, 0 or more retries, and a budget of 1 or more")
        self.name = f"ray:{application}"
        self.budget = budget
        self.hang_seconds = 2 * seconds
        self._application = application
        self._seconds = seconds
        self._retries = retries
        self._lock = Lock()
        self._handle: Any = None

    def run(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found | EngineError]:
        """What the detectors there find in each text."""
        try:
            found = self._call(list(batch))
        except EngineError as error:
            # As results, since an exception would make the engine try halves of the batch, down to each text.
            return [error] * len(batch)
        if len(found) != len(batch):
            return [EngineError(f"{len(batch)} texts were sent and {len(found)} results came back")] * len(batch)
        return found

    def _call(self, batch: list[ScoreRequest]) -> list[Found]:
        deadline = time.monotonic() + self._seconds
        for attempt in range(self._retries + 1):
            found = self._try(batch, deadline)
            if found is not None:
                return found
            time.sleep(max(0.0, min(_PAUSE * 2**attempt, deadline - time.monotonic())))
        raise EngineError(f"{self._retries + 1} replicas died over a batch, or could not be reached")

    def _try(self, batch: list[ScoreRequest], deadline: float) -> list[Found] | None:
        """The results; `None` where the replica died or cannot be reached."""
        from ray.exceptions import ObjectLostError, RayActorError, RayError
        from ray.serve.exceptions import BackPressureError, RayServeException

        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlineError("no replica answered in time")
        response: Any = None
        try:
            response = self._present().score.remote(batch, left)
            found: list[Found] = response.result(timeout_s=left)
        except (RayActorError, ObjectLostError):
            return None
        except TimeoutError:
            if response is not None:
                response.cancel()
            raise DeadlineError("no replica answered in time") from None
        except BackPressureError as error:
            raise OverloadedError("the replicas have no room") from error
        except (RayError, RayServeException) as error:
            raise EngineError(f"a replica failed: {type(error).__name__}") from None  # Ray's message may quote content
        return found

    def _present(self) -> Any:
        from ray import serve

        with self._lock:
            if self._handle is None:
                self._handle = serve.get_app_handle(self._application)
            return self._handle
