"""Guarded tools: arguments, results of every form, artifacts, and what their callbacks and callers see."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from eyelid import Guard
from eyelid.errors import ConfigurationError, HarmfulContentError
from eyelid.testing import FakeDetector
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel
from tests.unit_tests.agents import call
from tests.unit_tests.views import MARKER, PICTURE, PICTURE_BASE64

from langchain_eyelid import guard_tool, guard_tools

WITHHELD = "The tool's result was withheld by a safety check."
NOT_CALLED = "The tool was not called: its arguments were stopped by a safety check."
PICTURE_BLOCK = {"type": "image", "base64": PICTURE_BASE64, "mime_type": "image/png"}
ELSEWHERE = {"type": "image", "url": "https://example.org/a.png"}


class Page(BaseModel):
    """A page."""

    title: str
    body: str = ""


@dataclass
class Row:
    """A row."""

    name: str


def returning(value: Any, **options: Any) -> StructuredTool:
    """A tool that returns a value."""

    def look(place: str) -> Any:
        """Look at a place."""
        return value

    async def alook(place: str) -> Any:
        return value

    return StructuredTool.from_function(look, alook, name="look", **options)


@pytest.fixture(params=["invoke", "ainvoke"])
def use(request: pytest.FixtureRequest) -> Callable[[BaseTool, Any], Any]:
    """Calls a tool, without and with an event loop."""

    def go(tool: BaseTool, given: Any) -> Any:
        return tool.invoke(given) if request.param == "invoke" else asyncio.run(tool.ainvoke(given))

    return go


def test_a_rewritten_result_is_a_message_of_the_same_call(guard: Guard, use: Any) -> None:
    message = use(guard_tool(returning(f"page: {MARKER}!"), guard), call())
    assert isinstance(message, ToolMessage)
    assert (message.content, message.status) == ("page: [gone]!", "success")
    assert (message.tool_call_id, message.name) == ("call-look", "look")
    assert message.response_metadata["eyelid"]["action"] == "rewrite"


def test_a_blocked_result_has_the_status_error_and_no_artifact(guard: Guard, use: Any) -> None:
    bare = returning((MARKER, {"raw": MARKER}), response_format="content_and_artifact")
    message = use(guard_tool(bare, guard, strategy="block"), call())
    assert (message.content, message.status, message.artifact) == (WITHHELD, "error", None)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (f"a {MARKER}", "a [gone]"),
        ({"lines": [f"a {MARKER}", "b"], "n": 1}, '{"lines": ["a [gone]", "b"], "n": 1}'),
        ({MARKER: 1}, '{"[gone]": 1}'),
        ([f"a {MARKER}"], ["a [gone]"]),
        ([{"type": "text", "text": f"a {MARKER}"}], [{"type": "text", "text": "a [gone]"}]),
        ([{"rows": MARKER}], '[{"rows": "[gone]"}]'),
        (Page(title=MARKER), "title='[gone]' body=''"),
        ((1, MARKER), '[1, "[gone]"]'),
        (Row(MARKER), "Row(name='[gone]')"),
        (Document(f"a {MARKER}"), "page_content='a [gone]'"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_results_of_every_kind_for_a_model(value: Any, content: Any, guard: Guard, use: Any) -> None:
    message = use(guard_tool(returning(value), guard), call())
    assert content in message.content if isinstance(value, (Row, Document)) else message.content == content


@pytest.mark.parametrize(
    ("value", "passed"),
    [
        (f"a {MARKER}", "a [gone]"),
        ({"lines": [f"a {MARKER}", "b"], "n": 1}, {"lines": ["a [gone]", "b"], "n": 1}),
        (Page(title=MARKER), "title='[gone]' body=''"),
        (Page(title="fine"), Page(title="fine")),
        ([PICTURE_BLOCK], [{"type": "text", "text": WITHHELD}]),
        (None, None),
        (3, 3),
        (b"bytes", "b'bytes'"),
    ],
    ids=repr,
)
def test_results_for_other_code(value: Any, passed: Any, guard: Guard, use: Any) -> None:
    """What nobody can look into is handed on as the text that was looked at."""
    assert use(guard_tool(returning(value), guard), {"place": "page"}) == passed


@pytest.mark.parametrize(
    "value", ["fine", {"a": 1}, [{"type": "text", "text": "fine"}], 3, None, [], Page(title="fine")]
)
def test_harmless_results_are_as_they_were(value: Any, guard: Guard, use: Any) -> None:
    bare = returning(value)
    for given in (call(), {"place": "page"}):
        was, now = use(bare, given), use(guard_tool(bare, guard), given)
        if isinstance(was, ToolMessage):
            now = now.model_copy(update={"response_metadata": {}})
        assert now == was


@pytest.mark.parametrize("block", [PICTURE_BLOCK, ELSEWHERE, {"type": "file", "base64": "AAAA", "mime_type": "text/x"}])
def test_pictures_and_what_nobody_can_look_at_are_withheld(block: dict[str, str], guard: Guard, use: Any) -> None:
    message = use(guard_tool(returning([{"type": "text", "text": "at home"}, block]), guard, strategy="block"), call())
    assert (message.text, message.status) == (WITHHELD, "error")
    assert not leaks(message)


def test_an_image_loader_fetches_pictures(guard: Guard, use: Any) -> None:
    asked: list[str] = []

    def loader(address: str) -> bytes:
        asked.append(address)
        return PICTURE if "bad" in address else b"harmless"

    good, bad = ({"type": "image", "url": f"https://example.org/{name}.png"} for name in ("good", "bad"))
    assert use(guard_tool(returning([good]), guard, image_loader=loader), call()).content == [good]
    assert use(guard_tool(returning([bad]), guard, image_loader=loader), call()).status == "error"
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("artifact", "kept"),
    [
        ({"page": "fine"}, True),
        ([Document("fine", metadata={"source": "home"})], True),
        (Page(title="fine"), True),
        (b"harmless picture", True),
        ({"page": MARKER}, False),
        ({"deep": [{MARKER: 1}]}, False),
        ([Document("fine", metadata={"source": MARKER})], False),
        (Page(title=MARKER), False),
        (Row(MARKER), False),
        (PICTURE, False),
        ([PICTURE_BLOCK], False),
        (object(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_artifact_is_kept_or_dropped_alone(artifact: Any, kept: bool, guard: Guard, use: Any) -> None:
    bare = returning(("seen", artifact), response_format="content_and_artifact")
    message = use(guard_tool(bare, guard), call())
    assert (message.content, message.status) == ("seen", "success")
    assert message.artifact is (artifact if kept else None)


def test_what_cannot_be_looked_at_passes_where_that_was_asked_for(guard: Guard, use: Any) -> None:
    thing = object()
    bare = returning(([ELSEWHERE], thing), response_format="content_and_artifact")
    message = use(guard_tool(bare, guard, on_error="pass"), call())
    assert (message.content, message.artifact) == ([ELSEWHERE], thing)


@pytest.mark.parametrize("given", [call(place=f"at {MARKER}"), {"place": f"at {MARKER}"}, {"place": {MARKER: 1}}])
def test_flagged_arguments_never_reach_the_tool(given: Any, guard: Guard, use: Any) -> None:
    called: list[Any] = []

    @tool
    def look(place: Any) -> str:
        """Look."""
        called.append(place)
        return "fine"

    watched = guard_tool(look, guard)
    outcome = use(watched, given)
    assert called == []
    assert (outcome.content, outcome.status) == (NOT_CALLED, "error") if "type" in given else outcome == NOT_CALLED
    use(guard_tool(look, guard, check_arguments=False), given)
    assert called


def test_refused_arguments_need_not_fit_the_schema(guard: Guard, use: Any) -> None:
    @tool
    def count(number: int) -> int:
        """Count."""
        return number

    assert use(guard_tool(count, guard), call("count", number=MARKER)).content == NOT_CALLED


def test_flagged_text_for_a_tool_of_one_argument(guard: Guard, use: Any) -> None:
    shout = Tool(name="shout", func=lambda text: text.upper() + f" {MARKER}", description="Shout.")
    watched = guard_tool(shout, guard)
    assert use(watched, f"say {MARKER}") == NOT_CALLED
    assert use(watched, "hello") == "HELLO [gone]"


def test_raising(guard: Guard, use: Any) -> None:
    for bare, given in ((returning(MARKER), call()), (returning("fine"), call(place=MARKER))):
        with pytest.raises(HarmfulContentError) as raised:
            use(guard_tool(bare, guard, strategy="raise"), given)
        assert MARKER not in repr(raised.value)


class Watcher(BaseCallbackHandler):
    """Notes all it is told of a tool's run."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
        self.told.append(repr((serialized, input_str, kwargs.get("inputs"))))

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        self.told.append(repr(output) + repr(getattr(output, "artifact", "")))

    def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
        self.told.append(repr(error))


