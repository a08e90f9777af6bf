"""Any chat model as a host: what it is shown, what is read of its answers, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import pytest
from eyelid import EyesClosed, Failure, Image
from eyelid.errors import ConfigurationError
from eyelid.protocols import AskRequest, Host, Reply, StartingHost
from eyelid.testing import check_host
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from PIL import Image as Picture
from tests.unit_tests.conftest import MARKER
from tests.unit_tests.seeing import SIGN, UNSAFE, Seeing, images, log

from langchain_eyelid import LangChainHost
from langchain_eyelid._conversation import LEFT_OUT, continued, last_turn, without_images
from langchain_eyelid.testing import FakeStreamingChatModel

YES_OR_NO = ("yes", "no")


def echo(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
    return messages[-1].text + "!"


def encoded(kind: str) -> bytes:
    buffer = BytesIO()
    Picture.new("RGB", (4, 4), "white").save(buffer, kind)
    return buffer.getvalue()


def test_it_keeps_the_contract() -> None:
    host = LangChainHost(FakeStreamingChatModel(answer=echo))
    assert isinstance(host, Host)
    assert isinstance(host, StartingHost)
    check_host(host, ["What is it?"], [Image(encoded("PNG"))])
    assert host.name == "fake-streaming"
    assert LangChainHost(FakeStreamingChatModel(), name="mine").name == "mine"


def test_what_is_no_chat_model_is_refused() -> None:
    for wrong in ("no model", FakeStreamingChatModel().with_retry(), FakeStreamingChatModel() | str):
        with pytest.raises(ConfigurationError, match="chat model"):
            LangChainHost(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="at least 1"):
        LangChainHost(FakeStreamingChatModel(), concurrency=0)


@pytest.mark.parametrize(("kind", "mime_type"), [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("WEBP", "webp")])
def test_images_are_shown_as_blocks_of_their_type(kind: str, mime_type: str) -> None:
    model = FakeStreamingChatModel()
    data = encoded(kind)
    LangChainHost(model).ask([AskRequest("What?", (Image(data),), system="Be brief.")])
    system, asked = model.calls[0].messages
    assert (system.type, system.text) == ("system", "Be brief.")
    assert asked.content == [
        {"type": "image", "base64": b64encode(data).decode(), "mime_type": f"image/{mime_type}"},
        {"type": "text", "text": "What?"},
    ]
    assert asked.content_blocks[0]["type"] == "image"


def test_tokens_and_text_are_read() -> None:
    (reply,) = LangChainHost(FakeStreamingChatModel(responses=["one two"])).ask([AskRequest("a b c")])
    assert reply == Reply("one two", None, 3, 2)
    blocks = AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "No"}])
    (reply,) = LangChainHost(FakeStreamingChatModel(responses=[blocks])).ask([AskRequest("a")])
    assert isinstance(reply, Reply)
    assert reply.text == "No"


@pytest.mark.parametrize(
    "said",
    [
        AIMessage([{"type": "refusal", "refusal": "I will not."}]),
        AIMessage("", additional_kwargs={"refusal": "I will not."}),
    ],
)
def test_a_refusal_is_an_answer_wherever_it_stands(said: AIMessage) -> None:
    (reply,) = LangChainHost(FakeStreamingChatModel(responses=[said])).ask([AskRequest("a")])
    assert isinstance(reply, Reply)
    assert reply.text == "I will not."


def fails(error: Exception) -> FakeStreamingChatModel:
    def answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
        raise error

    return FakeStreamingChatModel(answer=answer)


def says(said: str | AIMessage) -> FakeStreamingChatModel:
    return FakeStreamingChatModel(responses=[said])


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (fails(RuntimeError(MARKER)), "error"),
        (fails(TimeoutError(MARKER)), "timeout"),
        (says(" \n"), "empty"),
        (says(AIMessage("", tool_calls=[{"name": "a", "args": {}, "id": "1"}])), "empty"),
        (says(AIMessage("N", response_metadata={"finish_reason": "content_filter"})), "filtered"),
    ],
)
def test_what_goes_wrong_is_a_failure_without_content(model: FakeStreamingChatModel, code: str) -> None:
    host = LangChainHost(model)
    for (failure,) in (host.ask([AskRequest(MARKER)]), asyncio.run(host.aask([AskRequest(MARKER)]))):
        assert isinstance(failure, Failure)
        assert (failure.stage, failure.code, failure.source) == ("ask", code, "fake-streaming")
        assert MARKER not in repr(failure)


def test_one_that_fails_is_not_everybodys_failure() -> None:
    def answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
        if messages[-1].text == "2":
            raise RuntimeError
        return messages[-1].text

    host = LangChainHost(FakeStreamingChatModel(answer=answer))
    batch = [AskRequest(str(number)) for number in range(20)]
    for replies in (host.ask(batch), asyncio.run(host.aask(batch))):
        said = [reply.text if isinstance(reply, Reply) else None for reply in replies]
        assert said == [None if number == 2 else str(number) for number in range(20)]


class Chancy(FakeStreamingChatModel):
    """Says how likely the alternatives for its first token were, in the place where OpenAI's models do."""

    logprobs: bool | None = None
    top_logprobs: int | None = None
    given: Any = None

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        result = super()._generate(*args, **kwargs)
        result.generations[0].generation_info = {"logprobs": self.given} if kwargs.get("logprobs") else {}
        return result


