"""A chat model that lets nothing out unseen, around any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, NoReturn

from eyelid import Guard, Surface
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from langchain_eyelid._admission import Admission, admission, user_messages
from langchain_eyelid._asking import aasking, asking
from langchain_eyelid._check import Checker, Context
from langchain_eyelid._inner import achunks, as_chunk, chunks, passed_on
from langchain_eyelid._rebind import rebind
from langchain_eyelid._settings import ImageLoader, OnError, Settings, StreamMode
from langchain_eyelid._stream import astream_message, stream_message
from langchain_eyelid.hosts import LangChainHost, model_name

#: What the guarded model does in the place of the inner one, and so needs to be told as well.
_SHARED = """
cache callbacks custom_get_token_ids disable_streaming metadata output_version profile rate_limiter tags verbose
"""


def guard_model(
    model: BaseChatModel | RunnableBinding[Any, Any],
    guard: Guard,
    *,
    strategy: str | None = None,
    stream: StreamMode = "buffer",
    on_error: OnError = "block",
    image_loader: ImageLoader | None = None,
    apply_to_input: bool = False,
) -> Any:
    """A chat model that hands on only what was looked at: text, tool calls, structured output, reasoning, images.

    Tools, structured output, streams, events, batches and caches work as before. Callbacks and traces of the result
    see what is passed on; nothing sees what the inner model said.

    Args:
        model: a chat model, or one with bound arguments.
        guard: looks at the answers; its policy says what becomes of them.
        strategy: instead of the policy's, for answers: "rewrite", "reask", "block" or "raise". "reask" is ECSO: where
            the user's last turn has images, the model judges its answer, and if that is unsafe answers again without
            them; it costs one more call, or three.
        stream: "buffer" passes on nothing before the whole answer was looked at; "sentence" passes on sentences as
            they are found harmless.
        on_error: what becomes of an answer that could not be looked at: "block" it, "raise", or "pass" it on.
        image_loader: fetches images that are given by address; without one they are uninspectable.
        apply_to_input: also look at what the user sent, text and images, before the model is asked.

    Returns:
        An `EyelidChatModel`; the same arguments are bound to it that were bound to the model.

    Raises:
        TypeError: not a chat model. Retries and fallbacks go around the guarded model, not inside.
        ConfigurationError: an unknown choice.
    """
    settings = Settings(strategy=strategy, on_error=on_error, stream=stream, image_loader=image_loader)

    settings.rules(guard)

    def guarded(inner: BaseChatModel) -> EyelidChatModel:
        return EyelidChatModel(inner=inner, guard=guard, settings=settings, apply_to_input=apply_to_input)

    return rebind(model, guarded) if isinstance(model, RunnableBinding) else guarded(_chat_model(model))


class EyelidChatModel(BaseChatModel):
    """A chat model around another one; see `guard_model`, which makes it.

    It cannot be serialised: a model that came back without its guard would let everything pass.

    Args:
        inner: the model that answers. It is called without callbacks, so that no stream shows what it said.
        guard: looks at the answers.
        settings: how.
        apply_to_input: whether what the user sent is looked at as well.
    """

    inner: BaseChatModel = Field(exclude=True)
    guard: Guard = Field(exclude=True, repr=False)
    settings: Settings = Field(default_factory=Settings, exclude=True, repr=False)
    apply_to_input: bool = False
    _checker: Checker = PrivateAttr()
    _rules: str = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _as_inner(cls, values: Any) -> Any:
        inner = _chat_model(values.get("inner"))
        return {**{name: getattr(inner, name) for name in _SHARED.split()}, **values}

    def model_post_init(self, context: Any, /) -> None:
        """Put the guard under the policy that the settings ask for."""
        super().model_post_init(context)
        self._checker = Checker(self.guard, self.settings, has_model=True)
        self._rules = self.settings.identity(self.guard) + ("+input" if self.apply_to_input else "")

    # --- answers

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        admitted = self._admit(messages)
        if admitted.refusal is not None:
            return ChatResult(generations=[ChatGeneration(message=admitted.refusal)])
        result = self.inner._generate(admitted.messages, stop=stop, **kwargs)
        said = [generation.message for generation in result.generations]
        checker, context = self._asking(admitted.messages, {"stop": stop, **kwargs})
        return passed_on(result, checker.check_messages(said, contexts=context))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        admitted = await self._aadmit(messages)
        if admitted.refusal is not None:
            return ChatResult(generations=[ChatGeneration(message=admitted.refusal)])
        result = await self.inner._agenerate(admitted.messages, stop=stop, **kwargs)
        said = [generation.message for generation in result.generations]
        checker, context = await self._aasking(admitted.messages, {"stop": stop, **kwargs})
        return passed_on(result, await checker.acheck_messages(said, contexts=context))

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        admitted = self._admit(messages)
        if admitted.refusal is not None:
            yield ChatGenerationChunk(message=as_chunk(admitted.refusal))
            return
        checker, context = self._asking(admitted.messages, {"stop": stop, **kwargs})
        said = chunks(self.inner, admitted.messages, stop=stop, **kwargs)
        with closing(stream_message(checker, said, context=context)) as released:
            for message in released:
                yield ChatGenerationChunk(message=message)

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        admitted = await self._aadmit(messages)
        if admitted.refusal is not None:
            yield ChatGenerationChunk(message=as_chunk(admitted.refusal))
            return
        checker, context = await self._aasking(admitted.messages, {"stop": stop, **kwargs})
        said = achunks(self.inner, admitted.messages, stop=stop, **kwargs)
        async with aclosing(astream_message(checker, said, context=context)) as released:
            async for message in released:
                yield ChatGenerationChunk(message=message)

    def _admit(self, messages: list[BaseMessage]) -> Admission:
        asked = user_messages(messages) if self.apply_to_input else []
        return admission(messages, asked, self._checker.check_messages(asked, surface=Surface.INPUT))

    async def _aadmit(self, messages: list[BaseMessage]) -> Admission:
        asked = user_messages(messages) if self.apply_to_input else []
        return admission(messages, asked, await self._checker.acheck_messages(asked, surface=Surface.INPUT))

    def _asking(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> tuple[Checker, Context]:
        return asking(self._checker, messages, lambda loop: self._host(messages, options, loop))

    async def _aasking(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> tuple[Checker, Context]:
        return await aasking(self._checker, messages, lambda loop: self._host(messages, options, loop))

    def _host(
        self, messages: list[BaseMessage], options: Mapping[str, Any], loop: asyncio.AbstractEventLoop | None
    ) -> LangChainHost:
        """The inner model in this conversation, with what was bound for it."""
        logprobs = None if self.guard.policy.ecso.parser == "logits" else False
        return LangChainHost(self.inner.bind(**options), conversation=messages, loop=loop, logprobs=logprobs)

    # --- what models hand out that runs them

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """As the inner model binds them; the arguments it gives them are looked at."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return rebind(self.inner.bind_tools(tools, **choice, **kwargs), self._around)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """As the inner model does it, by the provider's own mode where it has one."""
        return rebind(self.inner.with_structured_output(schema, include_raw=include_raw, **kwargs), self._around)

    def _around(self, inner: BaseChatModel) -> EyelidChatModel:
        other = self.model_copy(update={"inner": inner})
        other.__dict__.pop("_serialized", None)  # LangChain keeps it, and it is of the one before
        return other

    # --- who it is, to caches, traces and agents

    @property
    def model_name(self) -> str | None:
        """The inner model's name, under whatever name it has it."""
        return model_name(self.inner)

    @property
    def _llm_type(self) -> str:
        return f"eyelid-{self.inner._llm_type}"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**self.inner._identifying_params, "_inner_type": self.inner._llm_type, "eyelid": self._rules}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        return f"{self.inner._get_llm_string(stop=stop, **kwargs)}---eyelid:{self._rules}"

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        given = self.inner._get_invocation_params(stop=stop, **kwargs)
        return {**given, "_type": self._llm_type, "eyelid": self._rules}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self.inner._get_ls_params(stop=stop, **kwargs)

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return self.inner._combine_llm_outputs(llm_outputs)

    def _resolve_model_profile(self) -> Any:
        return self.inner.profile

    def get_token_ids(self, text: str) -> list[int]:
        """As the inner model counts them."""
        return self.inner.get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """As the inner model counts them."""
        return self.inner.get_num_tokens(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """As the inner model counts them."""
        return self.inner.get_num_tokens_from_messages(messages, tools)

    # --- copies

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Never: what is loaded would have no guard."""
        return False

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EyelidChatModel cannot be pickled, since its guard cannot: pickle the inner model instead")

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> EyelidChatModel:
        shared = {id(each): each for each in (self.guard, self._checker)}
        return super().__deepcopy__({**(memo or {}), **shared})


def _chat_model(model: Any) -> BaseChatModel:
    if not isinstance(model, BaseChatModel):
        raise TypeError(
            f"guard_model guards chat models, not a {type(model).__name__}; apply retries, fallbacks and configurable "
            "fields to what it returns: guard_model(model, guard).with_retry()"
        )
    return model
