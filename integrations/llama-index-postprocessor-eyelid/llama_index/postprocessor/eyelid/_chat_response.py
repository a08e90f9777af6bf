"""The responses of chat engines: what is looked at of each, and each made anew of what may be passed on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.chat_engine.types import AgentChatResponse, StreamingAgentChatResponse
from llama_index.core.schema import NodeWithScore
from llama_index.core.tools import ToolOutput

from eyelid import Outcome
from eyelid.errors import InputError
from llama_index.postprocessor.eyelid._answered import metadata_look, text_look
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._checked import atexts, sources, texts
from llama_index.postprocessor.eyelid._look import Look, each, nothing
from llama_index.postprocessor.eyelid._stream import astream_text, stream_text
from llama_index.postprocessor.eyelid._tool_sources import tool_look
from llama_index.postprocessor.eyelid._verdict import KEY, emit


@dataclass(frozen=True, slots=True)
class Beside:
    """What may be passed on beside an answer: what tools gave the engine, and what it retrieved."""

    sources: list[ToolOutput] = field(repr=False)
    nodes: list[NodeWithScore] = field(repr=False)


def chat_look(response: Any, prompt: str, checker: Checker, *, check_sources: bool) -> Look[AgentChatResponse]:
    """A look at an answer that is there already, and at all that comes with it.

    Raises:
        InputError: it is no `AgentChatResponse`, so that nobody knows what is in it.
    """
    if not isinstance(response, AgentChatResponse):
        raise InputError(f"a chat engine answered with a {type(response).__name__}, which cannot be looked at")
    looks: list[Look[Any]] = [
        text_look(response.response, prompt),
        beside_look(response, prompt, checker, check_sources=check_sources),
        metadata_look(response.metadata, response.source_nodes, prompt),
    ]

    def finish(found: list[Any]) -> AgentChatResponse:
        said, beside, metadata = found
        emit(said.verdict, checker.where)
        return AgentChatResponse(
            response=said.value,
            sources=beside.sources,
            source_nodes=beside.nodes,
            is_dummy_stream=response.is_dummy_stream,
            metadata={**metadata, KEY: said.verdict},
        )

    return each(looks, finish)


def beside_look(
    response: AgentChatResponse | StreamingAgentChatResponse, prompt: str, checker: Checker, *, check_sources: bool
) -> Look[Beside]:
    """A look at what comes with an answer. Blocks while images are read or fetched."""
    if not isinstance(response, (AgentChatResponse, StreamingAgentChatResponse)):
        raise InputError(f"a chat engine answered with a {type(response).__name__}, which cannot be looked at")
    nodes, settings = list(response.source_nodes), checker.settings
    if not check_sources:
        return nothing(Beside(list(response.sources), nodes))
    tools = [tool_look(output, prompt, settings, checker.where) for output in response.sources]
    kept = sources(nodes, prompt, settings, checker.where)
    return each([*tools, kept], lambda found: Beside(found[:-1], found[-1]))


def released(
    raw: StreamingAgentChatResponse, beside: Beside, prompt: str, checker: Checker
) -> StreamingAgentChatResponse:
    """A response that hands out the answer as it may be passed on. The one it is made of writes the memory."""
    response = StreamingAgentChatResponse(sources=beside.sources, source_nodes=beside.nodes, is_writing_to_memory=False)

    def done(outcome: Outcome) -> None:
        response.is_done = True

    if raw.achat_stream is not None:
        response.achat_stream = _astream(raw, Context(prompt), checker, done)
    else:
        response.chat_stream = _stream(raw, Context(prompt), checker, done)
    return response


def _stream(
    raw: StreamingAgentChatResponse, context: Context, checker: Checker, done: Any
) -> Generator[ChatResponse, None, None]:
    said = ""
    for text in stream_text(checker, texts(raw.response_gen), context=context, done=done):
        said += text
        yield _chunk(said, text)


async def _astream(
    raw: StreamingAgentChatResponse, context: Context, checker: Checker, done: Any
) -> AsyncGenerator[ChatResponse, None]:
    said = ""
    chunks = atexts(raw.async_response_gen())
    async with aclosing(astream_text(checker, chunks, context=context, done=done)) as stream:
        async for text in stream:
            said += text
            yield _chunk(said, text)


def _chunk(said: str, delta: str) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=said), delta=delta)
