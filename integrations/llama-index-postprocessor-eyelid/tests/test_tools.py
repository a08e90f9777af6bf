"""Guarded tools: arguments, results and exceptions, sync and async."""

import asyncio
import contextvars
import inspect
from typing import Annotated, Any

import pytest
from eyelid import Guard, HarmfulContentError
from eyelid.errors import ConfigurationError
from eyelid.testing import FakeReader
from llama_index.core.base.llms.types import AudioBlock, ImageBlock, TextBlock
from llama_index.core.schema import Document, NodeWithScore, TextNode
from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.core.workflow import Context
from pydantic import BaseModel, Field

from llama_index.tools.eyelid import guard_tool, guard_tools

BAD = "ZQXBAD"
PNG = b"\x89PNG\r\n\x1a\nnot a real one"


class Found(BaseModel):
    title: str
    rows: list[str]


def dump(output: ToolOutput) -> str:
    return repr(output) + repr(output.blocks) + repr(output.raw_output) + repr(output.exception) + output.content


async def both(tool: AsyncBaseTool, **kwargs: Any) -> list[ToolOutput]:
    return [tool.call(**kwargs), await tool.acall(**kwargs), tool(**kwargs)]


RESULTS: dict[str, Any] = {
    "text": f"so {BAD}",
    "dict": {"a": [BAD]},
    "model": Found(title="t", rows=[BAD]),
    "text block": TextBlock(text=BAD),
    "blocks": [TextBlock(text="fine"), TextBlock(text=BAD)],
    "document": Document(text=BAD),
    "documents": [Document(text="fine"), Document(text=BAD)],
    "metadata of a document": Document(text="fine", metadata={"a": BAD}),
    "node with score": [NodeWithScore(node=TextNode(text=BAD), score=0.5)],
}