@pytest.mark.parametrize("given", [call(), call(place=MARKER), {"place": "page"}])
@pytest.mark.parametrize("value", [MARKER, {"a": MARKER}, [PICTURE_BLOCK], ValueError(MARKER)], ids=repr)
def test_callbacks_see_what_was_looked_at(value: Any, given: Any, guard: Guard) -> None:
    def look(place: str) -> Any:
        """Look."""
        if isinstance(value, Exception):
            raise value
        return value

    watcher = Watcher()
    watched = guard_tool(look, guard)
    for run in (watched.invoke, lambda *args: asyncio.run(watched.ainvoke(*args))):
        with suppress(ValueError):
            run(given, {"callbacks": [watcher]})
    assert len(watcher.told) == 4
    assert not leaks(watcher.told)


class Weather(BaseTool):
    """A tool of a class of its own."""

    name: str = "weather"
    description: str = "The weather."
    unit: str = "C"

    def _run(self, place: str, run_manager: Any = None) -> str:
        return f"{place} 20 {self.unit} {MARKER} {run_manager is not None}"


class Tides(Weather):
    """One with an asynchronous run of its own."""

    name: str = "tides"

    async def _arun(self, place: str, run_manager: Any = None) -> str:
        return f"{place} high {MARKER}"


def test_a_class_of_its_own_is_kept(guard: Guard, use: Any) -> None:
    watched = guard_tool(Weather(unit="F"), guard)
    assert isinstance(watched, Weather)
    assert type(watched).__name__ == "Weather"
    assert use(watched, {"place": "home"}) == "home 20 F [gone] True"
    assert "[gone]" in use(guard_tool(Tides(), guard), {"place": "home"})
    assert asyncio.run(guard_tool(Tides(), guard).ainvoke({"place": "home"})) == "home high [gone]"


