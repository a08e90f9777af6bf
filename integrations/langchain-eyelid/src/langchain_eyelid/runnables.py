"""A guard as a step of a chain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from eyelid import Guard, Surface
from eyelid.errors import ConfigurationError
from eyelid.policy import known
from eyelid.protocols import Host
from langchain_core.messages import BaseMessageChunk
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_eyelid._answers import astream_answer, stream_answer
from langchain_eyelid._case import Context
from langchain_eyelid._check import Checker
from langchain_eyelid._given import Given, check_keys, given
from langchain_eyelid._looks import Rulings
from langchain_eyelid._settings import ImageLoader, OnError, Settings, StreamMode
from langchain_eyelid._singly import aevery, every
from langchain_eyelid._sum import Sum


class EyelidGuard(Runnable[Any, Any]):
    """A step that hands on what may be handed on of what it is given, as the same type.

    | given | handed on |
    |---|---|
    | `{"prompt", "images", "response"}` | the same with another response if need be, and the verdict under `"eyelid"` |
    | the same without `"response"` | the prompt is what is looked at |
    | a message or a text (an answer) | a message with its verdict, or a text |
    | a list of messages, a prompt value | all but the system's messages are looked at, each where it stands |

    A batch is one call to the guard. A stream of message chunks or of a text is released as `stream` says; everything
    else is looked at when it is complete. Like every step after a model it cannot hide what the model's own run shows.

    Args:
        guard: looks; its policy says what becomes of what was found.
        strategy: instead of the policy's, wherever it stands: "rewrite", "reask", "block" or "raise". "reask" is ECSO:
            `host` judges answers that came with images, and answers again without them where they are unsafe.
        on_error: what becomes of what could not be looked at: "block" it, "raise", or "pass" it on.
        stream: "buffer" releases nothing before all of it was looked at, "sentence" releases sentences.
        surface: where it stands, if what it is does not say.
        image_loader: fetches images that are given by address; without one they are uninspectable.
        host: the model that gave the answers, asked again under "reask", such as a `LangChainHost`; the guard's host
            if left out.
        name: of its runs.

    Raises:
        ConfigurationError: an unknown choice, or nobody to ask again.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        strategy: str | None = None,
        on_error: OnError = "block",
        stream: StreamMode = "buffer",
        surface: Surface | str | None = None,
        image_loader: ImageLoader | None = None,
        host: Host | None = None,
        name: str | None = None,
    ) -> None:
        self.settings = Settings(strategy=strategy, on_error=on_error, stream=stream, image_loader=image_loader)
        self._checker = Checker(guard, self.settings, *Surface, host=host)
        if surface is not None:
            known("surface", surface, Surface)
        self._surface = None if surface is None else Surface(surface)
        if self._surface not in (None, Surface.OUTPUT) and stream == "sentence":
            raise ConfigurationError('sentences are released of answers alone; use stream="buffer" elsewhere')
        self.name = name

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """What may be passed on."""
        return self._call_with_config(lambda value: self._look([value])[0], input, config)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """As `invoke`, without ever blocking the event loop."""

        async def look(value: Any) -> Any:
            return (await self._alook([value]))[0]

        return await self._acall_with_config(look, input, config)

    def batch(
        self, inputs: list[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """What may be passed on of each; one call to the guard."""

        def look(several: list[Any]) -> list[Any]:
            return every(self._look, several)

        return self._batch_with_config(look, inputs, config, return_exceptions=return_exceptions)

    async def abatch(
        self, inputs: list[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """As `batch`, without ever blocking the event loop."""

        async def look(values: list[Any]) -> list[Any]:
            return await aevery(self._alook, values)

        return await self._abatch_with_config(look, inputs, config, return_exceptions=return_exceptions)

    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """The pieces that may be passed on."""

        def look(chunks: Iterator[Any]) -> Iterator[Any]:
            for first in chunks:
                every_chunk = chain([first], chunks)
                if self._is_answer(first):
                    yield from stream_answer(self._checker, every_chunk, Context(), as_text=False)
                else:
                    total = _Total()
                    for chunk in every_chunk:
                        total.add(chunk)
                    yield self._look([total.value()])[0]

        yield from self._transform_stream_with_config(input, look, config)

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """As `transform`, for `async for`."""

        async def look(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for first in chunks:
                if self._is_answer(first):
                    answer = _after(first, chunks)
                    async for each in astream_answer(self._checker, answer, Context(), as_text=False):
                        yield each
                else:
                    total = _Total()
                    async for chunk in _after(first, chunks):
                        total.add(chunk)
                    yield (await self._alook([total.value()]))[0]

        async for each in self._atransform_stream_with_config(input, look, config):
            yield each

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """As `transform`, of one value."""
        yield from self.transform(iter([input]), config, **kwargs)

    async def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        """As `stream`, for `async for`."""
        async for each in self.atransform(_after(input), config, **kwargs):
            yield each

    def _is_answer(self, first: Any) -> bool:
        """Whether it is the first piece of an answer, which can be handed on in pieces."""
        return self._surface in (None, Surface.OUTPUT) and isinstance(first, (str, BaseMessageChunk))

    def _look(self, values: Sequence[Any]) -> list[Any]:
        found = [given(value, self.settings.image_loader) for value in values]
        messages, contexts = _flat(found)
        checker = self._checker.about(contexts)
        return _built(found, checker.check_messages(messages, contexts=contexts, surface=self._surface))

    async def _alook(self, values: Sequence[Any]) -> list[Any]:
        loader = self.settings.image_loader
        if loader is None:
            found = [given(value, loader) for value in values]
        else:
            found = await asyncio.to_thread(lambda: [given(value, loader) for value in values])
        messages, contexts = _flat(found)
        checker = self._checker.about(contexts, asyncio.get_running_loop())
        return _built(found, await checker.acheck_messages(messages, contexts=contexts, surface=self._surface))


def _flat(found: Sequence[Given]) -> tuple[list[Any], list[Context]]:
    return [message for each in found for message in each.messages], [c for each in found for c in each.contexts]


def _built(found: Sequence[Given], rulings: Rulings) -> list[Any]:
    rest = iter(rulings)
    return [each.build([next(rest) for _ in each.messages]) for each in found]


class _Total:
    """The sum of a stream, of dicts key by key; LangChain itself would keep the last dict alone."""

    def __init__(self) -> None:
        self._sums: dict[str, Sum] = {}
        self._whole: list[Any] = []

    def add(self, chunk: Any) -> None:
        if self._whole and not (isinstance(chunk, Mapping) and isinstance(self._whole[0], Mapping)):
            raise TypeError(f"a stream gave a {type(chunk).__name__} after others; these do not add up")
        self._whole.append(chunk)

    def value(self) -> Any:
        first = self._whole[0]
        if not isinstance(first, Mapping):
            return first
        images: list[Any] = []
        for chunk in self._whole:
            check_keys(chunk)
            for key, value in chunk.items():
                if key == "images":
                    images.extend(value if isinstance(value, (list, tuple)) else [value])
                elif value is not None:
                    self._sums.setdefault(key, Sum()).add(value)
        total = {key: each.total(ended=True) for key, each in self._sums.items()}
        return {**total, "images": images} if images else total


async def _after(first: Any, others: AsyncIterator[Any] | None = None) -> AsyncIterator[Any]:
    yield first
    if others is not None:
        async for each in others:
            yield each
