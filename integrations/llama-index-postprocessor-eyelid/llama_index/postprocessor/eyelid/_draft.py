"""One streamed answer under way: what came so far, what was handed on, and how chunks are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, TextBlock, ThinkingBlock

from eyelid import Outcome, Surface
from llama_index.postprocessor.eyelid._case import Ruling
from llama_index.postprocessor.eyelid._messages import parts, replaced
from llama_index.postprocessor.eyelid._responses import guarded, plain
from llama_index.postprocessor.eyelid._scaffold import may_be_scaffold
from llama_index.postprocessor.eyelid._verdict import verdict

#: Characters of a text after which it is known whether it has a form.
_KNOWN = 8


@dataclass(slots=True)
class Draft:
    """What a stream has brought so far. One for each stream."""

    text: str = field(default="", repr=False)
    thinking: str = field(default="", repr=False)
    released: str = field(default="", repr=False)
    _last: ChatResponse | None = field(default=None, repr=False)

    @property
    def begun(self) -> bool:
        """Whether there was any chunk."""
        return self._last is not None

    @property
    def speaks(self) -> bool:
        """Whether the text may be handed on by sentences: it is long enough to be known, and has no form."""
        opening = self.text.lstrip()
        return len(opening) >= _KNOWN and opening[0] not in "{[`<" and not may_be_scaffold(opening)

    def add(self, chunk: ChatResponse) -> str:
        """Take a chunk in; what is new in its text is returned.

        What counts is what the message says so far. A model that only gives deltas is understood as well.
        """
        self._last = chunk
        self.thinking += str(chunk.additional_kwargs.get("thinking_delta") or "")
        said = chunk.message.content or ""
        new = said[len(self.text) :] if said and said.startswith(self.text) else chunk.delta or ""
        self.text += new
        return new

    @property
    def message(self) -> ChatMessage:
        """Everything that came, as one message."""
        last = self._final.message
        own = parts(last)
        if own.text == self.text:
            message = last
        else:
            message = replaced(last, self.text, calls=[call.key for call in own.calls], images=True)
        if self.thinking and not any(isinstance(block, ThinkingBlock) for block in message.blocks):
            blocks = [ThinkingBlock(content=self.thinking), *message.blocks]
            message = message.model_copy(update={"blocks": blocks})
        return message

    def whole(self, ruling: Ruling) -> ChatResponse:
        """The answer as one chunk."""
        return guarded(self._final, ruling, delta=ruling.text, thinking=self.thinking if ruling.allowed else "")

    def piece(self, text: str) -> ChatResponse:
        """A chunk that hands on a stretch of text."""
        self.released += text
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=self.released), delta=text)

    def rest(self, outcome: Outcome) -> ChatMessage | None:
        """What is left to be looked at when the text is done; None where there is nothing, or nothing may follow."""
        if not outcome.allowed:
            return None
        message = self.message
        blocks = [block for block in message.blocks if not isinstance(block, TextBlock)]
        left = message.model_copy(update={"blocks": blocks})
        found = parts(left)
        return left if found.asides or found.calls or found.images or found.uninspectable else None

    def last(self, outcome: Outcome, ruling: Ruling | None) -> ChatResponse:
        """The last chunk: all that was released, with what may follow it, and the verdict."""
        if ruling is None:
            message = ChatMessage(role=MessageRole.ASSISTANT, content=self.released)
            return plain(self._final, message, verdict([(Surface.OUTPUT, outcome)]), delta="")
        more = ruling.text if not ruling.allowed else ""
        delta = f"\n\n{more}" if more else ""
        blocks: list[Any] = [block for block in ruling.message.blocks if not isinstance(block, TextBlock)]
        said = TextBlock(text=self.released + delta)
        message = ruling.message.model_copy(update={"blocks": [said, *blocks]})
        thinking = self.thinking if ruling.allowed else ""
        return plain(self._final, message, ruling.verdict, delta=delta, thinking=thinking)

    @property
    def _final(self) -> ChatResponse:
        assert self._last is not None, "a draft is used after its first chunk only"
        return self._last
