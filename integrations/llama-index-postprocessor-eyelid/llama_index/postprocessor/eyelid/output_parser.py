"""An output parser that hands on only what was looked at, where LlamaIndex applies one."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.types import BaseOutputParser

from eyelid import Guard
from eyelid.errors import ConfigurationError
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._settings import OnError, Settings


class EyelidOutputParser(BaseOutputParser):
    """For `llm.output_parser`: looks at what `predict` and `apredict` return.

        llm.output_parser = EyelidOutputParser(guard)

    LlamaIndex applies an output parser there and nowhere else: not in `chat`, `complete`, agents, chat engines, nor
    where a query engine streams, and it gives the parser the text alone, without the request. Under `apredict` it
    blocks the event loop while the guard looks. Streams with an output parser raise `NotImplementedError` in
    LlamaIndex. Where any of that matters, use `llama_index.llms.eyelid.guard_llm`.

    Args:
        guard: looks; its policy says what becomes of what is flagged.
        inner: parses what may be passed on, and says how queries are formatted.
        prompt: the request in whose light texts are judged, where it is always the same.
        strategy: instead of the policy's: "rewrite", "block" or "raise".
        on_error: what becomes of what could not be looked at: "block" it, "raise", or "pass" it on.

    Raises:
        ConfigurationError: an unknown choice, `guard` is no guard, or `inner` no output parser.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        inner: BaseOutputParser | None = None,
        prompt: str = "",
        strategy: str | None = None,
        on_error: OnError = "block",
    ) -> None:
        if inner is not None and not isinstance(inner, BaseOutputParser):
            raise ConfigurationError(f"inner must be an output parser, not {type(inner).__name__}")
        self._checker = Checker(guard, Settings(strategy=strategy, on_error=on_error), where="output_parser")
        self._inner = inner
        self._context = Context(prompt)

    def parse(self, output: str) -> Any:
        """What may be passed on of a text.

        Raises:
            HarmfulContentError: flagged under the strategy "raise".
            UninspectedError: the look failed under on_error "raise" or the strategy "raise".
        """
        text = self._checker.check_text(output, context=self._context).text
        return text if self._inner is None else self._inner.parse(text)

    def format(self, query: str) -> str:
        """As the inner parser formats it; else unchanged."""
        return query if self._inner is None else self._inner.format(query)

    def format_messages(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        """As the inner parser formats them; else unchanged."""
        return messages if self._inner is None else self._inner.format_messages(messages)
