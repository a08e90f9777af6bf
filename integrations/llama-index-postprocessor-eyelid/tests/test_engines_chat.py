"""Guarded chat engines: every way to chat, what they cite, and what they remember."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError
from eyelid.errors import ConfigurationError, InputError, UninspectedError
from eyelid.testing import Fault, FaultyDetector
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import AgentChatResponse, BaseChatEngine, StreamingAgentChatResponse
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import ToolOutput

from llama_index.postprocessor.eyelid import GuardedChatEngine
from llama_index.postprocessor.eyelid.testing import FakeLLM
from tests.engines_of import ANSWER, ASKED, CLEAN, KINDS, chat_engine, nodes
from tests.nodes_of import BAD, everything

MENDED = ANSWER.replace(BAD, "[removed]")


def remembered(memory: Any) -> str:
    return "\n".join(message.model_dump_json() for message in memory.get_all())


def beside(response: Any) -> str:
    return f"{response.sources} {[each.raw_output for each in response.sources]}" + everything(response.source_nodes)


async def chatted(engine: GuardedChatEngine, way: str) -> tuple[str, Any]:
    """The text that was handed out, and the response."""
    match way:
        case "chat":
            response: Any = engine.chat(ASKED)
            return str(response), response
        case "achat":
            response = await engine.achat(ASKED)
            return str(response), response
        case "stream_chat":
            response = engine.stream_chat(ASKED)
            return "".join(response.response_gen), response
        case _:
            response = await engine.astream_chat(ASKED)
            return "".join([piece async for piece in response.async_response_gen()]), response


UNLISTED = ("condense_question", "astream_chat")
WAYS = ("chat", "achat", "stream_chat", "astream_chat")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", ["buffer", "sentence"])
async def test_nothing_flagged_is_said_cited_or_remembered(guard: Guard, kind: str, way: str, stream: Any) -> None:
    inner, memory = chat_engine(kind, said=f"Add {BAD}.")
    engine = GuardedChatEngine(inner, guard, stream=stream)
    said, response = await chatted(engine, way)
    assert BAD not in said
    assert "Boil water" in said
    assert BAD not in f"{response} {response.response}" + beside(response)
    assert BAD not in remembered(memory)
    assert BAD not in str(engine.chat_history)
    assert [message.role.value for message in engine.chat_history] == ["user", "assistant"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
async def test_harmless_chats_are_as_they_were(guard: Guard, kind: str, way: str) -> None:
    inner, memory = chat_engine(kind, CLEAN)
    said, response = await chatted(GuardedChatEngine(inner, guard), way)
    assert said == str(response) == CLEAN
    assert [message.content for message in memory.get_all()] == [ASKED, CLEAN]
    # LlamaIndex itself does not list the nodes of the one that condenses questions and streams asynchronously.
    assert len(response.source_nodes) == (0 if kind == "simple" or (kind, way) == UNLISTED else 2)


async def test_the_next_turn_does_not_see_what_was_stopped(guard: Guard) -> None:
    llm = FakeLLM(responses=[ANSWER, CLEAN])
    engine = GuardedChatEngine(chat_engine("simple", llm=llm)[0], guard)
    engine.chat(ASKED)
    await engine.achat("And then?")
    assert BAD not in str(llm.calls[1].messages)
    assert "[removed]" in str(llm.calls[1].messages)


def test_what_nobody_iterates_is_not_remembered_raw_either(guard: Guard) -> None:
    inner, memory = chat_engine("context")
    GuardedChatEngine(inner, guard).stream_chat(ASKED)
    for _ in range(500):
        if len(memory.get_all()) == 2:
            break
        time.sleep(0.01)
    assert len(memory.get_all()) == 2
    assert BAD not in remembered(memory)


async def test_leaving_a_stream_early_leaves_memory_clean(guard: Guard) -> None:
    inner, memory = chat_engine("simple", ANSWER + " " + CLEAN * 10)
    engine = GuardedChatEngine(inner, guard, stream="sentence")
    stream = engine.stream_chat(ASKED).response_gen
    next(stream)
    stream.close()
    later = (await engine.astream_chat(ASKED)).async_response_gen()
    await anext(later)
    await later.aclose()
    await asyncio.sleep(0)
    assert BAD not in remembered(memory)


def test_the_engine_that_was_given_is_not_changed(guard: Guard) -> None:
    inner, memory = chat_engine("simple")
    GuardedChatEngine(inner, guard)
    assert str(inner.chat(ASKED)) == ANSWER
    assert BAD in remembered(memory)


def test_the_history_can_be_given_and_reset(guard: Guard) -> None:
    inner, memory = chat_engine("simple", CLEAN)
    engine = GuardedChatEngine(inner, guard)
    engine.chat(ASKED, chat_history=[ChatMessage(role="user", content="Hello")])
    assert [message.content for message in engine.chat_history] == ["Hello", ASKED, CLEAN]
    engine.reset()
    assert engine.chat_history == memory.get_all() == []


@pytest.mark.parametrize("way", WAYS)
async def test_raising_remembers_a_refusal(guard: Guard, way: str) -> None:
    inner, memory = chat_engine("simple")
    with pytest.raises(HarmfulContentError) as raised:
        await chatted(GuardedChatEngine(inner, guard, strategy="raise"), way)
    assert BAD not in f"{raised.value!r}"
    assert "I can't help with that" in remembered(memory)
    assert BAD not in remembered(memory)


@pytest.mark.parametrize("way", WAYS)
async def test_a_failed_look_stops_everything(way: str) -> None:
    with Guard([FaultyDetector(Fault.RAISES)]) as broken:
        inner, memory = chat_engine("context", CLEAN)
        said, response = await chatted(GuardedChatEngine(inner, broken), way)
        assert "water" not in said + remembered(memory)
        assert "Tea" not in beside(response)
        with pytest.raises(UninspectedError):
            await chatted(GuardedChatEngine(chat_engine("simple", CLEAN)[0], broken, on_error="raise"), way)
        said, _ = await chatted(GuardedChatEngine(chat_engine("simple", CLEAN)[0], broken, on_error="pass"), way)
        assert said == CLEAN


class Canned(BaseChatEngine):
    """Answers with what it is given, and remembers nothing."""

    def __init__(self, response: Any) -> None:
        self.response, self._memory = response, ChatMemoryBuffer.from_defaults(token_limit=3000)

    def reset(self) -> None:
        self._memory.reset()

    def chat(self, message: str, chat_history: Any = None) -> Any:
        return self.response

    async def achat(self, message: str, chat_history: Any = None) -> Any:
        return self.response

    stream_chat = chat
    astream_chat = achat

    @property
    def chat_history(self) -> list[ChatMessage]:
        return []


def test_everything_a_response_carries_is_looked_at(guard: Guard) -> None:
    sources = [
        ToolOutput(tool_name="web", content=f"say {BAD}", raw_input={"q": "tea"}, raw_output={"page": BAD}),
        ToolOutput(tool_name="web", content="tea", raw_input={"q": BAD}, raw_output=BAD),
        ToolOutput(tool_name="shelf", content=str(nodes(BAD)), raw_input={}, raw_output=nodes(BAD)),
    ]
    raw = AgentChatResponse(CLEAN, sources, nodes(BAD), is_dummy_stream=True, metadata={"note": BAD})
    response = GuardedChatEngine(Canned(raw), guard).chat(ASKED)
    assert BAD not in beside(response) + str(response.metadata)
    assert [each.raw_input for each in response.sources] == [{"q": "tea"}, {}, {}]
    assert [each.node_id for each in response.sources[2].raw_output] == [each.node_id for each in sources[2].raw_output]
    assert response.is_dummy_stream
    assert BAD in beside(raw)  # what it was made of is as it was


@pytest.mark.parametrize("response", [f"just {BAD}", None])
async def test_an_answer_of_an_unknown_kind_is_not_passed_on(guard: Guard, response: Any) -> None:
    for way in WAYS:
        with pytest.raises(InputError) as raised:
            await chatted(GuardedChatEngine(Canned(response), guard), way)
        assert BAD not in str(raised.value)


def test_an_engine_whose_memory_cannot_be_reached_is_refused(guard: Guard) -> None:
    hidden = Canned(None)
    del hidden._memory
    with pytest.raises(ConfigurationError, match="guard_llm"):
        GuardedChatEngine(hidden, guard)
    once = GuardedChatEngine(chat_engine("simple")[0], guard)
    with pytest.raises(ConfigurationError):
        GuardedChatEngine(once, guard)


def test_misspelled_or_unknown_arguments_raise(guard: Guard) -> None:
    inner, _ = chat_engine("simple")
    with pytest.raises(TypeError):
        GuardedChatEngine(inner, guard, stratgy="block")  # type: ignore[call-arg]
    for wrong in ({"strategy": "blok"}, {"on_error": "ignore"}, {"stream": "words"}):
        with pytest.raises(ConfigurationError):
            GuardedChatEngine(inner, guard, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="chat engine"):
        GuardedChatEngine("engine", guard)  # type: ignore[arg-type]


def test_a_stream_is_a_response_like_any_other(guard: Guard, capsys: pytest.CaptureFixture[str]) -> None:
    response = GuardedChatEngine(chat_engine("simple")[0], guard).stream_chat(ASKED)
    assert isinstance(response, StreamingAgentChatResponse)
    response.print_response_stream()
    assert capsys.readouterr().out == str(response) == response.response == MENDED
    assert response.is_done
