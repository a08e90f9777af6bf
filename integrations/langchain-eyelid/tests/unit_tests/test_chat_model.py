"""A guarded model: nothing raw in any of the ways LangChain hands answers out, and everything else as before."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import time
import warnings
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Policy, Surface
from eyelid.errors import ConfigurationError, EyelidError
from eyelid.testing import FakeDetector
from langchain_core._api import LangChainBetaWarning, LangChainDeprecationWarning
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableBinding, RunnableLambda, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.tools import tool
from pydantic import BaseModel, ValidationError

from langchain_eyelid import EyelidChatModel, guard_model
from langchain_eyelid._rebind import rebind
from langchain_eyelid._settings import Settings
from langchain_eyelid.testing import FakeStreamingChatModel

MARKER = "ZQXBAD"
PICTURE = b"a picture that says it"
HARMFUL_IMAGE = {"type": "image", "base64": b64encode(PICTURE).decode(), "mime_type": "image/png"}
CLEAN = "The cat sat on the mat and looked at the sea for a long while. " * 6
REFUSAL = "I can't help with that. I'm glad to help with a safe side of the question."


class Report(BaseModel):
    """A report."""

    title: str
    lines: list[str]


@tool
def search(q: str) -> str:
    """Search."""
    return q


def call(argument: str, name: str = "search") -> dict[str, Any]:
    return {"name": name, "args": {"q": argument}, "id": "call_1"}


LOGPROBS = {"content": [{"token": MARKER}]}
SAID: dict[str, AIMessage] = {
    "text": AIMessage(f"{CLEAN} So {MARKER}. {CLEAN}", response_metadata={"logprobs": LOGPROBS}),
    "blocks": AIMessage([{"type": "text", "text": f"{CLEAN} So {MARKER}."}]),
    "reasoning": AIMessage(CLEAN, additional_kwargs={"reasoning_content": MARKER}),
    "thinking": AIMessage([{"type": "thinking", "thinking": MARKER}, {"type": "text", "text": CLEAN}]),
    "refusal": AIMessage("", additional_kwargs={"refusal": MARKER}),
    "a call": AIMessage(CLEAN, tool_calls=[call(MARKER), {**call("cats"), "id": "call_2"}]),
    "an image": AIMessage([{"type": "text", "text": CLEAN}, HARMFUL_IMAGE]),
    "json": AIMessage(json.dumps({"title": f"so {MARKER}", "lines": []})),
}


class Watcher(BaseCallbackHandler):
    """Notes everything that callbacks are shown of answers."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.starts = 0

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.starts += 1

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.shown.append(repr((token, kwargs.get("chunk"))))

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.shown.append(repr(response))