def top(*pairs: tuple[str, float]) -> dict[str, Any]:
    return {"content": [{"token": "x", "top_logprobs": [{"token": t, "logprob": log} for t, log in pairs]}]}


def test_chances_of_options() -> None:
    model = Chancy(given=top(("Yes", -1.0), (" yes", -2.0), ("No", -3.0), ("Maybe", -1.5)))
    (reply, plain) = LangChainHost(model).ask([AskRequest("so?", options=YES_OR_NO), AskRequest("so?")])
    assert isinstance(reply, Reply)
    assert isinstance(plain, Reply)
    assert reply.chances == pytest.approx({"yes": 0.3679 + 0.1353, "no": 0.0498}, abs=1e-3)
    assert plain.chances is None
    assert [sorted(n for n, said in call.options.items() if said) for call in model.calls] == [
        ["logprobs", "top_logprobs"],
        [],
    ]


@pytest.mark.parametrize(
    "given", [None, {}, {"content": None}, {"content": []}, top(), {"content": [{"token": "x"}]}, 3]
)
def test_chances_that_are_not_there_are_none(given: Any) -> None:
    (reply,) = LangChainHost(Chancy(given=given)).ask([AskRequest("so?", options=YES_OR_NO)])
    assert isinstance(reply, Reply)
    assert reply.chances is None


@pytest.mark.parametrize(("model", "logprobs"), [(FakeStreamingChatModel(), None), (Chancy(), False)])
def test_models_without_log_probabilities_are_not_asked_for_them(model: Any, logprobs: bool | None) -> None:
    LangChainHost(model, logprobs=logprobs).ask([AskRequest("so?", options=YES_OR_NO)])
    assert model.calls[0].options.keys() <= {"stop"}


def test_bound_arguments_hold_but_for_forms() -> None:
    model = FakeStreamingChatModel()
    bound = model.bind_tools([echo], tool_choice="any").bind(temperature=1.0, stop=["x"], response_format={"a": 1})
    LangChainHost(bound).ask([AskRequest("one"), AskRequest("two", continues=True)])  # type: ignore[arg-type]
    given = [{name: said for name, said in call.options.items() if said} for call in model.calls]
    assert given == [{"temperature": 1.0}, {"temperature": 1.0, "stop": ["x"]}]


# --- where it is asked


def test_a_batch_is_asked_in_threads_and_no_more_than_wanted() -> None:
    lock, under_way, most = threading.Lock(), 0, 0
    all_there = threading.Barrier(3, timeout=10)

    def answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        all_there.wait()
        with lock:
            under_way -= 1
        return messages[-1].text

    host = LangChainHost(FakeStreamingChatModel(answer=answer), concurrency=3)
    replies = host.ask([AskRequest(str(number)) for number in range(9)])
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == [str(number) for number in range(9)]
    assert most == 3


