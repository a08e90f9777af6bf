"""What a detector answers for a text whose work failed on the engine."""

from __future__ import annotations

from concurrent.futures import CancelledError

from eyelid.errors import DeadlineError, EngineError, OverloadedError
from eyelid.types import Failure


def failure_of(error: BaseException, source: str) -> Failure:
    """An error as a failed look. Its message is left out: a model's own might quote what it was given.

    Args:
        error: what a future of the engine had in place of a result.
        source: the detector.
    """
    match error:
        case OverloadedError():
            code = "overloaded"
        case DeadlineError() | CancelledError():
            code = "timeout"
        case EngineError():
            code = "engine"
        case _:
            code = "error"
    return Failure("score", code, type(error).__name__, source)