def _run(stream: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [item async for item in stream]

    return asyncio.run(collect())


async def _v3(model: Any, asked: str) -> list[Any]:
    stream = await model.astream_events(asked, version="v3")
    return [event async for event in stream] + [await stream.output]


VIEWS: dict[str, Callable[[Any, str], Any]] = {
    "invoke": lambda model, asked: model.invoke(asked),
    "ainvoke": lambda model, asked: asyncio.run(model.ainvoke(asked)),
    "batch": lambda model, asked: model.batch([asked, asked]),
    "abatch": lambda model, asked: asyncio.run(model.abatch([asked, asked])),
    "generate": lambda model, asked: model.generate([[HumanMessage(asked)]] * 2),
    "stream": lambda model, asked: list(model.stream(asked)),
    "astream": lambda model, asked: _run(model.astream(asked)),
    "transform": lambda model, asked: list(model.transform(iter([asked]))),
    "log": lambda model, asked: _run(model.astream_log(asked)),
    "events v1": lambda model, asked: _run(model.astream_events(asked, version="v1")),
    "events v2": lambda model, asked: _run(model.astream_events(asked, version="v2")),
    "events v3": lambda model, asked: asyncio.run(_v3(model, asked)),
    "events v3, sync": lambda model, asked: list(model.stream_events(asked, version="v3")),
    "in a chain": lambda model, asked: list((ChatPromptTemplate.from_template("{x}") | model).stream({"x": asked})),
}


def seen(view: str, model: Any, asked: str = "hi") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        warnings.simplefilter("ignore", LangChainDeprecationWarning)
        return repr(VIEWS[view](model, asked))


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
@pytest.mark.parametrize("view", VIEWS)
def test_no_view_shows_what_was_stopped(guard: Guard, view: str, stream: Any) -> None:
    bare = ""
    for said in SAID.values():
        watcher = Watcher()
        inner = FakeStreamingChatModel(responses=[said], callbacks=[watcher])
        shown = seen(view, guard_model(inner, guard, stream=stream))
        assert MARKER not in shown + "".join(watcher.shown)
        assert HARMFUL_IMAGE["base64"] not in shown
        assert watcher.starts == len(inner.calls)
        bare += seen(view, inner.model_copy(update={"chunk_size": 1000}))
    assert bare.count(MARKER) >= len(SAID) - 2  # one is an image, and old versions of LangChain drop refusals
    assert HARMFUL_IMAGE["base64"] in bare


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_what_is_harmless(guard: Guard, view: str) -> None:
    assert "Good morning" in seen(view, guard_model(FakeStreamingChatModel(responses=["Good morning"]), guard))


def test_an_answer_keeps_its_id_usage_and_model(guard: Guard) -> None:
    inner = FakeStreamingChatModel(responses=[SAID["text"].model_copy(update={"id": "msg_1"})])
    said = guard_model(inner, guard).invoke("hi")
    assert type(said) is AIMessage
    assert said.id == "msg_1"
    assert said.usage_metadata == inner.invoke("hi").usage_metadata
    assert said.response_metadata["model_name"] == "fake-streaming"
    assert said.response_metadata["eyelid"]["action"] == "rewrite"
    assert said.text == f"{CLEAN} So [gone]. {CLEAN}"


def test_usage_is_counted_once(guard: Guard) -> None:
    for use in (
        lambda model, config: model.invoke("one two", config),
        lambda model, config: list(model.stream("a b", config)),
    ):
        usage = UsageMetadataCallbackHandler()
        use(guard_model(FakeStreamingChatModel(responses=["three"]), guard), {"callbacks": [usage]})
        assert usage.usage_metadata["fake-streaming"]["total_tokens"] == 3


def test_the_inner_model_gets_what_was_asked(guard: Guard) -> None:
    inner = FakeStreamingChatModel(responses=["fine"])
    model = guard_model(inner, guard)
    model.invoke([SystemMessage("be kind"), HumanMessage("hi")], stop=["."], temperature=0.5)
    list(model.bind(temperature=0.5).stream("hi", stop=["."]))
    for call_ in inner.calls:
        assert {**call_.options, "stop": ["."]} == {"stop": ["."], "temperature": 0.5}
    assert [message.text for message in inner.calls[0].messages] == ["be kind", "hi"]


# --- tools and structured output


@pytest.mark.parametrize("view", ["invoke", "stream", "astream", "batch", "events v2", "events v3"])
def test_bound_tools_stay_guarded(guard: Guard, view: str) -> None:
    inner = FakeStreamingChatModel(
        responses=[AIMessage("", tool_calls=[call(MARKER), {**call("cats"), "id": "call_2"}])]
    )
    bound = guard_model(inner, guard).bind_tools([search], tool_choice="any", strict=True)
    shown = seen(view, bound)
    assert MARKER not in shown
    assert "cats" in shown
    assert inner.calls[0].options["tools"][0]["function"]["name"] == "search"
    assert (inner.calls[0].options["tool_choice"], inner.calls[0].options["strict"]) == ("any", True)


def test_what_is_bound_later_is_guarded_as_well(guard: Guard) -> None:
    """A `RunnableBinding` forwards what it does not know to the model inside it."""
    model = guard_model(FakeStreamingChatModel(responses=[SAID["text"]]), guard)
    for bound in (
        model.bind(x=1),
        model.bind_tools([search]).bind(x=1),
        model.with_config(tags=["x"]),
        model.bind(x=1).bind_tools([search]),
        model.with_retry(),
        model.with_fallbacks([model]),
    ):
        assert MARKER not in repr(bound.invoke("hi"))
        assert MARKER not in repr(list(bound.stream("hi")))


MODES = ["function_calling", "json_schema"]


def _reporting(title: str, method: str) -> FakeStreamingChatModel:
    args = {"title": title, "lines": ["one"]}
    said = AIMessage("", tool_calls=[{"name": "Report", "args": args, "id": "1"}])
    return FakeStreamingChatModel(responses=[said if method == "function_calling" else json.dumps(args)])


@pytest.mark.parametrize("method", MODES)
def test_structured_output_works_and_keeps_the_providers_mode(guard: Guard, method: str) -> None:
    inner = _reporting("cats", method)
    structured = guard_model(inner, guard).with_structured_output(Report, method=method)
    assert structured.invoke("hi") == Report(title="cats", lines=["one"])
    assert list(structured.stream("hi"))[-1] == Report(title="cats", lines=["one"])
    assert ("response_format" in inner.calls[0].options) is (method == "json_schema")


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize("view", ["invoke", "ainvoke", "stream", "astream", "events v2"])
def test_structured_output_is_looked_at(guard: Guard, method: str, view: str, include_raw: bool) -> None:
    model = guard_model(_reporting(f"so {MARKER}", method), guard)
    assert MARKER not in seen(view, model.with_structured_output(Report, method=method, include_raw=include_raw))


def test_structured_output_is_mended_where_it_is_text(guard: Guard) -> None:
    model = guard_model(_reporting(f"so {MARKER}", "json_schema"), guard)
    assert model.with_structured_output(Report, method="json_schema").invoke("hi").title == "so [gone]"
    stopped = guard_model(_reporting(f"so {MARKER}", "function_calling"), guard)
    assert stopped.with_structured_output(Report).invoke("hi") is None


# --- what can be guarded


def test_bound_arguments_are_bound_again(guard: Guard) -> None:
    inner = FakeStreamingChatModel(responses=[SAID["text"]])
    model = guard_model(inner.bind(x=1).with_config(tags=["mine"]), guard)
    assert isinstance(model, RunnableBinding)
    assert isinstance(model.bound, RunnableBindingBase | EyelidChatModel)
    assert MARKER not in repr(model.invoke("hi"))
    assert inner.calls[0].options["x"] == 1
    assert MARKER not in repr(guard_model(inner.bind_tools([search]), guard).invoke("hi"))
    assert inner.calls[-1].options["tools"]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda model: model.with_retry(),
        lambda model: model.with_fallbacks([model]),
        lambda model: RunnableLambda(lambda asked: model.invoke(asked)),
        lambda model: model | RunnableLambda(str),
        lambda model: model.with_retry().bind(x=1),
        lambda model: "gpt",
        lambda model: None,
    ],
)
def test_what_cannot_be_guarded_is_named(guard: Guard, wrapped: Any) -> None:
    with pytest.raises(TypeError, match="guard_model"):
        guard_model(wrapped(FakeStreamingChatModel()), guard)


