"""The guard as a step: what it takes and hands on, batches, streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Image
from eyelid.errors import ConfigurationError, InputError
from eyelid.testing import FakeDetector
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel

from langchain_eyelid.runnables import EyelidGuard
from langchain_eyelid.testing import FakeStreamingChatModel, chunks_of

MARKER = "ZQXBAD"
PICTURE = b"a picture that says it"


async def every_way(step: Any, value: Any) -> Any:
    found = [
        step.invoke(value), await step.ainvoke(value), *step.batch([value]), *(await step.abatch([value])),
        *step.stream(value), *[each async for each in step.astream(value)],
    ]  # fmt: skip
    assert all(each == found[0] for each in found)
    return found[0]


async def test_dicts(guard: Guard) -> None:
    step = EyelidGuard(guard)
    fine = await every_way(step, {"prompt": "why?", "images": [Image(b"a cat")], "response": "so"})
    assert (fine["response"], fine["eyelid"]["action"], len(fine["images"])) == ("so", "allow", 1)
    bad = await every_way(step, {"prompt": "why?", "response": f"so {MARKER}"})
    assert (bad["response"], bad["eyelid"]["action"]) == ("so [gone]", "rewrite")
    message = await every_way(step, {"response": AIMessage(MARKER)})
    assert message["response"].text == "[gone]"
    asked = await every_way(step, {"prompt": MARKER})
    assert MARKER not in repr(asked)
    assert asked["eyelid"]["surface"] == "input"


@pytest.mark.parametrize(
    "image", [PICTURE, Image(PICTURE), "https://example.org/a.png", {"type": "file", "file_id": "7"}, 7], ids=repr
)
async def test_images_that_say_it_or_that_nobody_can_look_at(guard: Guard, image: Any) -> None:
    if image == 7:
        with pytest.raises((InputError, TypeError)):
            EyelidGuard(guard).invoke({"prompt": "why?", "images": image, "response": "so"})
        return
    found = await every_way(EyelidGuard(guard), {"prompt": "why?", "images": [image], "response": "so"})
    assert found["eyelid"]["action"] == "block"
    assert found["images"] == []


async def test_messages(guard: Guard) -> None:
    step = EyelidGuard(guard)
    assert (await every_way(step, AIMessage(MARKER, id="1"))).text == "[gone]"
    assert await every_way(step, MARKER) == "[gone]"
    whole = [SystemMessage(f"never say {MARKER}"), HumanMessage("why?"), ToolMessage(MARKER, tool_call_id="1")]
    found = await every_way(step, whole)
    assert found[0] is whole[0]
    assert [message.text for message in found[1:]] == ["why?", "[gone]"]
    assert [message.response_metadata["eyelid"]["surface"] for message in found[1:]] == ["input", "tool_result"]


async def test_before_a_model(guard: Guard) -> None:
    model = FakeStreamingChatModel(responses=["fine"])
    chain: Any = ChatPromptTemplate.from_messages([("human", "{q}")]) | EyelidGuard(guard) | model
    assert chain.invoke({"q": MARKER}).text == "fine"
    assert MARKER not in repr(model.calls[0].messages)
    strict: Any = ChatPromptTemplate.from_messages([("human", "{q}")]) | EyelidGuard(guard, strategy="raise") | model
    with pytest.raises(HarmfulContentError):
        await strict.ainvoke({"q": MARKER})
    assert len(model.calls) == 1


async def test_a_batch_is_one_call(guard: Guard, detector: FakeDetector) -> None:
    given: list[Any] = [{"prompt": "why?", "response": f"number {number}"} for number in range(40)]
    chain: Any = RunnableLambda(lambda x: x) | EyelidGuard(guard)
    for found in (chain.batch(given), await chain.abatch(given)):
        assert [each["response"] for each in found] == [each["response"] for each in given]
    assert [len(batch) for batch in detector.log.batches] == [40, 40]


async def test_in_a_batch_each_failure_is_its_own(guard: Guard) -> None:
    step = EyelidGuard(guard, strategy="raise")
    given: list[Any] = ["fine", MARKER, {"respons": MARKER}]
    for found in (step.batch(given, return_exceptions=True), await step.abatch(given, return_exceptions=True)):
        assert found[0] == "fine"
        assert isinstance(found[1], HarmfulContentError)
        assert isinstance(found[2], InputError)
        assert MARKER not in str(found[1]) + str(found[2])


async def test_streams_add_up_strictly(guard: Guard) -> None:
    async def later(pieces: list[Any]) -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece

    dicts: list[Any] = [{"prompt": "why?"}, {"response": "so ZQX"}, {"response": "BAD it is"}]
    streams: list[tuple[list[Any], Any]] = [
        (dicts, "so [gone] it is"),
        ([{"response": chunk} for chunk in chunks_of(AIMessage(f"so {MARKER}"), 2)], "so [gone]"),
    ]
    step = EyelidGuard(guard)
    for pieces, said in streams:
        for found in (list(step.transform(iter(pieces))), [each async for each in step.atransform(later(pieces))]):
            response = found[0]["response"]
            assert len(found) == 1
            assert getattr(response, "text", response) == said
    for mode, many in (("buffer", False), ("sentence", True)):
        text = "The cat sat on the mat and looked at the sea. And more of it is here to come. "
        stepped = EyelidGuard(guard, stream=mode)  # type: ignore[arg-type]
        released = list(stepped.transform(iter(chunks_of(AIMessage(text + MARKER), 3))))
        assert MARKER not in repr(released)
        assert (len(released) > 1) == many
    for wrong in ([{"response": "a"}, "b"], [[HumanMessage("a")], [HumanMessage("b")]], [AIMessage("a")] * 2):
        with pytest.raises(TypeError):
            list(step.transform(iter(wrong)))
        with pytest.raises(TypeError):
            [each async for each in step.atransform(later(wrong))]


def test_the_dicts_of_parallel_steps_stream(guard: Guard) -> None:
    model = FakeStreamingChatModel(responses=[f"so {MARKER}"])
    parallel: Any = RunnableParallel(prompt=RunnableLambda(str), response=model)
    (found,) = (parallel | EyelidGuard(guard)).stream("why?")
    assert isinstance(found["response"], AIMessageChunk)
    assert found["response"].text == "so [gone]"


def test_what_is_wrong_raises(guard: Guard) -> None:
    make: Any = EyelidGuard
    with pytest.raises(TypeError):
        make(guard, stragety="block")
    for wrong in ({"strategy": "bloc"}, {"surface": "outputs"}, {"surface": "input", "stream": "sentence"}):
        with pytest.raises(ConfigurationError):
            make(guard, **wrong)
    for value in (7, {"prompt": 7}, {}, {"images": []}, {"promt": MARKER}, [7]):
        with pytest.raises(InputError) as caught:
            make(guard).invoke(value)
        assert MARKER not in str(caught.value)
