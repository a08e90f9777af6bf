"""Streams: drivers of one `Release`, for `for` and for `async for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Any

from eyelid.errors import EyelidError
from eyelid.guard._drivers import Submit
from eyelid.guard._flow import settle
from eyelid.guard._release import END, Emit, Pull, Release, Want
from eyelid.types import Outcome


class _Stream:
    """What both streams share: the steps, and the outcome once it stands."""

    def __init__(self, release: Release, submit: Submit) -> None:
        self._release = release
        self._submit = submit
        self._steps = release.steps()
        self._answer: Any = None
        self._outcome: Outcome | None = None

    @property
    def outcome(self) -> Outcome:
        """The outcome of the whole text; `text` is what was delivered.

        Raises:
            EyelidError: the stream was neither iterated to its end nor closed.
        """
        if self._outcome is None:
            raise EyelidError("there is no outcome yet: iterate the stream to its end, or close it")
        return self._outcome

    def _advance(self) -> Want | None:
        """The next thing wanted, or `None` when the outcome stands."""
        if self._outcome is not None:
            return None
        answer, self._answer = self._answer, None
        try:
            return self._steps.send(answer)
        except StopIteration as end:
            self._outcome = end.value
            settle(self._release.case, end.value)
            return None

    def _abort(self, code: str, detail: str = "") -> None:
        self._steps.close()
        if self._outcome is None:
            self._outcome = self._release.aborted(code, detail)


class GuardedStream(_Stream, Iterator[str]):
    """The pieces of a text that may be passed on, while it comes. `outcome` stands at the end.

    An error of the source is raised as it is; what had not been scored is not released, and the outcome is a
    failed look. Closing the stream, or leaving its `with` block, closes the source.
    """

    def __init__(self, chunks: Iterable[str], release: Release, submit: Submit) -> None:
        super().__init__(release, submit)
        self._source = iter(chunks)

    def __next__(self) -> str:
        try:
            while (want := self._advance()) is not None:
                match want:
                    case Emit(text):
                        return text
                    case Pull():
                        self._answer = next(self._source, END)
                    case effects:
                        self._answer = [future.result() for future in [self._submit(effect) for effect in effects]]
        except BaseException as error:
            self._abort("error", type(error).__name__)
            self.close()
            raise
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Close the source. What was not released stays so; without an end the outcome is a failed look."""
        self._abort("closed")
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> GuardedStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncGuardedStream(_Stream, AsyncIterator[str]):
    """As `GuardedStream`, for `async for`. Cancelling an iteration ends the stream: its outcome is a failed look."""

    def __init__(self, chunks: AsyncIterable[str] | Iterable[str], release: Release, submit: Submit) -> None:
        super().__init__(release, submit)
        self._source = aiter(chunks) if isinstance(chunks, AsyncIterable) else iter(chunks)

    async def __anext__(self) -> str:
        try:
            while (want := self._advance()) is not None:
                match want:
                    case Emit(text):
                        return text
                    case Pull():
                        self._answer = await self._pull()
                    case effects:
                        answers = [asyncio.wrap_future(self._submit(effect)) for effect in effects]
                        self._answer = await asyncio.gather(*answers)
        except BaseException as error:
            self._abort("error", type(error).__name__)
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    async def _pull(self) -> object:
        if isinstance(self._source, AsyncIterator):
            return await anext(self._source, END)
        return next(self._source, END)

    async def aclose(self) -> None:
        """As `GuardedStream.close`."""
        self._abort("closed")
        close = getattr(self._source, "aclose", None) or getattr(self._source, "close", None)
        if close is not None:
            closing = close()
            if closing is not None:
                await closing

    async def __aenter__(self) -> AsyncGuardedStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()