def test_models_in_unknown_places_are_not_handed_out_unguarded(guard: Guard) -> None:
    model = FakeStreamingChatModel()
    with pytest.raises(TypeError, match="RunnableLambda"):
        rebind(RunnableLambda(lambda asked: model.invoke(asked)) | RunnableLambda(str), lambda inner: inner)
    assert isinstance(rebind(model | RunnableLambda(str), lambda inner: inner), RunnableSequence)


def test_misspelled_arguments_raise(guard: Guard) -> None:
    inner = FakeStreamingChatModel()
    with pytest.raises(TypeError):
        guard_model(inner, guard, strtegy="block")  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="setings"):
        EyelidChatModel(inner=inner, guard=guard, setings=Settings())  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError, match="did you mean 'sentence'"):
        guard_model(inner, guard, stream="sentense")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="not NoneType"):
        guard_model(inner, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not a NoneType"):
        EyelidChatModel(guard=guard)  # type: ignore[call-arg]


def test_a_closed_guard_lets_nothing_pass(make_guard: Callable[..., Guard]) -> None:
    guard = make_guard()
    model = guard_model(FakeStreamingChatModel(), guard)
    guard.close()
    for use in (lambda: model.invoke("hi"), lambda: list(model.stream("hi"))):
        with pytest.raises(EyelidError):
            use()


def test_strategies(guard: Guard) -> None:
    inner = FakeStreamingChatModel(responses=[SAID["text"]])
    assert guard_model(inner, guard, strategy="block").invoke("hi").text == REFUSAL
    for use in (lambda model: model.invoke("hi"), lambda model: list(model.stream("hi"))):
        with pytest.raises(HarmfulContentError) as caught:
            use(guard_model(inner, guard, strategy="raise"))
        assert MARKER not in repr(caught.value)


# --- who it is


def test_models_policies_and_guards_have_cache_entries_of_their_own(make_guard: Callable[..., Guard]) -> None:
    cache, guard = InMemoryCache(), make_guard()

    def ask(said: str, guard: Guard, **settings: Any) -> str:
        inner = FakeStreamingChatModel(responses=[said], cache=cache)
        return str(guard_model(inner, guard, **settings).invoke("hi").text)

    assert ask(f"so {MARKER}", guard) == "so [gone]"
    assert ask(f"so {MARKER}", guard, strategy="block") == REFUSAL
    assert ask("another", guard) == "another"
    assert ask(f"so {MARKER}", make_guard(rewrites=False)) == REFUSAL
    bare = make_guard(Policy.preset("monitor"))
    assert ask(f"so {MARKER}", bare) == f"so {MARKER}"
    assert ask(f"so {MARKER}", guard) == "so [gone]"
    assert len(cache._cache) == 5


def test_a_cache_holds_what_was_passed_on(guard: Guard) -> None:
    cache = InMemoryCache()
    inner = FakeStreamingChatModel(responses=[SAID["text"], SAID["a call"]], cache=cache)
    model = guard_model(inner, guard)
    first = [model.invoke("hi"), model.bind_tools([search]).invoke("hi"), asyncio.run(model.ainvoke("there"))]
    assert MARKER not in repr(cache._cache)
    assert len(inner.calls) == 3
    assert [message.content for message in (model.invoke("hi"), model.bind_tools([search]).invoke("hi"))] == [
        message.content for message in first[:2]
    ]
    assert len(inner.calls) == 3
    assert model.invoke("hi").response_metadata["eyelid"]["action"] == "rewrite"


class _Limiter(BaseRateLimiter):
    def __init__(self) -> None:
        self.count = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.count += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire()


def test_what_the_inner_model_was_told_about_calls_still_holds(guard: Guard) -> None:
    limiter = _Limiter()
    inner = FakeStreamingChatModel(
        responses=["fine"], rate_limiter=limiter, tags=["mine"], metadata={"a": 1}, profile={"structured_output": True}
    )
    model = guard_model(inner, guard)
    model.invoke("hi")
    list(model.stream("hi"))
    asyncio.run(model.ainvoke("hi"))
    assert limiter.count == 3
    assert (model.tags, model.metadata["a"], model.profile) == (["mine"], 1, {"structured_output": True})


def test_names_and_traces_are_those_of_the_inner_model(guard: Guard) -> None:
    inner = FakeStreamingChatModel(model_name="gpt-5-cats")
    model = guard_model(inner, guard)
    assert model.model_name == "gpt-5-cats"
    assert model._get_ls_params(stop=["."]) == inner._get_ls_params(stop=["."])
    assert model._llm_type == "eyelid-fake-streaming"
    assert model._get_invocation_params()["model_name"] == "gpt-5-cats"
    assert model._get_invocation_params()["_type"] == "eyelid-fake-streaming"
    assert model._identifying_params["_inner_type"] == "fake-streaming"
    assert not hasattr(model, "model")  # an agent takes it for the name of the model


def test_numbers_of_tokens_are_those_of_the_inner_model(guard: Guard) -> None:
    model = guard_model(FakeStreamingChatModel(custom_get_token_ids=lambda text: [1] * len(text)), guard)
    assert model.get_num_tokens("four") == 4
    assert model.get_token_ids("four") == [1, 1, 1, 1]
    assert model.get_num_tokens_from_messages([HumanMessage("hi")]) == len("Human: hi")


def test_content_as_standard_blocks_is_guarded(guard: Guard) -> None:
    said = AIMessage(CLEAN, tool_calls=[call(MARKER)], additional_kwargs={"reasoning_content": MARKER})
    model = guard_model(FakeStreamingChatModel(responses=[said], output_version="v1"), guard)
    for message in (model.invoke("hi"), *model.stream("hi")):
        assert MARKER not in repr(message.content) + repr(message.content_blocks)
    assert isinstance(model.invoke("hi").content, list)


# --- models that do not stream


class Silent(BaseChatModel):
    """Answers as a whole, twice if asked to, and says more beside."""

    said: list[str]
    calls: int = 0

    @property
    def _llm_type(self) -> str:
        return "silent"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.calls += 1
        generations = [
            ChatGeneration(message=AIMessage(text), generation_info={"logprobs": [text], "finish_reason": "stop"})
            for text in self.said
        ]
        return ChatResult(generations=generations, llm_output={"raw": self.said, "token_usage": {"total_tokens": 3}})


@pytest.mark.parametrize("stream", ["buffer", "sentence"])
@pytest.mark.parametrize("view", ["invoke", "ainvoke", "stream", "astream", "events v2", "events v3"])
def test_models_that_do_not_stream(guard: Guard, view: str, stream: Any) -> None:
    inner = Silent(said=[f"{CLEAN} So {MARKER}."])
    shown = seen(view, guard_model(inner, guard, stream=stream))
    assert MARKER not in shown
    assert "The cat sat" in shown
    assert inner.calls == 1


def test_several_answers_are_one_call_to_the_guard(guard: Guard, detector: FakeDetector) -> None:
    result = guard_model(Silent(said=["fine", f"so {MARKER}"]), guard)._generate([HumanMessage("hi")])
    first, second = result.generations
    assert (first.text, second.text) == ("fine", "so [gone]")
    assert first.generation_info == {"logprobs": ["fine"], "finish_reason": "stop"}
    assert second.generation_info == {"finish_reason": "stop"}
    assert result.llm_output == {"token_usage": {"total_tokens": 3}}
    assert MARKER not in repr(result)
    assert len(detector.log.batches[0]) == 2


def test_streaming_that_was_switched_off_stays_off(guard: Guard) -> None:
    class Choosy(FakeStreamingChatModel):
        streaming: bool = True

    for inner in (FakeStreamingChatModel(disable_streaming=True), Choosy(streaming=False)):
        model = guard_model(inner, guard)
        assert "All right." in "".join(chunk.text for chunk in model.stream("hi"))
        assert "All right." in seen("astream", model)
        assert {call_.method for call_ in inner.calls} <= {"_generate", "_agenerate"}
    inner = FakeStreamingChatModel(disable_streaming="tool_calling")
    list(guard_model(inner, guard).bind_tools([search]).stream("hi"))
    list(guard_model(inner, guard).stream("hi"))
    assert [call_.method for call_ in inner.calls] == ["_generate", "_stream"]


# --- ends


def test_leaving_a_stream_ends_the_inner_one(guard: Guard) -> None:
    inner = FakeStreamingChatModel(responses=[CLEAN * 4])
    model = guard_model(inner, guard, stream="sentence")
    stream = model.stream("hi")
    next(stream)
    stream.close()
    assert inner.calls[0].closed

    async def leave() -> None:
        astream = model.astream("hi")
        await anext(astream)
        await astream.aclose()

    asyncio.run(leave())
    assert inner.calls[1].closed
    assert 0 < inner.calls[1].chunks < len(CLEAN)


def test_an_error_of_the_inner_model_is_raised(guard: Guard) -> None:
    inner = FakeStreamingChatModel(responses=[f"so {MARKER}"], fail_after=3)
    said: list[Any] = []
    with pytest.raises(RuntimeError, match="told to fail"):
        said.extend(guard_model(inner, guard).stream("hi"))
    assert said == []


# --- what a user sent


def _asked(text: str, *more: Any) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": text}, *more])


@pytest.mark.parametrize("view", ["invoke", "ainvoke", "stream", "astream"])
def test_the_model_is_not_asked_what_must_not_be_asked(guard: Guard, view: str) -> None:
    inner = FakeStreamingChatModel()
    shown = seen(view, guard_model(inner, guard, apply_to_input=True), f"so {MARKER}")
    assert REFUSAL in shown
    assert "'surface': 'input'" in shown
    assert inner.calls == []
    assert REFUSAL not in seen(view, guard_model(inner, guard), f"so {MARKER}")


def test_a_request_is_text_and_images_since_the_last_answer(guard: Guard) -> None:
    inner = FakeStreamingChatModel()
    model = guard_model(inner, guard, apply_to_input=True)
    assert model.invoke([_asked("what is it?", HARMFUL_IMAGE)]).text == REFUSAL
    assert model.invoke([_asked("listen", {"type": "audio", "base64": "AAAA"})]).text.startswith("This could not be")
    history: list[BaseMessage] = [HumanMessage(f"so {MARKER}"), AIMessage(REFUSAL), HumanMessage("and cats?")]
    assert model.invoke(history).text == "All right."
    assert inner.calls[0].messages == tuple(history)
    seen_before = [*history[:2], _asked("this"), _asked("and", HARMFUL_IMAGE), ToolMessage("x", tool_call_id="1")]
    assert model.invoke(seen_before).text == REFUSAL


def test_a_request_is_rewritten_where_the_policy_says_so(make_guard: Callable[..., Guard]) -> None:
    inner = FakeStreamingChatModel()
    guard = make_guard(Policy.preset().adjust(Surface.INPUT, strategy="rewrite"))
    guard_model(inner, guard, apply_to_input=True).invoke([SystemMessage("be kind"), HumanMessage(f"so {MARKER}")])
    assert [message.text for message in inner.calls[0].messages] == ["be kind", "so [gone]"]


# --- copies


def test_it_is_not_serialised(guard: Guard) -> None:
    model = guard_model(FakeStreamingChatModel(), guard)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        with pytest.raises(NotImplementedError):
            loads(dumps(model), allowed_objects=[EyelidChatModel], valid_namespaces=["langchain_eyelid"])
    assert "guard" not in model.model_dump()


def test_copies_share_the_guard(guard: Guard) -> None:
    model = guard_model(FakeStreamingChatModel(responses=[SAID["text"]]), guard)
    for other in (copy.copy(model), copy.deepcopy(model), model.model_copy()):
        assert other.guard is guard
        assert MARKER not in repr(other.invoke("hi"))


# --- many at once


async def test_nothing_blocks_the_event_loop(guard: Guard) -> None:
    """A 10 ms ticker keeps its pace through 50 guarded calls whose detector takes its time."""

    class Slow(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            time.sleep(0.03)
            return super().score(batch)

    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - before)

    with Guard([Slow({MARKER: 0.9})], workers=8) as slow:
        model = guard_model(FakeStreamingChatModel(responses=["fine"]), slow)
        await model.ainvoke("warm up")
        ticker = asyncio.create_task(tick())
        await asyncio.gather(*(model.ainvoke("hi") for _ in range(50)))
        ticker.cancel()
    assert len(gaps) > 5
    assert sorted(gaps)[len(gaps) // 2] < 0.03


async def test_no_answer_is_taken_for_another(guard: Guard) -> None:
    def answer(messages: Any, options: Any) -> AIMessage:
        number = messages[-1].text
        return AIMessage(f"so {MARKER if int(number) % 2 else 'fine'} {number}", tool_calls=[call(number)])

    model = guard_model(FakeStreamingChatModel(answer=answer), guard)
    asked = [str(number) for number in range(40)]
    for said in (model.batch(asked, {"max_concurrency": 8}), await model.abatch(asked)):
        for number, message in zip(asked, said, strict=True):
            assert message.text == f"so {'[gone]' if int(number) % 2 else 'fine'} {number}"
            assert message.tool_calls[0]["args"] == {"q": number}


# --- agents


@pytest.fixture
def agents() -> Any:
    return pytest.importorskip("langchain.agents")


@pytest.mark.parametrize("mode", ["values", "updates", "messages", "debug", "tasks", "custom"])
def test_an_agent_of_a_guarded_model_shows_nothing_raw(guard: Guard, agents: Any, mode: str) -> None:
    for said in SAID.values():
        for stream in ("buffer", "sentence"):
            model = guard_model(FakeStreamingChatModel(responses=[said, "Done."]), guard, stream=stream)
            agent = agents.create_agent(model, tools=[search])
            shown = repr(list(agent.stream({"messages": [HumanMessage("hi")]}, stream_mode=mode)))
            assert MARKER not in shown
            assert HARMFUL_IMAGE["base64"] not in shown


@pytest.mark.parametrize("profile", [{"structured_output": True}, None])
def test_an_agent_chooses_structured_output_as_for_the_inner_model(guard: Guard, agents: Any, profile: Any) -> None:
    args = {"title": "cats", "lines": []}
    said = json.dumps(args) if profile else AIMessage("", tool_calls=[{"name": "Report", "args": args, "id": "1"}])
    inner = FakeStreamingChatModel(responses=[said], profile=profile)
    agent = agents.create_agent(guard_model(inner, guard), tools=[search], response_format=Report)
    result = agent.invoke({"messages": [HumanMessage("hi")]})
    assert result["structured_response"] == Report(title="cats", lines=[])
    assert ("response_format" in inner.calls[0].options) is bool(profile)