@pytest.mark.parametrize("strategy", ["rewrite", "block"])
@pytest.mark.parametrize("what", RESULTS)
async def test_nothing_hides_in_a_result(guard: Guard, what: str, strategy: str) -> None:
    def find(q: str) -> Any:
        """Find."""
        return RESULTS[what]

    tool = guard_tool(FunctionTool.from_defaults(find), guard, strategy=strategy)
    for output in await both(tool, q="a"):
        assert BAD not in dump(output)
        assert output.tool_name == "find"
    assert BAD not in repr(tool.fn(q="a"))  # type: ignore[attr-defined]
    assert BAD not in repr(tool.real_fn(q="a"))  # type: ignore[attr-defined]
    assert BAD not in repr(await tool.async_fn(q="a"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["fine", {"a": 1}, Found(title="t", rows=["r"]), [TextBlock(text="a")], None, 3])
async def test_what_is_harmless_is_as_it_was(guard: Guard, value: Any) -> None:
    def find(q: str) -> Any:
        """Find."""
        return value

    plain = FunctionTool.from_defaults(find)
    for output in await both(guard_tool(plain, guard), q="a"):
        assert output.model_dump() == plain.call(q="a").model_dump()
        assert output.raw_output is value
    assert guard_tool(plain, guard).fn(q="a") is value  # type: ignore[attr-defined]


async def test_a_raw_output_nobody_can_read_is_not_handed_on(guard: Guard) -> None:
    class Opaque:
        def __str__(self) -> str:
            return "fine"

        secret = BAD

    tool = guard_tool(FunctionTool.from_defaults(fn=lambda q: Opaque(), name="find"), guard)
    for output in await both(tool, q="a"):
        assert output.raw_output == output.content == "fine"


async def test_images_are_looked_at_and_stay(make_guard: Any) -> None:
    guard = make_guard(reader=FakeReader.of({b"harmful" + PNG: BAD}))
    for data, stays in ((PNG, True), (b"harmful" + PNG, False)):
        blocks = [TextBlock(text="a picture"), ImageBlock(image=data)]
        tool = guard_tool(FunctionTool.from_defaults(fn=lambda q, blocks=blocks: blocks, name="camera"), guard)
        for output in await both(tool, q="a"):
            assert (ImageBlock in [type(block) for block in output.blocks]) is stays
            assert (output.raw_output is blocks) is stays


async def test_what_nobody_can_look_at_is_stopped(guard: Guard) -> None:
    tool = guard_tool(FunctionTool.from_defaults(fn=lambda q: AudioBlock(audio=b"sound"), name="ear"), guard)
    for output in await both(tool, q="a"):
        assert [type(block) for block in output.blocks] == [TextBlock]


async def test_flagged_arguments_never_reach_the_tool(guard: Guard) -> None:
    ran: list[str] = []

    def find(q: str, more: list[str] | None = None) -> str:
        """Find."""
        ran.append(q)
        return q

    tool = guard_tool(FunctionTool.from_defaults(find), guard)
    for output in [*await both(tool, q=BAD), *await both(tool, q="a", more=["b", BAD])]:
        assert output.is_error
        assert BAD not in dump(output)
    assert ran == []
    assert guard_tool(FunctionTool.from_defaults(find), guard, check_arguments=False, on_error="pass").call(q="a")


async def test_exceptions_are_content_too(guard: Guard) -> None:
    def fails(q: str) -> str:
        """Fail."""
        if q == "chained":
            raise ValueError("fine") from KeyError(f"so {BAD}")
        raise ValueError(f"so {BAD}" if q == "bad" else "a harmless one")

    tool = guard_tool(FunctionTool.from_defaults(fails), guard)
    for q in ("bad", "chained"):
        for run in (lambda q=q: tool.call(q=q), lambda q=q: asyncio.run(tool.acall(q=q))):
            with pytest.raises(RuntimeError) as caught:
                await asyncio.to_thread(run)
            assert BAD not in repr(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None
    with pytest.raises(ValueError, match="harmless"):
        await tool.acall(q="good")
    assert BAD not in dump(call_tool(tool, {"q": "bad"}))
    assert BAD not in dump(await acall_tool(tool, {"q": "bad"}))


async def test_a_pause_of_a_workflow_passes(guard: Guard) -> None:
    from workflows.runtime.types.results import WaitingForEvent

    pause = WaitingForEvent.__new__(WaitingForEvent)

    async def asks(q: str) -> str:
        """Ask."""
        raise pause

    with pytest.raises(WaitingForEvent) as caught:
        await guard_tool(FunctionTool.from_defaults(async_fn=asks), guard).acall(q="a")
    assert caught.value is pause


def test_a_function_tool_stays_one(guard: Guard) -> None:
    async def look(ctx: Context, q: Annotated[str, "what"] = Field(default="x")) -> str:
        """Look."""
        return q

    plain = FunctionTool.from_defaults(async_fn=look, return_direct=True)
    tool = guard_tool(plain, guard)
    assert isinstance(tool, FunctionTool)
    assert tool.requires_context
    assert tool.ctx_param_name == "ctx"
    assert tool.metadata is plain.metadata
    assert tool.real_fn.__name__ == "look"
    assert inspect.signature(tool.real_fn) == inspect.signature(look)
    assert not hasattr(tool.real_fn, "__wrapped__")
    with pytest.raises(ValueError, match="Context is required"):
        tool.call(q="a")
    assert type(plain) is FunctionTool


async def test_own_parameters_are_not_the_models(guard: Guard) -> None:
    def find(q: str, secret: str) -> str:
        """Find."""
        return q

    tool = guard_tool(FunctionTool.from_defaults(find, partial_params={"secret": BAD}), guard)
    assert tool(q="a").content == "a"


async def test_callbacks_cannot_bring_harm_back(guard: Guard) -> None:
    plain = FunctionTool.from_defaults(fn=lambda q: "fine", name="find", callback=lambda raw: f"so {BAD}")
    for output in await both(guard_tool(plain, guard), q="a"):
        assert BAD not in dump(output)


class OwnTool(AsyncBaseTool):
    @property
    def metadata(self) -> ToolMetadata:
        return ToolMetadata(name="own", description="Own.", return_direct=True)

    def call(self, input: str) -> ToolOutput:
        return ToolOutput(tool_name="own", content=input + BAD, raw_input={"input": input}, raw_output=input + BAD)

    async def acall(self, input: str) -> ToolOutput:
        return self.call(input)


class SyncTool(BaseTool):
    @property
    def metadata(self) -> ToolMetadata:
        return ToolMetadata(name="sync", description="Sync.")

    def __call__(self, input: str) -> ToolOutput:
        return ToolOutput(tool_name="sync", content=BAD, raw_input={}, raw_output=BAD)


@pytest.mark.parametrize("plain", [OwnTool(), SyncTool()])
async def test_any_tool_can_be_guarded(guard: Guard, plain: Any) -> None:
    tool = guard_tool(plain, guard)
    for output in (tool.call("a"), await tool.acall("a"), tool("a"), call_tool(tool, {"input": "a"})):
        assert BAD not in dump(output)
    assert tool.metadata.return_direct is plain.metadata.return_direct
    assert tool.call(BAD).is_error


async def test_functions_become_tools(guard: Guard) -> None:
    def one(q: str) -> str:
        """One."""
        return q

    async def two(q: str) -> str:
        """Two."""
        return f"{q} {BAD}"

    tools = guard_tools([one, two], guard)
    assert [tool.metadata.name for tool in tools] == ["one", "two"]
    assert BAD not in dump(await tools[1].acall(q="a"))


@pytest.mark.parametrize("wrong", [None, "tool", dict])
def test_what_is_no_tool_is_refused(guard: Guard, wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        guard_tool(wrong, guard)


def test_twice_is_refused(guard: Guard) -> None:
    tool = guard_tool(SyncTool(), guard)
    with pytest.raises(ConfigurationError, match="already"):
        guard_tool(tool, guard)
    with pytest.raises(TypeError):
        guard_tool(SyncTool(), guard, polcy="block")  # type: ignore[call-arg]


async def test_raise_raises(guard: Guard) -> None:
    tool = guard_tool(OwnTool(), guard, strategy="raise")
    with pytest.raises(HarmfulContentError) as caught:
        await tool.acall("a")
    assert BAD not in repr(caught.value)
    assert caught.value.__context__ is None


async def test_a_result_and_its_parts_are_one_batch(guard: Guard, detector: Any) -> None:
    blocks = [TextBlock(text=f"part {i}") for i in range(9)]
    tool = guard_tool(FunctionTool.from_defaults(fn=lambda: blocks, name="find"), guard)
    await tool.acall()
    assert len(detector.log.sizes) == 1


async def test_context_variables_reach_the_tool(guard: Guard) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    tool = guard_tool(FunctionTool.from_defaults(fn=lambda: who.get(), name="who"), guard)
    who.set("me")
    assert tool.call().content == (await tool.acall()).content == "me"
