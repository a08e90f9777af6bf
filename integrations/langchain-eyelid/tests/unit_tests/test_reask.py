"""A guarded model is asked again about its answers: how often, with which images, and in which conversation."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from eyelid import Guard, Image, Policy, Surface
from eyelid.errors import ConfigurationError, UninspectedError
from eyelid.testing import FakeDecoder, FakeDetector, FakeHost, FakeReader
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from pydantic import BaseModel
from tests.unit_tests.conftest import MARKER
from tests.unit_tests.seeing import RAW, SAFE, SAYS, SIGN, UNSAFE, Seeing, asked, images, log, step_of

from langchain_eyelid import (
    EyelidDocumentFilter,
    EyelidGuard,
    EyelidOutputParser,
    LangChainHost,
    guard_model,
    guard_tool,
)
from langchain_eyelid._settings import Settings
from langchain_eyelid.testing import FakeStreamingChatModel

Way = Callable[[Any, Any], AIMessage]


def invoke(model: Any, given: Any) -> Any:
    return model.invoke(given)


def ainvoke(model: Any, given: Any) -> Any:
    return asyncio.run(model.ainvoke(given))


def stream(model: Any, given: Any) -> Any:
    (chunk,) = model.stream(given)
    return chunk


def astream(model: Any, given: Any) -> Any:
    async def drain() -> Any:
        (chunk,) = [chunk async for chunk in model.astream(given)]
        return chunk

    return asyncio.run(drain())


def batch(model: Any, given: Any) -> Any:
    (answer,) = model.batch([given])
    return answer


ways = pytest.mark.parametrize("way", [invoke, ainvoke, stream, astream, batch])
modes = pytest.mark.parametrize("mode", ["buffer", "sentence"])


@ways
@modes
def test_an_unsafe_answer_is_replaced_after_four_calls(way: Way, mode: Any, guard: Guard) -> None:
    inner = Seeing().model()
    answer = way(guard_model(inner, guard, strategy="reask", stream=mode), [asked(SIGN)])
    assert answer.text == "A word."
    assert log(inner.calls) == UNSAFE


@ways
@modes
def test_a_safe_answer_passes_after_two(way: Way, mode: Any, guard: Guard) -> None:
    inner = Seeing({"answer": "It says hello.", "judge": "No."}).model()
    answer = way(guard_model(inner, guard, strategy="reask", stream=mode), [asked(SIGN)])
    assert answer.text == "It says hello."
    assert log(inner.calls) == SAFE


@ways
def test_without_an_image_an_answer_is_rewritten(way: Way, guard: Guard) -> None:
    inner = Seeing({"answer": f"so {MARKER}"}).model()
    before = [asked(SIGN), AIMessage("A tree.")]  # an image of an earlier turn is none of this one's
    assert way(guard_model(inner, guard, strategy="reask"), [*before, HumanMessage("And?")]).text == "so [gone]"
    assert log(inner.calls) == [("answer", 1)]


@ways
def test_a_judge_that_finds_nothing_lowers_no_verdict(way: Way, guard: Guard) -> None:
    inner = Seeing({"answer": f"so {MARKER}", "judge": "No"}).model()
    assert way(guard_model(inner, guard, strategy="reask"), [asked(SIGN)]).text == "A word."
    assert log(inner.calls) == UNSAFE


@ways
def test_an_answer_with_closed_eyes_that_is_flagged_is_refused(way: Way, guard: Guard) -> None:
    answer = way(guard_model(Seeing({"reask": MARKER}).model(), guard, strategy="reask"), [asked(SIGN)])
    assert answer.response_metadata["eyelid"]["action"] == "block"
    assert MARKER not in repr(answer)


@ways
@pytest.mark.parametrize("step", ["judge", "caption", "reask"])
@pytest.mark.parametrize("said", [RuntimeError(MARKER), " "], ids=["fails", "says nothing"])
def test_a_model_that_cannot_be_asked_again_leads_to_a_refusal(
    way: Way, step: str, said: str | Exception, guard: Guard
) -> None:
    answer = way(guard_model(Seeing({step: said}).model(), guard, strategy="reask"), [asked(SIGN)])
    verdict = answer.response_metadata["eyelid"]
    assert (answer.text not in SAYS.values(), verdict["action"]) == (True, "block")
    assert [failure.split(":")[0] for failure in verdict["failures"]] == ["ask"]
    assert MARKER not in repr(answer)


@ways
def test_what_becomes_of_an_answer_that_could_not_be_judged_can_be_said(way: Way, guard: Guard) -> None:
    seeing = Seeing({"judge": RuntimeError(MARKER)})
    with pytest.raises(UninspectedError) as caught:
        way(guard_model(seeing.model(), guard, strategy="reask", on_error="raise"), [asked(SIGN)])
    assert MARKER not in repr(caught.value)
    passed = way(guard_model(seeing.model(), guard, strategy="reask", on_error="pass"), [asked(SIGN)])
    assert passed.text == SAYS["answer"]


@ways
def test_the_last_step_keeps_the_conversation_and_shows_none_of_its_images(way: Way, guard: Guard) -> None:
    inner = Seeing().model()
    call: Any = {"name": "look", "args": {}, "id": "1", "type": "tool_call"}
    screenshot = [{"type": "text", "text": "seen"}, SIGN]
    conversation = [
        SystemMessage("Be brief."),
        asked(SIGN, text="And this one?"),
        AIMessage("A tree."),
        HumanMessage("Now,"),
        asked(SIGN, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SIGN['base64']}"}}),
        AIMessage("", tool_calls=[call]),
        ToolMessage(screenshot, tool_call_id="1"),
    ]
    way(guard_model(inner, guard, strategy="reask"), conversation)
    assert log(inner.calls) == [("answer", 4), ("judge", 2), ("caption", 2), ("reask", 0)]
    assert [len(each.messages) for each in inner.calls] == [7, 1, 1, 6]
    system, before, said, again, called, result = inner.calls[3].messages
    assert [each.text for each in (system, before, said, result)] == ["Be brief.", "And this one?", "A tree.", "seen"]
    assert [each.type for each in (again, called, result)] == ["human", "ai", "tool"]
    assert "Now,\nWhat does the sign say?" in again.text
    assert isinstance(called, AIMessage)
    assert called.tool_calls == [call]
    assert conversation[6].content == screenshot  # nothing of the caller's was changed


@ways
def test_an_answer_that_only_calls_tools_is_looked_at_as_ever(way: Way, guard: Guard) -> None:
    for place, left in (("page", 1), (f"at {MARKER}", 0)):
        call: Any = {"name": "look", "args": {"place": place}, "id": "1", "type": "tool_call"}
        inner = Seeing({"answer": AIMessage("", tool_calls=[call])}).model()
        answer = way(guard_model(inner, guard, strategy="reask"), [asked(SIGN)])
        assert len(answer.tool_calls) == left
        assert log(inner.calls) == [("answer", 1)]


@ways
def test_json_is_mended_leaf_by_leaf(way: Way, guard: Guard) -> None:
    inner = Seeing({"answer": json.dumps({"title": "sign", "said": f"so {MARKER}"})}).model()
    answer = way(guard_model(inner, guard, strategy="reask"), [asked(SIGN)])
    assert json.loads(answer.text) == {"title": "sign", "said": "so [gone]"}
    assert log(inner.calls) == [("answer", 1)]


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_structured_output_is_as_ever(method: str, guard: Guard) -> None:
    class Sign(BaseModel):
        said: str

    call: Any = {"name": "Sign", "args": {"said": "hello"}, "id": "1", "type": "tool_call"}
    said = AIMessage("", tool_calls=[call]) if method == "function_calling" else '{"said": "hello"}'
    inner = Seeing({"answer": said}).model()
    model = guard_model(inner, guard, strategy="reask").with_structured_output(Sign, method=method)
    assert model.invoke([asked(SIGN)]) == Sign(said="hello")
    assert log(inner.calls) == [("answer", 1)]


@ways
def test_text_beside_tool_calls_is_answered_again_and_the_calls_are_kept(way: Way, guard: Guard) -> None:
    call: Any = {"name": "look", "args": {"place": "page"}, "id": "1", "type": "tool_call"}
    inner = Seeing({"answer": AIMessage("a hidden threat", tool_calls=[call])}).model()
    answer = way(guard_model(inner, guard, strategy="reask"), [asked(SIGN)])
    assert (answer.text, len(answer.tool_calls), log(inner.calls)) == ("A word.", 1, UNSAFE)


@ways
def test_an_image_of_the_answers_own_is_not_taken_for_the_users(way: Way, guard: Guard) -> None:
    inner = Seeing({"answer": AIMessage([{"type": "text", "text": "Here it is."}, SIGN])}).model()
    assert way(guard_model(inner, guard, strategy="reask"), [HumanMessage("Draw a sign.")]).text == "Here it is."
    assert log(inner.calls) == [("answer", 0)]


@ways
def test_what_was_bound_holds_for_the_other_calls_but_for_tools_and_forms(way: Way, guard: Guard) -> None:
    inner = Seeing().model()
    model = guard_model(inner, guard, strategy="reask").bind_tools([len_of], tool_choice="any", temperature=0.5)
    way(model.bind(stop=["."]), [asked(SIGN)])
    assert [sorted(name for name, said in call.options.items() if said) for call in inner.calls] == [
        ["stop", "temperature", "tool_choice", "tools"],
        ["temperature"],
        ["temperature"],
        ["stop", "temperature"],
    ]


def test_tools_stay_where_the_conversation_has_calls_of_them(guard: Guard) -> None:
    inner = Seeing().model()
    call: Any = {"name": "len_of", "args": {"text": "x"}, "id": "1", "type": "tool_call"}
    conversation = [asked(SIGN), AIMessage("", tool_calls=[call]), ToolMessage("1", tool_call_id="1")]
    guard_model(inner, guard, strategy="reask").bind_tools([len_of], tool_choice="any").invoke(conversation)
    assert ["tools" in call.options for call in inner.calls] == [True, False, False, True]
    assert "tool_choice" not in inner.calls[3].options


@ways
def test_an_image_that_cannot_be_had_stops_the_answer(way: Way, guard: Guard) -> None:
    there = {"type": "image", "url": "http://127.0.0.1:9/sign.png"}
    inner = Seeing({"answer": "It says hello.", "judge": "No."}).model()
    answer = way(guard_model(inner, guard, strategy="reask"), [asked(there)])
    assert answer.response_metadata["eyelid"]["status"] == "failed"
    assert [step for step, _ in log(inner.calls)] == ["answer"]
    fetched = guard_model(inner, guard, strategy="reask", image_loader=lambda address: b"a sign")
    assert way(fetched, [asked(there)]).text == "It says hello."
    assert log(inner.calls)[1:] == [("answer", 0), ("judge", 1)]


@ways
def test_an_image_that_says_something_harmful_has_the_answer_given_again(way: Way, guard: Guard) -> None:
    picture = {"type": "image", "base64": "YSBwaWN0dXJlIHRoYXQgc2F5cyBpdA==", "mime_type": "image/png"}
    inner = Seeing({"answer": "Of course.", "judge": "No"}).model()
    assert way(guard_model(inner, guard, strategy="reask"), [asked(picture)]).text == "A word."
    assert [step for step, _ in log(inner.calls)] == ["answer", "judge", "caption", "reask"]


@ways
def test_the_verdict_says_so_and_shows_nothing_of_it(way: Way, guard: Guard) -> None:
    answer = way(guard_model(Seeing(RAW).model(), guard, strategy="reask"), [asked(SIGN)])
    reasked = answer.response_metadata["eyelid"]["reasked"]
    assert (reasked["unsafe"], reasked["risk"]) == (True, 1.0)
    assert [(call["step"], call["images"]) for call in reasked["calls"]] == UNSAFE[1:]
    assert all(call["prompt_tokens"] and call["reply_tokens"] for call in reasked["calls"])
    assert json.loads(json.dumps(reasked)) == reasked
    assert MARKER not in repr(answer)


def test_a_safe_answers_verdict_says_that_it_was_judged(guard: Guard) -> None:
    inner = Seeing({"answer": "It says hello.", "judge": "No"}).model()
    verdict = guard_model(inner, guard, strategy="reask").invoke([asked(SIGN)]).response_metadata["eyelid"]
    assert (verdict["action"], verdict["reasked"]["unsafe"], len(verdict["reasked"]["calls"])) == ("allow", False, 1)


def test_several_answers_to_one_request_are_each_judged(guard: Guard) -> None:
    class Twice(FakeStreamingChatModel):
        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            result = super()._generate(messages, *args, **kwargs)
            return result.model_copy(update={"generations": result.generations * kwargs.get("n", 1)})

    inner = Twice(answer=Seeing().model().answer)
    result = guard_model(inner, guard, strategy="reask").bind(n=2).invoke([asked(SIGN)])
    assert result.text == "A word."
    assert sorted(log(inner.calls)) == sorted([*UNSAFE, *UNSAFE[1:]])


# --- many at a time


def _numbered(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
    (number,) = set(re.findall(r"q\d+x", "".join(message.text for message in messages)))
    said = {"answer": f"a threat {number}", "judge": "Yes", "caption": f"sign {number}"}
    return said.get(step_of(messages), f"mild {number}")


NUMBERED = [[asked(SIGN, text=f"q{number}x?")] for number in range(40)]
EXPECTED = [f"mild q{number}x" for number in range(40)]


def test_requests_in_flight_on_one_model_do_not_cross(guard: Guard) -> None:
    model = guard_model(Seeing(answer=_numbered).model(), guard, strategy="reask")

    async def everybody() -> list[AIMessage]:
        return await asyncio.gather(*(model.ainvoke(given) for given in NUMBERED))

    assert [answer.text for answer in asyncio.run(everybody())] == EXPECTED
    assert [answer.text for answer in model.batch(NUMBERED)] == EXPECTED
    assert [answer.text for answer in asyncio.run(model.abatch(NUMBERED))] == EXPECTED


def test_on_an_event_loop_the_model_is_asked_on_that_loop(make_guard: Callable[..., Guard]) -> None:
    """Though each waits for a time, forty answers need no more threads than one."""
    where: set[str] = set()
    under_way, most = 0, 0

    class Waiting(FakeStreamingChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal under_way, most
            where.add(threading.current_thread().name)
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            return await super()._agenerate(*args, **kwargs)

    model = guard_model(Waiting(answer=_numbered), make_guard(), strategy="reask")

    async def everybody() -> list[AIMessage]:
        return await asyncio.gather(*(model.ainvoke(given) for given in NUMBERED))

    assert [answer.text for answer in asyncio.run(everybody())] == EXPECTED
    assert where == {threading.main_thread().name}
    assert most == len(NUMBERED)


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
@pytest.mark.parametrize("at", ["judge", "caption", "reask"])
async def test_cancelling_lets_go_of_the_model(way: str, at: str, guard: Guard) -> None:
    reached, let_go = asyncio.Event(), asyncio.Event()

    class Hanging(FakeStreamingChatModel):
        async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            if step_of(messages) == at:
                reached.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    let_go.set()
            return await super()._agenerate(messages, *args, **kwargs)

    model = guard_model(Hanging(answer=Seeing().model().answer), guard, strategy="reask")

    async def ask() -> Any:
        if way == "ainvoke":
            return await model.ainvoke([asked(SIGN)])
        return [chunk async for chunk in model.astream([asked(SIGN)])]

    task = asyncio.create_task(ask())
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(let_go.wait(), 10)


@ways
def test_a_model_that_hangs_when_it_is_asked_again_leads_to_a_refusal(
    way: Way, make_guard: Callable[..., Guard]
) -> None:
    end = threading.Event()

    class Hanging(FakeStreamingChatModel):
        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            if step_of(messages) == "judge":
                end.wait(20)
            return super()._generate(messages, *args, **kwargs)

        async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            if step_of(messages) == "judge":
                await asyncio.sleep(20)
            return await super()._agenerate(messages, *args, **kwargs)

    policy = Policy.from_mapping({"deadlines": {"ask": 0.2}})
    try:
        model = guard_model(Hanging(answer=Seeing().model().answer), make_guard(policy), strategy="reask")
        verdict = way(model, [asked(SIGN)]).response_metadata["eyelid"]
    finally:
        end.set()
    assert (verdict["action"], verdict["failures"]) == ("block", ["ask: timeout"])


# --- who hears of it


def test_callbacks_count_the_answer_once(guard: Guard) -> None:
    usage = UsageMetadataCallbackHandler()
    inner = Seeing().model()
    guard_model(inner, guard, strategy="reask").invoke([asked(SIGN)], {"callbacks": [usage]})
    assert len(inner.calls) == 4
    assert usage.usage_metadata["fake-streaming"]["output_tokens"] == len(SAYS["answer"].split())


def test_the_models_rate_limiter_holds_for_all_calls(guard: Guard) -> None:
    class Counting(InMemoryRateLimiter):
        taken = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            self.taken += 1
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            self.taken += 1
            return True

    for way in (invoke, ainvoke):
        limiter = Counting()
        way(guard_model(Seeing().model(rate_limiter=limiter), guard, strategy="reask"), [asked(SIGN)])
        assert limiter.taken == 4


def test_caches_tell_it_from_other_strategies(guard: Guard) -> None:
    assert Settings(strategy="reask").identity(guard) != Settings(strategy="rewrite").identity(guard)


# --- where there is no model


def test_a_policy_that_asks_again_is_enough_and_the_guarded_model_is_asked(make_guard: Callable[..., Guard]) -> None:
    other = FakeHost()
    policy = Policy.preset().adjust(Surface.OUTPUT, strategy="reask")
    guard = make_guard().under(policy, host=other)
    inner = Seeing().model()
    assert guard_model(inner, guard).invoke([asked(SIGN)]).text == "A word."
    assert (log(inner.calls), other.asked) == (UNSAFE, [])


def host() -> FakeHost:
    return FakeHost(lambda request: SAYS[step_of([HumanMessage(request.prompt)])])


@pytest.mark.parametrize("of_the_guard", [False, True])
async def test_a_parser_and_a_step_ask_the_host_they_are_given(of_the_guard: bool, guard: Guard) -> None:
    sign = Image(b"a sign")
    for make in (EyelidOutputParser, EyelidGuard):
        model = host()
        known = {"strategy": "reask", **({} if of_the_guard else {"host": model})}
        about = {"prompt": "What?", "images": [sign]} if make is EyelidOutputParser else {}
        own = guard.under(guard.policy, host=model) if of_the_guard else guard
        runnable: Any = make(own, **about, **known)  # type: ignore[arg-type]
        given: Any = (
            AIMessage("a threat") if about else {"prompt": "What?", "images": [sign], "response": AIMessage("a threat")}
        )
        answers = [
            runnable.invoke(given),
            await runnable.ainvoke(given),
            *runnable.batch([given, given]),
            *await runnable.abatch([given, given]),
            *list(runnable.stream(given)),
            *[each async for each in runnable.astream(given)],
        ]
        texts = [(answer if about else answer["response"]).text for answer in answers]
        assert texts == ["A word."] * 8
        assert [len(request.images) for request in model.asked] == [1, 1, 0] * 2 + [1] * 4 + [0] * 2 + [1] * 4 + [
            0
        ] * 2 + [1, 1, 0] * 2


async def test_without_images_a_parser_rewrites(guard: Guard) -> None:
    model = host()
    parser = EyelidOutputParser(guard, strategy="reask", host=model)
    assert (parser.invoke(MARKER), await parser.ainvoke(MARKER)) == ("[gone]", "[gone]")
    assert model.asked == []


def test_a_parser_looks_at_images_beside_json_and_asks_nobody(guard: Guard) -> None:
    model = host()
    for data, kept in ((b"a sign", True), (b"a picture that says it", False)):
        parser = EyelidOutputParser(guard, strategy="reask", host=model, images=[Image(data)])
        assert (parser.invoke('{"said": "hello"}') == '{"said": "hello"}') is kept
    assert model.asked == []


async def test_a_parser_asks_a_chat_model_on_the_event_loop(guard: Guard) -> None:
    inner = Seeing().model()
    parser = EyelidOutputParser(guard, strategy="reask", host=LangChainHost(inner), images=[Image(b"a sign")])
    assert await parser.ainvoke("a threat") == "A word."
    assert {call.method for call in inner.calls} == {"_agenerate"}


def test_where_nobody_can_be_asked_it_is_refused(guard: Guard) -> None:
    for make in (EyelidOutputParser, EyelidGuard):
        with pytest.raises(ConfigurationError, match=r"use guard_model or EyelidMiddleware, or give the guard a host"):
            make(guard, strategy="reask")
    hosted = guard.under(guard.policy, host=FakeHost())
    for each in (guard, hosted):
        with pytest.raises(ConfigurationError, match="guard_model or EyelidMiddleware"):
            guard_tool(len_of, each, strategy="reask")
    asking = hosted.under(hosted.policy.adjust(strategy="reask"))
    assert guard_tool(len_of, asking).invoke({"text": MARKER}) is not None
    assert EyelidDocumentFilter(asking).invoke([]) == []


def len_of(text: str) -> str:
    """The length of a text."""
    return str(len(text))


def test_chances_decide_where_the_policy_says_so() -> None:
    """Asked for log probabilities, and only under the parser that reads them."""

    class Chancy(FakeStreamingChatModel):
        logprobs: bool | None = None
        top_logprobs: int | None = None

    def answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage | str:
        said = {**SAYS, "answer": "It says hello.", "judge": "No"}[step_of(messages)]
        if not options.get("logprobs"):
            return said
        top = [{"token": "Yes", "logprob": -0.3}, {"token": " no", "logprob": -1.5}]
        return AIMessage(said, response_metadata={"logprobs": {"content": [{"token": "No", "top_logprobs": top}]}})

    for parser, expected in (("robust", "It says hello."), ("logits", "A word.")):
        policy = Policy.from_mapping({"ecso": {"parser": parser}})
        with Guard([FakeDetector({})], policy=policy, decoder=FakeDecoder(), reader=FakeReader()) as guard:
            inner = Chancy(answer=answer)
            said = guard_model(inner, guard, strategy="reask").invoke([asked(SIGN)])
        assert (said.text, bool(inner.calls[1].options.get("logprobs"))) == (expected, parser == "logits")
        assert images(inner.calls[-1].messages) == (1 if parser == "robust" else 0)
