"""One forward pass: what goes wrong in it reaches exactly those it concerns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from eyelid.engine._item import Runner
from eyelid.errors import EngineError


def evaluate(runner: Runner, payloads: Sequence[Any], ran_out: Callable[[int], None]) -> list[Any]:
    """Run a model over a batch. One that fails is halved until the culprit is alone.

    Args:
        runner: the model.
        payloads: what it is given.
        ran_out: told, whenever memory did not suffice, how many items there were.

    Returns:
        For each payload a result, or the exception that it fails with.
    """
    try:
        results = runner.run(payloads)
        if len(results) == len(payloads):
            return list(results)
        problem: Exception = EngineError(f"{runner.name} gave {len(results)} results for {len(payloads)} items")
    except Exception as error:  # noqa: BLE001  a model may be anyone's code: its errors belong to those who wait
        problem = error
    if is_out_of_memory(problem):
        ran_out(len(payloads))
        _forget_frames(problem)
        _free()
    if len(payloads) == 1:
        return [problem]
    middle = len(payloads) // 2
    return [*evaluate(runner, payloads[:middle], ran_out), *evaluate(runner, payloads[middle:], ran_out)]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, whoever raised it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error))


def _forget_frames(error: BaseException) -> None:
    """What a pass has made is held by its frames, and they by its error: it would be there still for its halves."""
    link: BaseException | None = error
    while link is not None:
        one, link = link, link.__cause__ or link.__context__
        one.__traceback__ = one.__cause__ = one.__context__ = None


def _free() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