@pytest.mark.parametrize(
    "bare", [returning("x"), Weather(), Tides(), Tool(name="t", func=str, description="d")], ids=repr
)
def test_schemas_are_unchanged(bare: BaseTool, guard: Guard) -> None:
    watched = guard_tool(bare, guard)
    assert watched.args_schema is bare.args_schema
    assert watched.args == bare.args
    schemas = [t.tool_call_schema.model_json_schema() for t in (watched, bare)]  # type: ignore[union-attr]
    assert schemas[0] == schemas[1]
    assert [watched.name, watched.description, watched.return_direct] == [
        bare.name,
        bare.description,
        bare.return_direct,
    ]
    assert watched.model_dump(exclude={"func", "coroutine", "args_schema"}) == bare.model_dump(
        exclude={"func", "coroutine", "args_schema"}
    )


def test_copies_stay_guarded_and_the_original_is_not_changed(guard: Guard, use: Any) -> None:
    bare = returning(MARKER)
    watched = guard_tool(bare, guard)
    for each in (watched.model_copy(update={"name": "other"}), copy.copy(watched), copy.deepcopy(watched)):
        assert use(each, {"place": "home"}) == "[gone]"
    assert use(bare, {"place": "home"}) == MARKER
    assert watched.with_retry().invoke({"place": "home"}) == "[gone]"
    assert watched.batch([{"place": "home"}] * 2) == ["[gone]"] * 2


class Calm(Weather):
    """A harmless one, without an asynchronous run."""

    def _run(self, place: str, run_manager: Any = None) -> str:
        return "fine result"


