"""The four responses of query engines: what is looked at of each, and each made anew of what may be passed on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    PydanticResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.schema import NodeWithScore
from pydantic import BaseModel

from eyelid import Outcome, Surface
from eyelid.errors import InputError
from llama_index.postprocessor.eyelid._answered import Said, metadata_look, model_look, text_look
from llama_index.postprocessor.eyelid._check import Checker, Context
from llama_index.postprocessor.eyelid._checked import atexts, sources, texts
from llama_index.postprocessor.eyelid._look import Look, each, nothing
from llama_index.postprocessor.eyelid._stream import astream_text, stream_text
from llama_index.postprocessor.eyelid._verdict import KEY, emit, verdict


@dataclass(frozen=True, slots=True)
class Passed:
    """What may be passed on of a response.

    Args:
        said: the answer; None where it is still to come.
        nodes: the source nodes.
        metadata: what the engine says beside it, and the metadata of the source nodes.
    """

    said: Said | None
    nodes: list[NodeWithScore] = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)


def response_look(
    response: RESPONSE_TYPE, prompt: str, checker: Checker, *, check_sources: bool, where: str
) -> Look[Passed]:
    """A look at everything of a response that is there already. Blocks while images are read or fetched.

    Raises:
        InputError: it is none of LlamaIndex's responses, so that nobody knows what is in it.
    """
    answer = _answer(response, prompt, checker)
    nodes = list(response.source_nodes)
    kept = sources(nodes, prompt, checker.settings, where) if check_sources else nothing(nodes)
    metadata = metadata_look(response.metadata, nodes, prompt)

    def finish(found: list[Any]) -> Passed:
        said, passed, beside = found
        own = {scored.node_id: scored.node.metadata for scored in passed} if response.metadata else {}
        return Passed(said, passed, {**own, **beside})

    return each([answer, kept, metadata], finish)


def released(response: RESPONSE_TYPE, found: Passed, prompt: str, checker: Checker) -> RESPONSE_TYPE:
    """A response of the same kind with what may be passed on; a stream is looked at while it comes."""
    if found.said is not None:
        emit(found.said.verdict, checker.where)
        metadata = {**found.metadata, KEY: found.said.verdict}
        kind = PydanticResponse if isinstance(found.said.value, BaseModel) else Response
        return kind(response=found.said.value, source_nodes=found.nodes, metadata=metadata)
    note = _Note(checker)
    if isinstance(response, AsyncStreamingResponse):
        later = AsyncStreamingResponse(_astream(response, prompt, note), found.nodes, found.metadata)
        note.response = later
        return later
    assert isinstance(response, StreamingResponse)
    soon = StreamingResponse(_stream(response, prompt, note), found.nodes, found.metadata)
    note.response = soon
    return soon


def _answer(response: RESPONSE_TYPE, prompt: str, checker: Checker) -> Look[Said | None]:
    # By class: PydanticResponse has every attribute one asks it for.
    if isinstance(response, (Response, PydanticResponse)):
        said: Any = response.response
        if isinstance(said, BaseModel):
            return model_look(said, prompt, checker.guard.policy)
        return text_look("" if said is None else str(said), prompt)
    if isinstance(response, (StreamingResponse, AsyncStreamingResponse)):
        return nothing(None)
    raise InputError(f"a query engine answered with a {type(response).__name__}, which cannot be looked at")


@dataclass(slots=True)
class _Note:
    """Writes the outcome of a stream into the response that hands it out."""

    checker: Checker
    response: StreamingResponse | AsyncStreamingResponse | None = None

    def __call__(self, outcome: Outcome) -> None:
        assert self.response is not None
        self.response.metadata = {**(self.response.metadata or {}), KEY: verdict([(Surface.OUTPUT, outcome)])}
        if self.response.response_txt is None:  # else `str` of a response that was iterated by hand says "None"
            self.response.response_txt = outcome.text


def _stream(raw: StreamingResponse, prompt: str, note: _Note) -> Generator[str, None, None]:
    chunks = texts(raw.response_gen if raw.response_txt is None else [raw.response_txt])
    yield from stream_text(note.checker, chunks, context=Context(prompt), done=note)


async def _astream(raw: AsyncStreamingResponse, prompt: str, note: _Note) -> AsyncGenerator[str, None]:
    chunks = atexts(raw.async_response_gen())
    async with aclosing(astream_text(note.checker, chunks, context=Context(prompt), done=note)) as stream:
        async for text in stream:
            yield text
