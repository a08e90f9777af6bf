"""A chat engine whose answers, streams and source nodes are looked at, and whose memory stays clean."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import AgentChatResponse, BaseChatEngine, StreamingAgentChatResponse
from llama_index.core.memory import BaseMemory

from eyelid import Guard
from eyelid.errors import ConfigurationError
from llama_index.postprocessor.eyelid._chat_response import Beside, beside_look, chat_look, released
from llama_index.postprocessor.eyelid._check import Checker
from llama_index.postprocessor.eyelid._checked import off_loop
from llama_index.postprocessor.eyelid._clean_memory import CleanMemory
from llama_index.postprocessor.eyelid._look import Look, aask, ask
from llama_index.postprocessor.eyelid._settings import ImageLoader, OnError, Settings, StreamMode

_WHERE = "chat_engine"


class GuardedChatEngine(BaseChatEngine):
    """Another chat engine, whose answers and sources are looked at before anybody gets them.

        engine = GuardedChatEngine(index.as_chat_engine(chat_mode="context"), guard)

    What the engine writes into its memory is looked at as well: neither the model's next turn nor whoever reads the
    memory sees what was stopped. The engine you give is not changed, but the two share their memory. As everywhere,
    the model's own events hold the raw answer; where that matters, give the engine `guard_llm(llm, guard)`.

    Args:
        chat_engine: answers; one of LlamaIndex's, or another that keeps its memory as they do.
        guard: looks; its policy says what becomes of what is flagged.
        strategy: of answers, instead of the policy's: "rewrite", "block" or "raise"; "raise" holds for sources too,
            while the memory gets a refusal.
        on_error: what becomes of what could not be looked at: "block" it, "raise", or "pass" it on.
        stream: "buffer" releases nothing before the whole answer was looked at, "sentence" releases sentences as they
            are found harmless.
        check_sources: false to pass source nodes on as they are, where `EyelidNodePostprocessor` looked at them.
        allowed_root: the folder below which image files of source nodes are read.
        image_loader: fetches images of source nodes that are given by URL.

    Raises:
        ConfigurationError: an unknown choice, `guard` is no guard, or the memory of `chat_engine` cannot be reached.
    """

    def __init__(
        self,
        chat_engine: BaseChatEngine,
        guard: Guard,
        *,
        strategy: str | None = None,
        on_error: OnError = "block",
        stream: StreamMode = "buffer",
        check_sources: bool = True,
        allowed_root: Path | None = None,
        image_loader: ImageLoader | None = None,
    ) -> None:
        if not isinstance(chat_engine, BaseChatEngine):
            raise ConfigurationError(f"chat_engine must be a chat engine, not {type(chat_engine).__name__}")
        settings = Settings(
            strategy=strategy, on_error=on_error, stream=stream, allowed_root=allowed_root, image_loader=image_loader
        )
        self._checker = Checker(guard, settings, where=_WHERE)
        self._inner = _with_clean_memory(chat_engine, guard, settings)
        self._check_sources = check_sources

    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """The answer, as it may be passed on."""
        return ask(self._checker, self._look(self._inner.chat(message, chat_history), message))

    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """As `chat`, without ever blocking the event loop."""
        response = await self._inner.achat(message, chat_history)
        return await aask(self._checker, await off_loop(lambda: self._look(response, message), self._checker.settings))

    def stream_chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> StreamingAgentChatResponse:
        """The answer as it comes, released as `stream` says."""
        response = self._inner.stream_chat(message, chat_history)
        beside = ask(self._checker, self._beside(response, message))
        return released(response, beside, message, self._checker)

    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """As `stream_chat`, for `async_response_gen`."""
        response = await self._inner.astream_chat(message, chat_history)
        look = await off_loop(lambda: self._beside(response, message), self._checker.settings)
        return released(response, await aask(self._checker, look), message, self._checker)

    def reset(self) -> None:
        """Forget the conversation."""
        self._inner.reset()

    @property
    def chat_history(self) -> list[ChatMessage]:
        """The conversation, as it was passed on."""
        return self._inner.chat_history

    def _look(self, response: Any, prompt: str) -> Look[AgentChatResponse]:
        return chat_look(response, prompt, self._checker, check_sources=self._check_sources)

    def _beside(self, response: StreamingAgentChatResponse, prompt: str) -> Look[Beside]:
        return beside_look(response, prompt, self._checker, check_sources=self._check_sources)


def _with_clean_memory(engine: BaseChatEngine, guard: Guard, settings: Settings) -> BaseChatEngine:
    """The same engine, writing into a clean memory. LlamaIndex has no public way to say where an engine writes."""
    memory = getattr(engine, "_memory", None)
    if isinstance(memory, CleanMemory):
        raise ConfigurationError("this chat engine is guarded already")
    if not isinstance(memory, BaseMemory):
        raise ConfigurationError(
            f"the memory of a {type(engine).__name__} cannot be reached, so it could not be kept clean; "
            "guard its model instead: llama_index.llms.eyelid.guard_llm"
        )
    inner = copy(engine)
    inner._memory = CleanMemory(memory, guard, settings)  # type: ignore[attr-defined]  # see above
    return inner
