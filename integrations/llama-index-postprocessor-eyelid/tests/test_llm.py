"""Guarded models: chat, complete, predict, sync and async; what must not get out beside the answer."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError
from eyelid.errors import ConfigurationError, UninspectedError
from eyelid.testing import FakeDetector, Fault, FaultyDetector
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, ValidationError

from llama_index.llms.eyelid import GuardedFunctionCallingLLM, GuardedLLM, guard_llm
from llama_index.postprocessor.eyelid.testing import FakeLLM, FakePlainLLM, calls_tool

BAD = "ZQXBAD"
ASKED = [ChatMessage("what is it?")]


async def every_way(llm: Any) -> dict[str, list[Any]]:
    """What comes out of a model, by way of asking it."""
    return {
        "chat": [llm.chat(ASKED)],
        "achat": [await llm.achat(ASKED)],
        "stream_chat": list(llm.stream_chat(ASKED)),
        "astream_chat": [chunk async for chunk in await llm.astream_chat(ASKED)],
        "complete": [llm.complete("what is it?")],
        "acomplete": [await llm.acomplete("what is it?")],
        "stream_complete": list(llm.stream_complete("what is it?")),
        "astream_complete": [chunk async for chunk in await llm.astream_complete("what is it?")],
        "predict": [llm.predict(PromptTemplate("{q}"), q="what?")],
        "apredict": [await llm.apredict(PromptTemplate("{q}"), q="what?")],
        "stream": list(llm.stream(PromptTemplate("{q}"), q="what?")),
        "astream": [token async for token in await llm.astream(PromptTemplate("{q}"), q="what?")],
    }


def final(found: list[Any]) -> str:
    last = found[-1]
    if isinstance(last, str):
        return "".join(found)
    return str(last.message.content if hasattr(last, "message") else last.text)


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
@pytest.mark.parametrize("strategy", ["rewrite", "block"])
@pytest.mark.parametrize("kind", [FakeLLM, FakePlainLLM])
async def test_nothing_gets_out_in_any_way(guard: Guard, kind: Any, strategy: str, stream: str) -> None:
    inner = kind(responses=[f"Good start. Then {BAD} comes. And an end."])
    found = await every_way(guard_llm(inner, guard, strategy=strategy, stream=stream))
    for way, chunks in found.items():
        assert BAD not in repr(chunks), way
        assert chunks, way
        if strategy == "rewrite" and stream == "buffer":
            assert final(chunks) == "Good start. Then [removed] comes. And an end.", way


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
@pytest.mark.parametrize("kind", [FakeLLM, FakePlainLLM])
async def test_what_is_harmless_is_as_it_was(guard: Guard, kind: Any, stream: str) -> None:
    said = "One sentence. Another one, somewhat longer.\n\nAnd a paragraph."
    plain, guarded = kind(responses=[said]), guard_llm(kind(responses=[said]), guard, stream=stream)
    raw, found = await every_way(plain), await every_way(guarded)
    for way, chunks in found.items():
        assert final(chunks) == final(raw[way]) == said, way
        if way.startswith(("stream", "astream")) and not isinstance(chunks[0], str):
            assert "".join(chunk.delta or "" for chunk in chunks) == said, way


async def test_thinking_and_images_come_through(guard: Guard) -> None:
    png = b"\x89PNG\r\n\x1a\nnot a real one"
    blocks = [ThinkingBlock(content="let me see"), TextBlock(text="A cat."), ImageBlock(image=png)]
    message = ChatMessage(role="assistant", blocks=blocks)
    llm = guard_llm(FakeLLM(responses=[message]), guard)
    assert llm.chat(ASKED).message.blocks == blocks
    (chunk,) = list(llm.stream_chat(ASKED))
    assert chunk.message.blocks == blocks
    assert chunk.additional_kwargs["thinking_delta"] == "let me see"


def test_images_reach_the_model(guard: Guard) -> None:
    inner = FakePlainLLM()
    asked = ChatMessage(role="user", blocks=[TextBlock(text="what?"), ImageBlock(image=b"some pixels")])
    guard_llm(inner, guard).chat([asked])
    assert inner.calls[0].messages == (asked,)


@pytest.mark.parametrize("said", ["fine", f"so {BAD}"])
def test_nothing_is_handed_on_beside_the_message(guard: Guard, said: str) -> None:
    response = guard_llm(FakeLLM(responses=[said]), guard).chat(ASKED)
    assert response.raw == {"usage": {"prompt_tokens": 3, "completion_tokens": len(said)}}
    assert response.logprobs is None
    assert set(response.additional_kwargs) == {"prompt_tokens", "eyelid"}
    json.dumps(response.additional_kwargs)


def test_secrets_stay_where_they_are(guard: Guard) -> None:
    llm = guard_llm(FakeLLM(system_prompt="be kind"), guard)
    for dumped in (llm.to_dict(), llm.to_json(), llm.to_payload(), repr(llm), str(llm), llm.model_dump()):
        assert "sk-a-secret" not in str(dumped)
        assert "Guard" not in str(dumped).replace("GuardedFunctionCallingLLM", "")
    assert llm.system_prompt == "be kind"


def test_function_calling_is_as_it_was(guard: Guard) -> None:
    assert isinstance(guard_llm(FakeLLM(), guard), GuardedFunctionCallingLLM)
    plain = guard_llm(FakePlainLLM(), guard)
    assert isinstance(plain, GuardedLLM)
    assert not isinstance(plain, FunctionCallingLLM)
    assert plain.metadata == FakePlainLLM().metadata


@pytest.mark.parametrize("wrong", [None, "gpt", object()])
def test_what_is_no_model_is_refused(guard: Guard, wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        guard_llm(wrong, guard)


def test_wrong_choices_are_refused(guard: Guard) -> None:
    with pytest.raises(ConfigurationError):
        guard_llm(guard_llm(FakeLLM(), guard), guard)
    with pytest.raises(ConfigurationError, match="did you mean 'reask'"):
        guard_llm(FakeLLM(), guard, strategy="reaks")
    with pytest.raises(ConfigurationError):
        guard_llm(FakeLLM(), "no guard")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        GuardedLLM(inner=FakeLLM(), guard=guard, polcy="block")  # type: ignore[call-arg]


async def test_raise_raises_in_every_way(guard: Guard) -> None:
    llm = guard_llm(FakeLLM(responses=[f"Well. {BAD}"]), guard, strategy="raise")
    for way in ("chat", "complete"):
        for ask in (getattr(llm, way), getattr(llm, f"stream_{way}")):
            with pytest.raises(HarmfulContentError) as caught:
                list(ask(ASKED if way == "chat" else "what?"))
            assert BAD not in repr(caught.value) + str(caught.value.outcome)
        with pytest.raises(HarmfulContentError):
            await getattr(llm, f"a{way}")(ASKED if way == "chat" else "what?")
        with pytest.raises(HarmfulContentError):
            _ = [chunk async for chunk in await getattr(llm, f"astream_{way}")(ASKED if way == "chat" else "what?")]


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
def test_a_failed_look_is_never_a_pass(stream: Any) -> None:
    with Guard([FaultyDetector(Fault.RAISES)]) as guard:
        llm = guard_llm(FakeLLM(responses=["Harmless. Or so it seems."]), guard, stream=stream)
        assert "Harmless" not in repr(llm.chat(ASKED))
        assert "Harmless" not in repr(list(llm.stream_chat(ASKED)))
    with Guard([FaultyDetector(Fault.RAISES)]) as guard, pytest.raises(UninspectedError):
        guard_llm(FakeLLM(), guard, on_error="raise").chat(ASKED)
    with Guard([FaultyDetector(Fault.RAISES)]) as guard:
        assert guard_llm(FakeLLM(), guard, on_error="pass").chat(ASKED).message.content == "All right."


def find(q: str) -> str:
    """Find something."""
    return f"found {q}"


async def test_tools_reach_the_model_and_its_calls_are_looked_at(guard: Guard) -> None:
    inner = FakeLLM(responses=[calls_tool("find", q="a needle"), calls_tool("find", q=f"how to {BAD}")])
    llm = guard_llm(inner, guard)
    tools = [FunctionTool.from_defaults(find)]
    for _ in range(2):
        good = llm.chat_with_tools(tools, "find it")
        assert [call.tool_kwargs for call in llm.get_tool_calls_from_response(good)] == [{"q": "a needle"}]
        bad = await llm.achat_with_tools(tools, "find it")
        assert llm.get_tool_calls_from_response(bad, error_on_no_tool_call=False) == []
        assert BAD not in repr(bad)
    assert inner.calls[0].options["tools"][0]["function"]["name"] == "find"
    good = llm.predict_and_call(tools, "find it")
    assert good.response == "found a needle"
    chunks = [chunk async for chunk in await llm.astream_chat_with_tools(tools, "find it")]
    assert BAD not in repr(chunks)


class Recipe(BaseModel):
    title: str
    steps: list[str]


@pytest.mark.parametrize("kind", ["tool", "text"])
@pytest.mark.parametrize("way", ["structured_predict", "astructured_predict", "as_structured_llm"])
async def test_structured_output_is_mended_by_leaves(guard: Guard, kind: str, way: str) -> None:
    fields = {"title": "Soup", "steps": ["boil", f"add {BAD} and stir"]}
    inner: Any = (
        FakeLLM(responses=[calls_tool("Recipe", **fields)])
        if kind == "tool"
        else FakePlainLLM(responses=[json.dumps(fields)])
    )
    llm = guard_llm(inner, guard, strategy="rewrite")
    if way == "structured_predict":
        found = llm.structured_predict(Recipe, PromptTemplate("cook"))
    elif way == "astructured_predict":
        found = await llm.astructured_predict(Recipe, PromptTemplate("cook"))
    else:
        response = llm.as_structured_llm(Recipe).chat(ASKED)
        assert BAD not in repr(response)
        found = response.raw
    assert found == Recipe(title="Soup", steps=["boil", "add [removed] and stir"])


@pytest.mark.parametrize("kind", ["tool", "text"])
async def test_structured_output_that_is_blocked_raises(guard: Guard, kind: str) -> None:
    fields = {"title": BAD, "steps": []}
    inner: Any = (
        FakeLLM(responses=[calls_tool("Recipe", **fields)])
        if kind == "tool"
        else FakePlainLLM(responses=[json.dumps(fields)])
    )
    llm = guard_llm(inner, guard, strategy="block")
    with pytest.raises(HarmfulContentError) as caught:
        llm.structured_predict(Recipe, PromptTemplate("cook"))
    assert BAD not in repr(caught.value)
    with pytest.raises(HarmfulContentError):
        await llm.astructured_predict(Recipe, PromptTemplate("cook"))


async def test_structured_output_streams_when_all_of_it_was_seen(guard: Guard) -> None:
    inner = FakeLLM(responses=[calls_tool("Recipe", title="Soup", steps=[f"add {BAD}"])])
    llm = guard_llm(inner, guard, strategy="rewrite")
    for found in (
        list(llm.stream_structured_predict(Recipe, PromptTemplate("cook"))),
        [each async for each in await llm.astream_structured_predict(Recipe, PromptTemplate("cook"))],
    ):
        assert BAD not in repr(found)
        assert found[-1].model_dump() == {"title": "Soup", "steps": ["add [removed]"]}


def test_structured_models_are_guarded_inside(guard: Guard) -> None:
    inner = FakeLLM(responses=[calls_tool("Recipe", title=BAD, steps=[])]).as_structured_llm(Recipe)
    assert guard_llm(inner, guard, strategy="rewrite").chat(ASKED).raw == Recipe(title="[removed]", steps=[])


def test_callbacks_see_what_was_looked_at(guard: Guard) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = guard_llm(FakeLLM(responses=[f"so {BAD}"]), guard)
    llm.callback_manager = CallbackManager([debug])
    llm.chat(ASKED)
    list(llm.stream_chat(ASKED))
    llm.complete("what?")
    assert debug.get_event_pairs()
    assert BAD not in repr(debug.get_event_pairs())


async def test_the_loop_is_never_blocked(make_guard: Callable[..., Guard]) -> None:
    class Slow(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            assert threading.current_thread() is not threading.main_thread()
            time.sleep(0.15)
            return super().score(batch)

    with Guard([Slow()]) as guard:
        llm = guard_llm(FakeLLM(), guard)
        longest, done = 0.0, False

        async def watch() -> None:
            nonlocal longest
            while not done:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - before)

        watching = asyncio.create_task(watch())
        await llm.achat(ASKED)
        _ = [chunk async for chunk in await llm.astream_chat(ASKED)]
        await llm.acomplete("what?")
        done = True
        await watching
    assert longest < 0.1