async def test_on_an_event_loop_no_more_are_under_way_than_wanted() -> None:
    under_way, most = 0, 0

    class Waiting(FakeStreamingChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            return await super()._agenerate(*args, **kwargs)

    host = LangChainHost(Waiting(answer=echo), concurrency=4)
    replies = await host.aask([AskRequest(str(number)) for number in range(16)])
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == [f"{number}!" for number in range(16)]
    assert most == 4


async def test_start_asks_on_the_loop_it_is_given_or_in_which_it_is() -> None:
    loop = asyncio.get_running_loop()
    model = FakeStreamingChatModel(answer=echo)
    host = LangChainHost(model)
    (here,) = await asyncio.wrap_future(host.start([AskRequest("a")]))
    (there,) = await asyncio.to_thread(lambda: host.on(loop).start([AskRequest("b")]).result(10))
    (nowhere,) = await asyncio.to_thread(lambda: host.start([AskRequest("c")]).result(0))
    assert [reply.text for reply in (here, there, nowhere) if isinstance(reply, Reply)] == ["a!", "b!", "c!"]
    assert [call.method for call in model.calls] == ["_agenerate", "_agenerate", "_generate"]


def test_a_loop_that_is_closed_is_not_waited_for() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError):
        LangChainHost(FakeStreamingChatModel(), loop=loop).start([AskRequest("a")])


def test_eyes_closed_around_a_chat_model() -> None:
    model = Seeing().model()
    with EyesClosed(LangChainHost(model)) as closed:
        assert closed.answer("What does the sign say?", [Image(encoded("PNG"))]).text == "A word."
        assert log(model.calls) == UNSAFE
        answer = asyncio.run(closed.aanswer("What does the sign say?", [Image(encoded("PNG"))]))
        assert answer.text == "A word."


# --- conversations


def test_a_request_that_continues_takes_the_place_of_the_last_turn() -> None:
    model = FakeStreamingChatModel()
    before = [SystemMessage("Be brief."), HumanMessage([SIGN]), AIMessage("A tree."), HumanMessage(["So?", SIGN])]  # type: ignore[list-item]
    host = LangChainHost(model, conversation=before)
    host.ask([AskRequest("one")])
    host.ask([AskRequest("two", continues=True)])
    host.ask([AskRequest("three", (Image(encoded("PNG")),), continues=True)])
    assert [[message.text for message in call.messages] for call in model.calls] == [
        ["one"],
        ["Be brief.", LEFT_OUT, "A tree.", "two"],
        ["Be brief.", "", "A tree.", "three"],
    ]
    assert [images(call.messages) for call in model.calls] == [0, 0, 2]


def test_images_are_left_out_in_whatever_form_and_words_and_calls_are_kept() -> None:
    call: Any = {"name": "look", "args": {"place": "page"}, "id": "1", "type": "tool_call"}
    data = SIGN["base64"]
    url = f"data:image/png;base64,{data}"
    forms: list[Any] = [
        SIGN,
        {"type": "image", "source_type": "base64", "data": data, "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": url},
        {"type": "input_image", "image_url": url},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"image": {"format": "png", "source": {"bytes": b"a sign"}}},
        {"type": "media", "mime_type": "image/png", "data": data},
        {"type": "image_generation_call", "result": data},
        {"type": "file", "base64": data, "mime_type": "application/pdf"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}},
        {"type": "search_result", "content": [SIGN]},
        {"type": "video", "url": "http://127.0.0.1/"},
    ]
    text = {"type": "text", "text": "words"}
    for form in forms:
        assert without_images(HumanMessage([text, form])).content == [text]
        assert without_images(HumanMessage([form])).content == LEFT_OUT
    thought = {"type": "thinking", "thinking": "hm", "signature": "abc"}
    said = AIMessage([thought, text, SIGN], tool_calls=[call], additional_kwargs={"tool_outputs": [forms[8]], "a": 1})
    kept = without_images(said)
    assert (kept.content, kept.tool_calls, kept.additional_kwargs) == ([thought, text], [call], {"a": 1})
    assert without_images(AIMessage([], tool_calls=[call])).content == []
    assert without_images(ToolMessage([SIGN], tool_call_id="1")).content == LEFT_OUT
    assert data in str(said)  # nothing of the caller's was changed


_TURNS = st.sampled_from([HumanMessage("h"), ChatMessage(role="user", content="u"), AIMessage("a"), SystemMessage("s")])


@given(st.lists(_TURNS, max_size=8))
def test_the_last_turn_is_all_that_the_user_said_on_end(messages: list[BaseMessage]) -> None:
    place = last_turn(messages)
    turn = messages[place]
    told = [message.type in ("human", "chat") for message in messages]
    assert all(told[place])
    assert not any(told[place.stop :])
    assert bool(turn) == any(told)
    assert place.start == 0 or not told[place.start - 1] or not turn
    again = HumanMessage("again")
    assert continued(messages, again, blind=True) == [*messages[: place.start], again, *messages[place.stop :]]
