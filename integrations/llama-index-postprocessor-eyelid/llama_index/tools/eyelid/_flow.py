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
    try:
        output = run()
    except pauses:
        raise
    except Exception as error:
        may = protection.run(protection.failure(error))
        if may is error:
            raise
        failure = may
    else:
        return protection.run(protection.output(output))
    raise failure  # outside the handler, so that the new one does not refer to the old one


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
    try:
        output = await run()
    except pauses:
        raise
    except Exception as error:
        may = await protection.arun(protection.failure(error))
        if may is error:
            raise
        failure = may
    else:
        return await protection.arun(protection.output(output))
    raise failure  # outside the handler, so that the new one does not refer to the old one


def _given(asked: Asked) -> Mapping[str, Any] | tuple[Any, ...]:
    args, kwargs = asked
    return {"arguments": list(args), **kwargs} if args and kwargs else args or kwargs