@pytest.mark.parametrize("kind", ["both", "sync", "class"])
def test_each_result_is_looked_at_once(kind: str, guard: Guard, detector: FakeDetector, use: Any) -> None:
    both = returning("fine result")
    bare = {"both": both, "sync": both.model_copy(update={"coroutine": None}), "class": Calm()}[kind]
    use(guard_tool(bare, guard), {"place": "home"})
    looks = [request.text for batch in detector.log.batches for request in batch]
    assert looks.count("fine result") == 1


def test_functions_become_tools(guard: Guard) -> None:
    def look(place: str) -> str:
        """Look at a place."""
        return f"{place} {MARKER}"

    async def alook(place: str) -> str:
        """Look at a place."""
        return f"{place} {MARKER}"

    one, other = guard_tools([look, alook], guard)
    assert one.invoke({"place": "home"}) == "home [gone]"
    assert asyncio.run(other.ainvoke({"place": "home"})) == "home [gone]"
    assert (one.name, one.description) == ("look", "Look at a place.")


class Eager(Weather):
    """One with a run of its own."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return MARKER

    async def arun(self, *args: Any, **kwargs: Any) -> Any:
        return MARKER


def test_a_run_of_its_own_is_looked_at_too(guard: Guard, use: Any) -> None:
    assert use(guard_tool(Eager(), guard), {"place": "home"}) == "[gone]"


def test_tools_of_other_servers(guard: Guard) -> None:
    """As MCP's: a JSON schema, a coroutine alone, content blocks and an artifact."""

    async def act(**arguments: Any) -> Any:
        return [{"type": "text", "text": f"{arguments['place']} {MARKER}"}], {"structured_content": {"a": MARKER}}

    schema = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
    bare = StructuredTool(
        name="act", description="Act.", args_schema=schema, coroutine=act, response_format="content_and_artifact"
    )
    watched = guard_tool(bare, guard)
    message = asyncio.run(watched.ainvoke(call("act", place="home")))
    assert (message.text, message.artifact) == ("home [gone]", None)
    assert asyncio.run(watched.ainvoke(call("act", place=f"at {MARKER}"))).content == NOT_CALLED
    assert asyncio.run(watched.ainvoke(call("act", place="home", more=f"at {MARKER}"))).content == NOT_CALLED
    assert convert_to_openai_tool(watched) == convert_to_openai_tool(bare)
    with pytest.raises(NotImplementedError, match="sync"):
        watched.invoke(call("act"))


def test_a_guarded_tool_cannot_be_pickled(guard: Guard) -> None:
    """It would come back without its guard."""
    with pytest.raises((pickle.PicklingError, TypeError)):
        pickle.dumps(guard_tool(Weather(), guard))


class Shortcut(Weather):
    """One that does not run as tools run."""

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        return MARKER


@pytest.mark.parametrize("wrong", [{"type": "web_search"}, Shortcut(), "look"], ids=["provider's", "shortcut", "name"])
def test_what_cannot_be_guarded_is_refused(wrong: Any, guard: Guard) -> None:
    with pytest.raises(ConfigurationError):
        guard_tools([wrong], guard)


@pytest.mark.parametrize(
    "wrong", [{"strateggy": "block"}, {"strategy": "blok"}, {"on_error": "x"}, {"strategy": "reask"}]
)
def test_a_misspelled_argument_raises(wrong: dict[str, Any], guard: Guard) -> None:
    with pytest.raises((TypeError, ConfigurationError)):
        guard_tool(returning("x"), guard, **wrong)
    with pytest.raises((TypeError, ConfigurationError)):
        guard_tools([returning("x")], guard, **wrong)


def test_guarding_twice_is_an_error(guard: Guard) -> None:
    with pytest.raises(ConfigurationError, match="guarded already"):
        guard_tool(guard_tool(returning("x"), guard), guard)


def test_nested_tools_do_not_disturb_each_other(guard: Guard, use: Any) -> None:
    inner = guard_tool(returning(f"inner {MARKER}"), guard)

    @tool
    def outer(place: str) -> str:
        """Asks another."""
        return f"outer {MARKER} {inner.invoke({'place': place})}"

    assert use(guard_tool(outer, guard), call("outer")).content == "outer [gone] inner [gone]"


def leaks(shown: Any) -> bool:
    text = shown if isinstance(shown, str) else json.dumps(shown, default=repr)
    return MARKER in text or PICTURE_BASE64 in text
