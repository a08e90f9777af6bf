"""One run of a tool: arguments are looked at, the tool runs, what it returned or raised is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from llama_index.core.tools import ToolOutput

from llama_index.tools.eyelid._protection import Protection

Asked: TypeAlias = tuple[tuple[Any, ...], Mapping[str, Any]]


def called(
    protection: Protection,
    name: str,
    asked: Asked,
    run: Callable[[], ToolOutput],
    pauses: tuple[type[Exception], ...],
) -> ToolOutput:
    """What a tool returns, as far as it may be passed on.

    Args:
        protection: looks.
        name: the tool's.
        asked: what the model gave it.
        run: runs it.
        pauses: exceptions that are no failures of the tool; they are raised as they are.
    """
    refusal = protection.run(protection.arguments(name, _given(asked)))
    if refusal is not None:
        return refusal
    failure, output = None, None
    try:
        output = run()
    except pauses:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a tool raises, its text goes to the model
        failure = error
    # Outside the handler, so that no new exception refers to the tool's.
    if failure is not None or output is None:
        raise protection.run(protection.failure(failure or TypeError("a tool returned no output")))
    return protection.run(protection.output(output))


async def acalled(
    protection: Protection,
    name: str,
    asked: Asked,
    run: Callable[[], Awaitable[ToolOutput]],
    pauses: tuple[type[Exception], ...],
) -> ToolOutput:
    """As `called`, without ever blocking the event loop."""
    refusal = await protection.arun(protection.arguments(name, _given(asked)))
    if refusal is not None:
        return refusal
    failure, output = None, None
    try:
        output = await run()
    except pauses:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a tool raises, its text goes to the model
        failure = error
    # Outside the handler, so that no new exception refers to the tool's.
    if failure is not None or output is None:
        raise await protection.arun(protection.failure(failure or TypeError("a tool returned no output")))
    return await protection.arun(protection.output(output))


def _given(asked: Asked) -> Mapping[str, Any] | tuple[Any, ...]:
    args, kwargs = asked
    return {"arguments": list(args), **kwargs} if args and kwargs else args or kwargs
