"""What a guarded model needs to ask `inner` again: the conversation it stands in, and the images of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.llm import LLM

from llama_index.llms.eyelid._host import LlamaIndexHost, LoopHost
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._images import Found, aload, load
from llama_index.postprocessor.eyelid._messages import parts


def asking(checker: Checker, llm: LLM, messages: Sequence[ChatMessage]) -> tuple[Checker, Context]:
    """The checker for one answer, with the model in this conversation as its host; and what is answered.

    Under another strategy than "reask" it is the same checker, and images of the request are not looked at: an answer
    to a harmful image is then judged by what it says.
    """
    context = Context.of(messages)
    if not checker.reasks:
        return checker, context
    before, images = _turn(messages)
    shown, missing = load(images, checker.settings)
    host = LlamaIndexHost(llm, before=before)
    return checker.asking(host), replace(context, images=shown, missing=missing)


async def aasking(checker: Checker, llm: LLM, messages: Sequence[ChatMessage]) -> tuple[Checker, Context]:
    """As `asking`, for an event loop, on which the model is asked again."""
    context = Context.of(messages)
    if not checker.reasks:
        return checker, context
    before, images = _turn(messages)
    shown, missing = await aload(images, checker.settings)
    host = LoopHost(llm, asyncio.get_running_loop(), before=before)
    return checker.asking(host), replace(context, images=shown, missing=missing)


def _turn(messages: Sequence[ChatMessage]) -> tuple[Sequence[ChatMessage], Sequence[Found]]:
    """What came before the last turn of the user, and the images in it."""
    last = max((at for at, message in enumerate(messages) if message.role == MessageRole.USER), default=None)
    return ((), ()) if last is None else (messages[:last], parts(messages[last]).images)
