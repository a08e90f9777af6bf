"""Messages: what is in one, and how it is put back after a ruling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eyelid import Surface
from langchain_core.messages import BaseMessage

from langchain_eyelid._images import Found

M = TypeVar("M", bound=BaseMessage)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, in whatever places of the message it stands.

    Args:
        key: what names it in all of them: its id, or its arguments where it has none.
        texts: what is looked at: its arguments as a whole (each form they have), then leaf by leaf.
    """

    key: str = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is in a message.

    Args:
        text: the text a reader sees: all its text blocks, joined as LangChain joins them.
        blocks: (index of the content block, start, end) of each stretch of `text`; index 0 for a content that is one
            string.
        asides: what is not the text and can be read nevertheless: reasoning, refusals, citations, what server-side
            tools were asked and said, invalid tool calls, artifacts.
        calls: the tool calls.
        images: images, not yet fetched.
        uninspectable: parts nobody can look at: audio, video, files, blocks of an unknown kind.
    """

    text: str = field(default="", repr=False)
    blocks: tuple[tuple[int, int, int], ...] = ()
    asides: tuple[str, ...] = field(default=(), repr=False)
    calls: tuple[Call, ...] = ()
    images: tuple[Found, ...] = ()
    uninspectable: int = 0


def parts(message: BaseMessage) -> Parts:
    """Everything in a message that can be looked at, and how much there is that cannot."""
    raise NotImplementedError


def surface_of(message: BaseMessage) -> Surface:
    """Where a message stands: a tool's result, a model's answer, or else input."""
    raise NotImplementedError


def stamped(message: M, verdict: Mapping[str, Any]) -> M:
    """The message with the verdict in `response_metadata["eyelid"]`, and nothing else changed."""
    raise NotImplementedError


def replace_text(
    message: M,
    text: str,
    verdict: Mapping[str, Any],
    *,
    calls: Collection[str] | None = None,
    images: bool = False,
) -> M:
    """The message with another text: same class, id, usage, name and tool_call_id.

    What would carry the raw text on is left out: reasoning, refusals, citations, log probabilities, parsed values,
    artifacts, provider's copies.

    Args:
        message: it is not changed.
        text: takes the place of all its text blocks.
        verdict: goes to `response_metadata["eyelid"]`.
        calls: keys of the tool calls to keep, byte for byte; all of them if left out.
        images: whether images and uninspectable blocks stay.
    """
    raise NotImplementedError


def blocked(message: M, refusal: str, verdict: Mapping[str, Any]) -> M:
    """The message with a refusal in the place of everything that was in it, tool calls included."""
    raise NotImplementedError
