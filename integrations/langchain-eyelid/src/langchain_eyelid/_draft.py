"""An answer under way: its text apart from all that waits for the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eyelid import Action, Outcome, Surface
from langchain_core.messages import AIMessageChunk, BaseMessage

from langchain_eyelid._case import Ruling
from langchain_eyelid._content import Kind, kind_of
from langchain_eyelid._messages import blocked, parts, replace_text, stamped, text_of
from langchain_eyelid._sum import Sum
from langchain_eyelid._verdict import verdict, worse

_PLAIN = frozenset({"type", "text", "id", "index"})
#: What every chunk of an answer says of itself; equal values add up to themselves.
_SHARED = ("model_provider", "output_version")


class Draft:
    """What came of an answer so far.

    Text is handed out as it comes; all else (reasoning, tool calls, images, usage, metadata) is kept for the last
    chunk. What stands before the text is kept apart, so that it can be passed on before it.
    """

    def __init__(self) -> None:
        self.whole = Sum()
        #: The text up to where it began.
        self.text = ""
        #: Whether there is text that is not blank.
        self.begun = False
        self._rest = Sum()
        self._head: Any = None
        self._opening: dict[str, Any] | None = None
        self._block: Any = ""
        self._listed = False

    def add(self, chunk: Any) -> str:
        """Take in one more; its text."""
        self.whole.add(chunk)
        if not isinstance(chunk, AIMessageChunk):
            return ""
        content = [chunk.content] if isinstance(chunk.content, str) else chunk.content
        spoken = [block for block in content if kind_of(block) is Kind.TEXT]
        text = "".join(block if isinstance(block, str) else block.get("text") or "" for block in spoken)
        if not self.begun:
            self._block, self._listed = (spoken or [""])[0], not isinstance(chunk.content, str)
            self.text += text
        left = [left for block in content if (left := _without_text(block))]
        self._rest.add(chunk.model_copy(update={"content": left if not isinstance(chunk.content, str) else ""}))
        if not self.begun and text.strip():
            self.begun, self._head = True, _tidy(self._rest.total())
        return text

    @property
    def before(self) -> BaseMessage:
        """Everything but the text, up to where it began."""
        head: BaseMessage = self._head
        return head

    def open(self, ruling: Ruling[BaseMessage]) -> BaseMessage | None:
        """The chunk with what came before the text, None if that is not passed on; it does not come again."""
        self._opening = ruling.verdict
        self._rest = Sum()
        self._rest.add(self._head.model_copy(update={"content": [] if isinstance(self._head.content, list) else ""}))
        return self._chunk(self._head.content) if ruling.allowed else None

    @property
    def waits(self) -> bool:
        """Whether the text cannot be passed on by sentences: JSON, or text after images or tool calls."""
        content = self.before.content
        blocks = content if isinstance(content, list) else []
        return self.text.lstrip()[:1] in ("{", "[") or any(kind_of(block) is not Kind.ASIDE for block in blocks)

    def piece(self, text: str) -> BaseMessage:
        """A chunk of nothing but text, in the form the model gave it."""
        if not self._listed:
            return self._chunk(text)
        if isinstance(self._block, str):
            return self._chunk([text])
        return self._chunk([{**{key: said for key, said in self._block.items() if key in _PLAIN}, "text": text}])

    def subject(self, outcome: Outcome) -> BaseMessage | None:
        """What is still to be looked at once the text has its outcome: None where nothing else is passed on."""
        if outcome.verdict.action is Action.BLOCK:
            return None
        if outcome.verdict.action is Action.REWRITE:
            return replace_text(self._left(), "", {})
        beside = parts(self._left())
        return self._all() if beside.images or beside.uninspectable else self._left()

    def last(self, outcome: Outcome, subject: BaseMessage | None, ruling: Ruling[BaseMessage] | None) -> BaseMessage:
        """The last chunk: all that is left to be passed on, and the verdict on the whole."""
        found = verdict([(Surface.OUTPUT, outcome)])
        found = found if self._opening is None else worse(found, self._opening)
        if subject is None or ruling is None:
            return blocked(self._left(), "", found)
        found = worse(found, ruling.verdict)
        if found["action"] == Action.ALLOW.value:
            return stamped(self._left(), found)
        said, delivered = text_of(ruling.message), text_of(subject)
        left = said.removeprefix(delivered).strip()
        return replace_text(ruling.message, f"\n\n{left}" if left else "", found, images=True)

    def _left(self) -> BaseMessage:
        return _tidy(self._rest.total(ended=True))

    def _all(self) -> BaseMessage:
        everything: BaseMessage = self.whole.total(ended=True)
        return everything

    def _chunk(self, content: Any) -> BaseMessage:
        metadata = self._head.response_metadata
        shared = {key: metadata[key] for key in _SHARED if key in metadata}
        chunk: BaseMessage = type(self._head)(content=content, id=self._head.id, response_metadata=shared)
        return chunk


def _without_text(block: Any) -> Any:
    """What a content block holds beside text; None if that is nothing."""
    if kind_of(block) is not Kind.TEXT:
        return block
    return {**block, "text": ""} if isinstance(block, Mapping) and block.keys() - _PLAIN else None


def _tidy(rest: BaseMessage) -> BaseMessage:
    """Without the empty strings that LangChain keeps where it adds a list to a string."""
    if isinstance(rest.content, str):
        return rest
    return rest.model_copy(update={"content": [block for block in rest.content if block != ""]})
