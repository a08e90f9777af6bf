"""What is answered for a text whose work failed on the engine."""

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
    return Failure("score", failure_code(error), type(error).__name__, source)


def failure_code(error: BaseException) -> str:
    """The word for an error in failures: "overloaded", "timeout", "engine" or "error"."""
    match error:
        case OverloadedError():
            return "overloaded"
        case DeadlineError() | CancelledError():
            return "timeout"
        case EngineError():
            return "engine"
        case _:
            return "error"
