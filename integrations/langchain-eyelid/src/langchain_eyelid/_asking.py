"""What is needed to ask a model again about its answer: who is asked, and which images it was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from eyelid.protocols import Host
from langchain_core.messages import BaseMessage

from langchain_eyelid._case import Context
from langchain_eyelid._check import Checker
from langchain_eyelid._images import Reference, load
from langchain_eyelid._runs import Asked

#: Makes the host of one conversation, asked on an event loop where one is given.
MakeHost: TypeAlias = Callable[[asyncio.AbstractEventLoop | None], Host]


def asking(checker: Checker, messages: Sequence[BaseMessage], host: MakeHost) -> tuple[Checker, Context]:
    """The checker of one answer, with the model that gave it to ask again, and what it answers.

    Where nobody is to be asked, or the user's last turn has no images, it is the same checker.
    """
    asked = _asked(checker, messages)
    return _with(checker, asked, host, None) if asked else (checker, Context.of(messages))


async def aasking(checker: Checker, messages: Sequence[BaseMessage], host: MakeHost) -> tuple[Checker, Context]:
    """As `asking`, for the event loop, on which the model is then asked."""
    asked, loop = _asked(checker, messages), asyncio.get_running_loop()
    if asked is None:
        return checker, Context.of(messages)
    if checker.settings.image_loader and any(isinstance(image, Reference) for image in asked.images):
        return await asyncio.to_thread(_with, checker, asked, host, loop)
    return _with(checker, asked, host, loop)


def _asked(checker: Checker, messages: Sequence[BaseMessage]) -> Asked | None:
    if not checker.reasks:
        return None
    asked = Asked.of(messages)
    return asked if asked.images else None


def _with(
    checker: Checker, asked: Asked, host: MakeHost, loop: asyncio.AbstractEventLoop | None
) -> tuple[Checker, Context]:
    images, missing = load(asked.images, checker.settings.image_loader)
    return checker.asking(host(loop)), Context(asked.prompt, shown=images, unshown=missing)
