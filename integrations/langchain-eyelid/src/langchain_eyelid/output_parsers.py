"""An output parser that hands on only what was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from eyelid import Guard, Image
from eyelid.errors import ConfigurationError
from eyelid.protocols import Host
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import BaseGenerationOutputParser
from langchain_core.outputs import Generation
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict, Field, PrivateAttr

from langchain_eyelid._answers import as_message, astream_answer, passed, stream_answer
from langchain_eyelid._case import Context
from langchain_eyelid._check import Checker
from langchain_eyelid._settings import ImageLoader, OnError, Settings, StreamMode
from langchain_eyelid._singly import aevery, every
from langchain_eyelid.callbacks import EyelidCallbackHandler

#: An answer, and the run in which it was given.
_Given = tuple[Any, UUID | None]


class EyelidOutputParser(BaseGenerationOutputParser[Any]):
    """The end of a chain that hands on only what was looked at: the whole message, not only its text.

        chain = prompt | model | EyelidOutputParser(guard) | StrOutputParser()

    It returns the type it got: a message for a message, a text for a text. Tool calls, reasoning, refusals and images
    are looked at as well. In a stream nothing is released before it was looked at.

    It cannot hide what the model before it said: whoever watches that model's own run (`astream_events`, LangGraph's
    "messages", tracers) sees it raw. Where that matters, use `guard_model`.

    Args:
        guard: looks; its policy says what becomes of the answer.
        prompt: the request, in whose light the answer is judged, where it is always the same.
        images: looked at together with every answer.
        context: a handler that noted what the model was asked, text and images; see `EyelidCallbackHandler`. Where it
            knows of no model that ran in the same run, the look has failed.
        strategy: instead of the policy's: "rewrite", "reask", "block" or "raise". "reask" is ECSO: where there are
            images, `host` judges the answer, and if that is unsafe answers again without them.
        on_error: what becomes of an answer that could not be looked at: "block" it, "raise", or "pass" it on.
        as_text: return the text alone.
        stream: "buffer" releases nothing before the whole answer was looked at, "sentence" releases sentences as they
            are found harmless. With images nothing is released before the end in either mode.
        image_loader: fetches images that are given by address; without one they are uninspectable.
        host: the model that gave the answers, asked again under "reask", such as a `LangChainHost`; the guard's host
            if left out.
        name: of its runs.

    Raises:
        ConfigurationError: an unknown choice, both `context` and `prompt` or `images`, or nobody to ask again.
    """

    guard: Guard = Field(exclude=True, repr=False)
    prompt: str | None = Field(default=None, exclude=True, repr=False)
    images: tuple[Image, ...] | None = Field(default=None, exclude=True, repr=False)
    context: Any = Field(default=None, exclude=True, repr=False)
    settings: Settings = Field(default_factory=Settings, exclude=True, repr=False)
    as_text: bool = False
    _checker: Checker = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def __init__(
        self,
        guard: Guard,
        *,
        prompt: str | None = None,
        images: Sequence[Image] | None = None,
        context: EyelidCallbackHandler | None = None,
        strategy: str | None = None,
        on_error: OnError = "block",
        as_text: bool = False,
        stream: StreamMode = "buffer",
        image_loader: ImageLoader | None = None,
        host: Host | None = None,
        name: str | None = None,
    ) -> None:
        settings = Settings(strategy=strategy, on_error=on_error, stream=stream, image_loader=image_loader)
        checker = Checker(guard, settings, host=host)
        if context is not None and (prompt is not None or images is not None):
            raise ConfigurationError("give either a context, which knows prompt and images, or these themselves")
        if context is not None and not isinstance(context, EyelidCallbackHandler):
            raise ConfigurationError(f"context must be an EyelidCallbackHandler, not {type(context).__name__}")
        facts = {"prompt": prompt, "images": None if images is None else tuple(images), "context": context}
        super().__init__(guard=guard, settings=settings, as_text=as_text, name=name, **facts)
        self._checker = checker

    @property
    def OutputType(self) -> Any:  # LangChain's name
        """Messages or texts, as they come in."""
        return str if self.as_text else str | BaseMessage

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Look at the first generation. Called outside of a chain, a `context` knows nothing."""
        return self._look([(_said(result), None)])[0]

    async def aparse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """As `parse_result`, without ever blocking the event loop."""
        return (await self._alook([(_said(result), None)]))[0]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """What may be passed on of a message or a text."""

        def look(answer: Any, run_manager: Any) -> Any:
            return self._look([(answer, run_manager.parent_run_id)])[0]

        return self._call_with_config(look, input, config, run_type="parser")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """As `invoke`, without ever blocking the event loop."""

        async def look(answer: Any, run_manager: Any) -> Any:
            return (await self._alook([(answer, run_manager.parent_run_id)]))[0]

        return await self._acall_with_config(look, input, config, run_type="parser")

    def batch(
        self, inputs: list[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """What may be passed on of each; one call to the guard."""

        def look(answers: list[Any], run_manager: list[Any]) -> list[Any]:
            return every(self._look, _pairs(answers, run_manager))

        return self._batch_with_config(look, inputs, config, return_exceptions=return_exceptions, run_type="parser")

    async def abatch(
        self, inputs: list[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """As `batch`, without ever blocking the event loop."""

        async def look(answers: list[Any], run_manager: list[Any]) -> list[Any]:
            return await aevery(self._alook, _pairs(answers, run_manager))

        return await self._abatch_with_config(
            look, inputs, config, return_exceptions=return_exceptions, run_type="parser"
        )

    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """The pieces of an answer that may be passed on."""

        def look(chunks: Iterator[Any], run_manager: Any) -> Iterator[Any]:
            for first in chunks:  # the model has been asked by now, so its context is known
                context = self._context(run_manager.parent_run_id)
                checker = self._checker.about([context])
                yield from stream_answer(checker, chain([first], chunks), context, as_text=self.as_text)

        yield from self._transform_stream_with_config(input, look, config, run_type="parser")

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """As `transform`, for `async for`."""

        async def look(chunks: AsyncIterator[Any], run_manager: Any) -> AsyncIterator[Any]:
            async for first in chunks:
                context = await self._acontext(run_manager.parent_run_id)
                checker = self._checker.about([context], asyncio.get_running_loop())
                async for each in astream_answer(checker, _after(first, chunks), context, as_text=self.as_text):
                    yield each

        async for each in self._atransform_stream_with_config(input, look, config, run_type="parser"):
            yield each

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """As `transform`, of one answer."""
        yield from self.transform(iter([input]), config, **kwargs)

    async def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        """As `stream`, for `async for`."""
        async for each in self.atransform(_after(input), config, **kwargs):
            yield each

    def _look(self, given: Sequence[_Given]) -> list[Any]:
        messages = [as_message(answer) for answer, _ in given]
        contexts = [self._context(run) for _, run in given]
        return self._passed(given, self._checker.about(contexts).check_messages(messages, contexts=contexts))

    async def _alook(self, given: Sequence[_Given]) -> list[Any]:
        messages = [as_message(answer) for answer, _ in given]
        contexts = [await self._acontext(run) for _, run in given]
        checker = self._checker.about(contexts, asyncio.get_running_loop())
        return self._passed(given, await checker.acheck_messages(messages, contexts=contexts))

    def _passed(self, given: Sequence[_Given], rulings: Sequence[Any]) -> list[Any]:
        pairs = zip(given, rulings, strict=True)
        return [passed(answer, ruling, as_text=self.as_text) for (answer, _), ruling in pairs]

    def _context(self, run: UUID | None) -> Context:
        if self.context is None:
            return Context(self.prompt or "", self.images or ())
        asked = self.context.asked(run)
        return Context(missing=1) if asked is None else asked.context(self.settings.image_loader)

    async def _acontext(self, run: UUID | None) -> Context:
        if self.context is None or self.settings.image_loader is None:
            return self._context(run)
        return await asyncio.to_thread(self._context, run)


def _said(result: Sequence[Generation]) -> Any:
    return getattr(result[0], "message", result[0].text)


def _pairs(answers: Sequence[Any], run_managers: Sequence[Any]) -> list[_Given]:
    return [(answer, run.parent_run_id) for answer, run in zip(answers, run_managers, strict=True)]


async def _after(first: Any, others: AsyncIterator[Any] | None = None) -> AsyncIterator[Any]:
    yield first
    if others is not None:
        async for each in others:
            yield each
