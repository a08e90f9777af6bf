"""A model whose answers were looked at, wherever LlamaIndex takes a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import replace
from typing import Any, Self

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from eyelid import Guard
from llama_index.llms.eyelid._asking import aasking, asking
from llama_index.llms.eyelid._host import LlamaIndexHost
from llama_index.llms.eyelid._source import (
    aas_completions,
    as_chat,
    as_completion,
    as_completions,
    as_is,
    atagged,
    raw,
    tagged,
)
from llama_index.llms.eyelid._structured import joined, split
from llama_index.postprocessor.eyelid._case import Ruling
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._responses import guarded
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._stream import astream_chat, stream_chat


class GuardedLLM(LLM):
    """A model that answers as `inner` does, but only what was looked at; `guard_llm` makes one.

    The events that it sends, its callbacks, `raw`, log probabilities and `to_dict` hold nothing that was not looked at.
    `inner` sends events of its own, with the tag `eyelid: raw`; they hold what it said.

    Args:
        inner: asked; its images, tools and options reach it as they are.
        guard: looks.
        settings: how it behaves.
    """

    inner: LLM = Field(exclude=True, repr=False)
    guard: Guard = Field(exclude=True, repr=False)
    settings: Settings = Field(default_factory=Settings, exclude=True, repr=False)
    _checker: Checker = PrivateAttr()
    _structured: bool = PrivateAttr(default=False)

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def model_post_init(self, context: Any, /) -> None:
        """Take the rules over."""
        super().model_post_init(context)
        self._checker = Checker(self.guard, self.settings, where="llm", host=LlamaIndexHost(self.inner))

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return cls.__name__

    @property
    def metadata(self) -> LLMMetadata:
        """What the model can do."""
        return self.inner.metadata

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The answer, as far as it may be passed on; `additional_kwargs["eyelid"]` is the verdict."""
        with raw():
            response = self.inner.chat(messages, **kwargs)
        return guarded(response, self._ruling(response.message, *asking(self._checker, self.inner, messages)))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """As `chat`, without ever blocking the event loop."""
        with raw():
            response = await self.inner.achat(messages, **kwargs)
        asked = await aasking(self._checker, self.inner, messages)
        return guarded(response, await self._aruling(response.message, *asked))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The answer in chunks, as far as they may be passed on; the last one has the verdict."""
        with raw():
            source = self.inner.stream_chat(messages, **kwargs)
        return self._stream(tagged(source, as_is), *asking(self._checker, self.inner, messages))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """As `stream_chat`, for `async for`."""
        with raw():
            source = await self.inner.astream_chat(messages, **kwargs)
        return self._astream(atagged(source, as_is), *(await aasking(self._checker, self.inner, messages)))

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The answer to a text, as far as it may be passed on."""
        with raw():
            response = as_chat(self.inner.complete(prompt, formatted=formatted, **kwargs))
        return as_completion(guarded(response, self._ruling(response.message, self._checker, Context(prompt))))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """As `complete`, without ever blocking the event loop."""
        with raw():
            response = as_chat(await self.inner.acomplete(prompt, formatted=formatted, **kwargs))
        return as_completion(guarded(response, await self._aruling(response.message, self._checker, Context(prompt))))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The answer to a text in chunks."""
        with raw():
            source = self.inner.stream_complete(prompt, formatted=formatted, **kwargs)
        chunks = self._stream(tagged(source, as_chat), self._checker, Context(prompt))
        return as_completions(chunks)

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """As `stream_complete`, for `async for`."""
        with raw():
            source = await self.inner.astream_complete(prompt, formatted=formatted, **kwargs)
        chunks = self._astream(atagged(source, as_chat), self._checker, Context(prompt))
        return aas_completions(chunks)

    def structured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """As LlamaIndex's, with every string of the output looked at; flagged ones are rewritten where that is wanted.

        Raises:
            HarmfulContentError: the output was flagged and is not to be, or cannot be, rewritten.
            UninspectedError: it could not be looked at.
        """
        if not self._structured:
            return self._structuring().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        return super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    async def astructured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """As `structured_predict`, without ever blocking the event loop."""
        if not self._structured:
            return await self._structuring().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        return await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    def stream_structured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[BaseModel]:
        """As `structured_predict`; the output is handed on when all of it was looked at."""
        if not self._structured:
            return self._structuring().stream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        return super().stream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    async def astream_structured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[BaseModel]:
        """As `stream_structured_predict`, for `async for`."""
        if not self._structured:
            return await self._structuring().astream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        return await super().astream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    def _structuring(self) -> Self:
        """A copy whose answers are structured output; nothing is kept on this one, which others use meanwhile."""
        copy = self.model_copy()
        copy._structured = True
        return copy

    def _ruling(self, message: ChatMessage, checker: Checker, context: Context) -> Ruling:
        if self._structured:
            return joined(message, checker.check_messages(split(message), contexts=_alone(context)))
        return checker.check_message(message, context=context)

    async def _aruling(self, message: ChatMessage, checker: Checker, context: Context) -> Ruling:
        if self._structured:
            return joined(message, await checker.acheck_messages(split(message), contexts=_alone(context)))
        return await checker.acheck_message(message, context=context)

    def _stream(self, source: ChatResponseGen, checker: Checker, context: Context) -> ChatResponseGen:
        if not self._structured:
            return stream_chat(checker, source, context=context)
        return self._one(source, checker, context)

    def _astream(self, source: ChatResponseAsyncGen, checker: Checker, context: Context) -> ChatResponseAsyncGen:
        if not self._structured:
            return astream_chat(checker, source, context=context)
        return self._aone(source, checker, context)

    def _one(self, source: ChatResponseGen, checker: Checker, context: Context) -> ChatResponseGen:
        last: ChatResponse | None = None
        for last in source:  # noqa: B007 - the last one holds all of it
            pass
        if last is not None:
            ruling = self._ruling(last.message, checker, context)
            yield guarded(last, ruling, delta=ruling.text)

    async def _aone(self, source: ChatResponseAsyncGen, checker: Checker, context: Context) -> ChatResponseAsyncGen:
        last: ChatResponse | None = None
        async for last in source:  # noqa: B007 - the last one holds all of it
            pass
        if last is not None:
            ruling = await self._aruling(last.message, checker, context)
            yield guarded(last, ruling, delta=ruling.text)


def _alone(context: Context) -> Context:
    """Without the request's images: a structure is mended string by string, and no model is asked for another one."""
    return replace(context, images=(), missing=0)
