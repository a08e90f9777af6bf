"""Every public way of having an exchange looked at, as functions of the same shape."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from eyelid.guard import Guard
from eyelid.types import Exchange, Outcome, Surface


def cut(text: str, size: int = 7) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


async def acut(text: str, size: int = 7) -> AsyncIterator[str]:
    for piece in cut(text, size):
        yield piece


def check(guard: Guard, exchange: Exchange) -> Outcome:
    return guard.check(exchange)


def acheck(guard: Guard, exchange: Exchange) -> Outcome:
    return asyncio.run(guard.acheck(exchange))


def check_many(guard: Guard, exchange: Exchange) -> Outcome:
    return guard.check_many([exchange])[0]


def acheck_many(guard: Guard, exchange: Exchange) -> Outcome:
    return asyncio.run(guard.acheck_many([exchange]))[0]


def stream(guard: Guard, exchange: Exchange) -> Outcome:
    stream = guard.stream(
        cut(exchange.text), prompt=_context(exchange), images=exchange.images, surface=exchange.surface
    )
    assert "".join(stream) == stream.outcome.text
    return stream.outcome


def astream(guard: Guard, exchange: Exchange) -> Outcome:
    async def drain() -> Outcome:
        stream = guard.astream(
            acut(exchange.text), prompt=_context(exchange), images=exchange.images, surface=exchange.surface
        )
        assert "".join([piece async for piece in stream]) == stream.outcome.text
        return stream.outcome

    return asyncio.run(drain())


def _context(exchange: Exchange) -> str:
    return "" if exchange.surface is Surface.INPUT else exchange.prompt


def on(surface: Surface, text: str, **more: object) -> Exchange:
    """An exchange whose checked text is `text`."""
    part = "prompt" if surface is Surface.INPUT else "response"
    return Exchange(surface=surface, **{part: text}, **more)


WAYS: dict[str, Callable[[Guard, Exchange], Outcome]] = {
    way.__name__: way for way in (check, acheck, check_many, acheck_many, stream, astream)
}
