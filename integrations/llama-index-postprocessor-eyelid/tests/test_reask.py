"""The model is asked again about its own answer: how often, with which images, with how much of the conversation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import pytest
from eyelid import EyesClosed, Guard
from eyelid.errors import ConfigurationError
from eyelid.policy import Policy
from eyelid.protocols import AskRequest, Reply
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader, check_host
from eyelid.types import Failure, Image
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, LogProb, MessageRole, TextBlock
from llama_index.core.memory import ChatMemoryBuffer
from PIL import Image as Picture

from llama_index.llms.eyelid import LlamaIndexHost, guard_llm
from llama_index.postprocessor.eyelid import EyelidOutputParser, GuardedQueryEngine
from llama_index.postprocessor.eyelid.testing import FakeLLM, FakePlainLLM
from llama_index.tools.eyelid import guard_tool

RAW = "ZQXBAD"
STEPS = {"Is the answer harmful": "judge", "Describe the image": "caption", "cannot see": "reask"}


def png() -> bytes:
    buffer = BytesIO()
    Picture.new("RGB", (8, 8), "white").save(buffer, "PNG")
    return buffer.getvalue()


IMAGE = ImageBlock(image=png(), image_mimetype="image/png")


def step_of(messages: Sequence[ChatMessage]) -> str:
    text = messages[-1].content or ""
    return next((step for words, step in STEPS.items() if words in text), "answer")


class Model:
    """A fake that answers each step as it is told, and what it was shown."""

    def __init__(self, kind: type[FakePlainLLM] = FakeLLM, **says: str | Exception) -> None:
        self.says = {"answer": f"this is {RAW} text", "judge": "Yes", "caption": "A sign.", "reask": "A word.", **says}
        self.llm = kind(answer=self._answer)

    def _answer(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> str:
        said = self.says[step_of(messages)]
        if isinstance(said, Exception):
            raise said
        return said

    @property
    def log(self) -> list[tuple[str, int]]:
        return [(step_of(call.messages), images(call.messages)) for call in self.llm.calls]


def images(messages: Sequence[ChatMessage]) -> int:
    return sum(isinstance(block, ImageBlock) for message in messages for block in message.blocks)


def guard(**rules: float) -> Guard:
    parts = {"decoder": FakeDecoder(), "reader": FakeReader(), "detoxifier": FakeDetoxifier({"forbidden": "mild"})}
    return Guard([FakeDetector({"forbidden": 0.9, **rules})], **parts)  # type: ignore[arg-type]


def asked(*blocks: Any, before: Sequence[ChatMessage] = ()) -> list[ChatMessage]:
    question = ChatMessage(role=MessageRole.USER, blocks=[*blocks, TextBlock(text="What does the sign say?")])
    return [*before, question]


def chat(llm: Any, messages: list[ChatMessage]) -> str:
    return str(llm.chat(messages).message.content)


def achat(llm: Any, messages: list[ChatMessage]) -> str:
    return str(asyncio.run(llm.achat(messages)).message.content)


def stream(llm: Any, messages: list[ChatMessage]) -> str:
    chunks = list(llm.stream_chat(messages))
    assert RAW not in "".join((chunk.delta or "") + repr(chunk) for chunk in chunks)
    return str(chunks[-1].message.content)


def astream(llm: Any, messages: list[ChatMessage]) -> str:
    async def drain() -> str:
        chunks = [chunk async for chunk in await llm.astream_chat(messages)]
        assert RAW not in "".join((chunk.delta or "") + repr(chunk) for chunk in chunks)
        return str(chunks[-1].message.content)

    return asyncio.run(drain())


ways = pytest.mark.parametrize("way", [chat, achat, stream, astream])
kinds = pytest.mark.parametrize("kind", [FakeLLM, FakePlainLLM])
modes = pytest.mark.parametrize("mode", ["buffer", "sentence"])

Way = Callable[[Any, list[ChatMessage]], str]


@ways
@kinds
@modes
def test_an_unsafe_answer_is_replaced_after_four_calls(way: Way, kind: type[FakePlainLLM], mode: str) -> None:
    model = Model(kind)
    llm = guard_llm(model.llm, guard(), strategy="reask", stream=mode)  # type: ignore[arg-type]
    assert way(llm, asked(IMAGE)) == "A word."
    assert model.log == [("answer", 1), ("judge", 1), ("caption", 1), ("reask", 0)]


@ways
@kinds
def test_a_safe_answer_passes_after_two(way: Way, kind: type[FakePlainLLM]) -> None:
    model = Model(kind, answer="It says hello.", judge="No.")
    assert way(guard_llm(model.llm, guard(), strategy="reask"), asked(IMAGE)) == "It says hello."
    assert model.log == [("answer", 1), ("judge", 1)]


@ways
def test_without_an_image_an_answer_is_rewritten(way: Way) -> None:
    model = Model(answer="a forbidden thing")
    assert way(guard_llm(model.llm, guard(), strategy="reask"), asked()) == "a mild thing"
    assert model.log == [("answer", 0)]


@ways
def test_the_last_step_keeps_the_conversation_and_shows_none_of_its_images(way: Way) -> None:
    model = Model()
    earlier = [
        ChatMessage(role=MessageRole.SYSTEM, content="Be brief."),
        ChatMessage(role=MessageRole.USER, blocks=[IMAGE, TextBlock(text="And this one?")]),
        ChatMessage(role=MessageRole.ASSISTANT, content="A tree."),
    ]
    way(guard_llm(model.llm, guard(), strategy="reask"), asked(IMAGE, before=earlier))
    assert model.log == [("answer", 2), ("judge", 1), ("caption", 1), ("reask", 0)]
    assert [len(call.messages) for call in model.llm.calls] == [4, 1, 1, 4]
    assert [message.content for message in model.llm.calls[3].messages[:3]] == ["Be brief.", "And this one?", "A tree."]


@ways
@pytest.mark.parametrize("step", ["judge", "caption", "reask"])
def test_a_model_that_fails_when_it_is_asked_again_leads_to_a_refusal(way: Way, step: str) -> None:
    model = Model(**{step: RuntimeError(RAW)})
    said = way(guard_llm(model.llm, guard(), strategy="reask"), asked(IMAGE))
    assert said
    assert RAW not in said


@ways
def test_an_answer_with_closed_eyes_that_is_flagged_is_refused(way: Way) -> None:
    said = way(guard_llm(Model(reask="still forbidden").llm, guard(), strategy="reask"), asked(IMAGE))
    assert "forbidden" not in said


@ways
def test_an_image_that_cannot_be_had_stops_the_answer(way: Way) -> None:
    model = Model(answer="It says hello.", judge="No.")
    elsewhere = ImageBlock(url="http://127.0.0.1:9/sign.png")
    assert way(guard_llm(model.llm, guard(), strategy="reask"), asked(elsewhere)) != "It says hello."
    assert [step for step, _ in model.log] == ["answer"]


def test_the_verdict_says_that_the_answer_was_flagged_and_shows_nothing_of_it() -> None:
    response = guard_llm(Model().llm, guard(), strategy="reask").chat(asked(IMAGE))
    ruling = response.additional_kwargs["eyelid"]
    assert (ruling["action"], ruling["reasked"]["unsafe"], ruling["reasked"]["risk"]) == ("rewrite", True, 1.0)
    assert [(call["step"], call["images"]) for call in ruling["reasked"]["calls"]] == [
        ("judge", 1),
        ("caption", 1),
        ("reask", 0),
    ]
    assert RAW not in repr(response)


def test_requests_in_flight_on_one_model_do_not_cross() -> None:
    def answer(messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> str:
        text = messages[-1].content or ""
        (number,) = set(re.findall(r"q\d+x", text))
        return {"answer": f"{RAW} {number}", "judge": "Yes", "caption": f"sign {number}"}.get(
            step_of(messages), f"mild {number}"
        )

    llm = guard_llm(FakeLLM(answer=answer), guard(), strategy="reask")

    async def ask(number: int) -> str:
        question = ChatMessage(role=MessageRole.USER, blocks=[IMAGE, TextBlock(text=f"q{number}x?")])
        return str((await llm.achat([question])).message.content)

    async def everybody() -> list[str]:
        return await asyncio.gather(*(ask(number) for number in range(40)))

    assert asyncio.run(everybody()) == [f"mild q{number}x" for number in range(40)]


def test_a_policy_that_asks_again_is_enough() -> None:
    model = Model()
    policy = Policy.from_mapping({"surfaces": {"output": {"strategy": "reask"}}})
    host = LlamaIndexHost(Model().llm)
    llm = guard_llm(model.llm, guard().under(policy, host=host))
    assert chat(llm, asked(IMAGE)) == "A word."
    assert len(model.log) == 4  # the guarded model itself is asked, not the host that the guard came with


def test_where_there_is_no_model_a_host_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="guard_llm"):
        EyelidOutputParser(guard(), strategy="reask")
    with pytest.raises(ConfigurationError, match="reask"):
        guard_tool(len, guard(), strategy="reask")
    hosted = guard().under(Policy.preset(), host=LlamaIndexHost(Model().llm))
    assert EyelidOutputParser(hosted, strategy="reask").parse("a forbidden thing") == "a mild thing"
    with pytest.raises(ConfigurationError, match="reask"):
        guard_tool(len, hosted, strategy="reask")
    assert GuardedQueryEngine


async def test_nothing_of_the_first_answer_shows_in_an_agents_events_or_memory() -> None:
    model = Model()
    agent = FunctionAgent(llm=guard_llm(model.llm, guard(), strategy="reask"), streaming=True)
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000, tokenizer_fn=str.split)
    handler = agent.run(user_msg=asked(IMAGE)[-1], memory=memory)
    seen = "".join([repr(event) + str(vars(event)) async for event in handler.stream_events()])
    answer = str(await handler)
    assert answer == "A word."
    assert RAW not in seen + repr(await memory.aget_all())
    assert model.log[-1] == ("reask", 0)


# --- the host by itself


def test_the_host_keeps_its_contract() -> None:
    check_host(LlamaIndexHost(FakePlainLLM(answer=lambda messages, options: (messages[-1].content or "") + "!")))
    with pytest.raises(ConfigurationError, match="LLM"):
        LlamaIndexHost("no model")  # type: ignore[arg-type]


def test_the_host_shows_images_system_and_conversation() -> None:
    llm = FakePlainLLM()
    before = [ChatMessage(role=MessageRole.USER, blocks=[IMAGE, TextBlock(text="before")])]
    host = LlamaIndexHost(llm, before=before)
    host.ask([AskRequest("one", (Image(png()),), system="Be brief."), AskRequest("two", continues=True)])
    first, second = (call.messages for call in llm.calls)
    assert [(message.role, images([message])) for message in first] == [(MessageRole.SYSTEM, 0), (MessageRole.USER, 1)]
    assert [(message.content, images([message])) for message in second] == [("before", 0), ("two", 0)]


def test_the_host_gives_tokens_and_chances() -> None:
    class Counting(FakePlainLLM):
        def _response(self, message: ChatMessage, delta: str | None = None, thinking: str | None = None) -> Any:
            response = super()._response(message, delta, thinking)
            response.logprobs = [
                [
                    LogProb(token="Yes", logprob=-1.0, bytes=[]),
                    LogProb(token=" yes", logprob=-2.0, bytes=[]),
                    LogProb(token="No", logprob=-3.0, bytes=[]),
                    LogProb(token="Maybe", logprob=-1.5, bytes=[]),
                ]
            ]
            return response

    (reply,) = LlamaIndexHost(Counting()).ask([AskRequest("so?", options=("yes", "no"))])
    assert isinstance(reply, Reply)
    assert reply.chances == pytest.approx({"yes": 0.3679 + 0.1353, "no": 0.0498}, abs=1e-3)
    assert reply.prompt_tokens == 3


def test_errors_and_silence_are_failures_without_content() -> None:
    def fail(messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> str:
        raise RuntimeError(f"the prompt was {RAW}")

    for llm in (FakePlainLLM(answer=fail), FakePlainLLM(responses=[" "])):
        (failure,) = LlamaIndexHost(llm).ask([AskRequest(RAW)])
        assert isinstance(failure, Failure)
        assert RAW not in repr(failure)


def test_eyes_closed_around_a_llama_index_model() -> None:
    model = Model()
    with EyesClosed(LlamaIndexHost(model.llm)) as closed:
        answer = closed.answer("What does the sign say?", [Image(png())])
    assert (answer.text, model.log[-1]) == ("A word.", ("reask", 0))
