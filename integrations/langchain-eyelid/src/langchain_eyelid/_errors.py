"""Exceptions as content: agents put the text of a tool's exception into the conversation."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from eyelid.errors import EyelidError
from langchain_core.tools import ToolException

T = TypeVar("T")

#: Exceptions behind an exception that are read.
_MAX_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Failed:
    """What a call raised. Whatever a tool or a client raises may quote somebody: it is content."""

    error: Exception = field(repr=False)


def tried(act: Callable[[], T]) -> T | Failed:
    """What it returned or raised."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  # what is called is not ours
        return Failed(error)


async def atried(act: Callable[[], Awaitable[T]]) -> T | Failed:
    """As `tried`."""
    try:
        return await act()
    except Exception as error:  # noqa: BLE001  # what is called is not ours
        return Failed(error)


def is_content(error: BaseException) -> bool:
    """Whether its text may be somebody else's: not eyelid's own errors, nor LangGraph's interrupts and commands."""
    if isinstance(error, EyelidError) or not isinstance(error, Exception):
        return False
    langgraph = sys.modules.get("langgraph.errors")  # where it was never imported, it has raised nothing
    return langgraph is None or not isinstance(error, langgraph.GraphBubbleUp)


def bubbled(error: BaseException) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """What one of LangGraph's own exceptions carries out of the graph, and how to make it again with other values."""
    langgraph = sys.modules.get("langgraph.errors")
    kind: Any = type(error)
    if langgraph is not None and isinstance(error, langgraph.ParentCommand):
        return list(error.args), lambda values: kind(*values)
    if langgraph is not None and isinstance(error, langgraph.GraphInterrupt) and error.args:
        asked = error.args[0]
        again = lambda values: kind(tuple(replace(old, value=new) for old, new in zip(asked, values, strict=True)))  # noqa: E731
        return [interrupt.value for interrupt in asked], again
    return [], lambda _: error


def texts_of(error: BaseException) -> tuple[str, str]:
    """What it says, and whatever else it carries: other arguments, attributes, notes, what caused it."""
    said = str(error)
    beside = [*_notes(error), *(text for link in _causes(error) for text in (str(link), repr(link), *_notes(link)))]
    if error.args != (said,):
        beside.append(repr(error))
    beside.extend(str(value) for name, value in vars(error).items() if name != "__notes__")
    return said, "\n".join(filter(None, beside))


def replaced(error: Exception, text: str) -> Exception:
    """An exception of the same class, where that can be had, which says `text` and has nothing else in it.

    Handlers choose by class, so the class is kept where the exception can be made without its constructor.
    """
    try:
        bare = type(error).__new__(type(error))
        bare.args = (text,)
        faithful = text in str(bare) and bool(repr(bare))
    except Exception:  # noqa: BLE001  # a class of somebody else's: its own methods may need what the constructor did
        faithful = False
        bare = error
    return bare if faithful and bare is not error else ToolException(text)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen, link = [error], _before(error)
    while link is not None and not any(link is other for other in seen) and len(seen) <= _MAX_CHAIN:
        yield link
        seen.append(link)
        link = _before(link)


def _before(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _notes(error: BaseException) -> list[str]:
    return [str(note) for note in getattr(error, "__notes__", ())]
