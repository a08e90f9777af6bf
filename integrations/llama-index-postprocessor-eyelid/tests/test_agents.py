"""Agents of all four kinds finish as they did before, and nothing gets out of any event, of memory, of results."""

from collections.abc import Sequence
from typing import Any

import pytest
from eyelid import Guard
from llama_index.core.agent.workflow import AgentWorkflow, CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent

from llama_index.llms.eyelid import guard_llm
from llama_index.postprocessor.eyelid.testing import FakeLLM, FakePlainLLM, calls_tool
from llama_index.tools.eyelid import guard_tool, guard_tools

BAD = "ZQXBAD"


def find(q: str) -> str:
    """Find something."""
    return f"{q} is in the barn"


def find_bad(q: str) -> str:
    """Find something."""
    return f"{q} is {BAD}"


find_bad.__name__ = "find"


async def note(ctx: Context, q: str) -> str:
    """Note something."""
    await ctx.store.set("noted", q)
    return f"noted {q}"


SCRIPTS: dict[str, list[Any]] = {
    "function": [calls_tool("find", "Let me look.", q="the needle"), "The needle is in the barn. Go there."],
    "react": [
        'Thought: I must look.\nAction: find\nAction Input: {"q": "the needle"}',
        "Thought: I know now.\nAnswer: The needle is in the barn. Go there.",
    ],
    "codeact": [
        "Let me see.\n<execute>\nprint(find('the needle'))\n</execute>",
        "The needle is in the barn. Go there.",
    ],
}
SCRIPTS["workflow"] = SCRIPTS["function"]


def execute(code: str, tool: Any) -> str:
    lines: list[str] = []
    exec(code, {"find": tool.real_fn, "print": lines.append})
    return "\n".join(lines)


def agent(kind: str, llm: Any, tools: Sequence[Any], **options: Any) -> Any:
    if kind == "react":
        return ReActAgent(llm=llm, tools=list(tools), **options)
    if kind == "codeact":
        return CodeActAgent(code_execute_fn=lambda code: execute(code, tools[0]), llm=llm, tools=list(tools), **options)
    made = FunctionAgent(name="main", description="d", llm=llm, tools=list(tools), **options)
    return AgentWorkflow(agents=[made], root_agent="main") if kind == "workflow" else made


async def run(made: Any, *, events: bool = True) -> tuple[str, str]:
    """The final answer, and everything that could be seen on the way."""
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000, tokenizer_fn=str.split)
    handler = made.run(user_msg="where is the needle?", memory=memory)
    seen = []
    if events:
        seen = [
            repr(event) + str(vars(event)) + repr(getattr(event, "raw", "")) async for event in handler.stream_events()
        ]
    result = await handler
    everything = "\n".join([*seen, repr(result), repr(result.raw), repr(memory.get_all())])
    return str(result), everything


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("mode", ["buffer", "sentence"])
@pytest.mark.parametrize("kind", SCRIPTS)
async def test_the_answer_is_the_same_when_nothing_is_harmful(
    guard: Guard, kind: str, mode: Any, streaming: bool
) -> None:
    plain, _ = await run(
        agent(kind, FakeLLM(responses=SCRIPTS[kind]), [FunctionTool.from_defaults(find)], streaming=streaming)
    )
    llm = guard_llm(FakeLLM(responses=SCRIPTS[kind]), guard, stream=mode)
    tools = guard_tools([FunctionTool.from_defaults(find)], guard)
    guarded, _ = await run(agent(kind, llm, tools, streaming=streaming))
    assert guarded == plain == "The needle is in the barn. Go there."


def test_an_agent_started_from_sync_code(guard: Guard) -> None:
    import asyncio

    llm = guard_llm(FakeLLM(responses=SCRIPTS["function"]), guard)
    made = agent("function", llm, guard_tools([find], guard))
    assert asyncio.run(run(made, events=False))[0] == "The needle is in the barn. Go there."


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("mode", ["buffer", "sentence"])
@pytest.mark.parametrize("strategy", ["rewrite", "block"])
@pytest.mark.parametrize("kind", SCRIPTS)
async def test_a_harmful_answer_gets_out_nowhere(
    guard: Guard, kind: str, strategy: str, mode: Any, streaming: bool
) -> None:
    bad = f"The needle is in {BAD}. Go there."
    script = [SCRIPTS[kind][0], f"Thought: I know now.\nAnswer: {bad}" if kind == "react" else bad]
    llm = guard_llm(FakeLLM(responses=script), guard, strategy=strategy, stream=mode)
    answer, seen = await run(agent(kind, llm, guard_tools([find], guard), streaming=streaming))
    assert BAD not in seen
    if strategy == "rewrite" and mode == "buffer":
        assert answer == "The needle is in [removed]. Go there."
    assert answer
    assert "Answer:" not in answer


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("kind", SCRIPTS)
async def test_a_harmful_tool_result_gets_out_nowhere(guard: Guard, kind: str, streaming: bool) -> None:
    llm = guard_llm(FakeLLM(responses=SCRIPTS[kind]), guard)
    answer, seen = await run(
        agent(kind, llm, guard_tools([FunctionTool.from_defaults(find_bad)], guard), streaming=streaming)
    )
    assert BAD not in seen
    assert answer == "The needle is in the barn. Go there."
    assert BAD not in repr(llm.inner.calls)


@pytest.mark.parametrize("kind", ["function", "react", "workflow"])
async def test_harmful_arguments_get_out_nowhere(guard: Guard, kind: str) -> None:
    first = (
        f'Thought: I must.\nAction: find\nAction Input: {{"q": "{BAD}"}}'
        if kind == "react"
        else calls_tool("find", "Let me look.", q=BAD)
    )
    llm = guard_llm(FakeLLM(responses=[first, SCRIPTS[kind][1]]), guard)
    answer, seen = await run(agent(kind, llm, guard_tools([find], guard)))
    assert BAD not in seen
    assert answer


@pytest.mark.parametrize("kind", ["function", "react", "workflow"])
async def test_a_failing_tool_says_nothing_harmful(guard: Guard, kind: str) -> None:
    def find(q: str) -> str:
        """Find."""
        raise ValueError(f"so {BAD}")

    llm = guard_llm(FakeLLM(responses=SCRIPTS[kind]), guard)
    answer, seen = await run(agent(kind, llm, guard_tools([find], guard)))
    assert BAD not in seen
    assert answer == "The needle is in the barn. Go there."


@pytest.mark.parametrize("kind", ["function", "react", "workflow"])
async def test_what_is_returned_directly_is_looked_at(guard: Guard, kind: str) -> None:
    tool = guard_tool(FunctionTool.from_defaults(find_bad, return_direct=True), guard, strategy="rewrite")
    answer, seen = await run(agent(kind, guard_llm(FakeLLM(responses=SCRIPTS[kind]), guard), [tool]))
    assert BAD not in seen
    assert answer == "the needle is [removed]"


@pytest.mark.parametrize("kind", ["function", "workflow"])
async def test_tools_get_their_context(guard: Guard, kind: str) -> None:
    script = [calls_tool("note", q="this"), "Done it is."]
    answer, seen = await run(agent(kind, guard_llm(FakeLLM(responses=script), guard), guard_tools([note], guard)))
    assert answer == "Done it is."
    assert "noted this" in seen


async def test_react_with_a_model_that_takes_no_tools(guard: Guard) -> None:
    llm = guard_llm(FakePlainLLM(responses=SCRIPTS["react"]), guard)
    assert (await run(agent("react", llm, guard_tools([find], guard))))[0] == "The needle is in the barn. Go there."


async def test_image_blocks_of_tools_reach_the_model(guard: Guard) -> None:
    from llama_index.core.base.llms.types import ImageBlock

    picture = ImageBlock(image=b"\x89PNG\r\n\x1a\nnot a real one")
    tool = FunctionTool.from_defaults(fn=lambda q: [TextBlock(text="see"), picture], name="find", description="f")
    llm = guard_llm(FakeLLM(responses=SCRIPTS["function"]), guard)
    await run(agent("function", llm, guard_tools([tool], guard)))
    assert picture in llm.inner.calls[-1].messages[-1].blocks


async def test_handoffs_still_work(guard: Guard) -> None:
    first = FunctionAgent(
        name="first",
        description="d",
        llm=guard_llm(FakeLLM(responses=[calls_tool("handoff", to_agent="second", reason="it knows")]), guard),
        can_handoff_to=["second"],
    )
    second = FunctionAgent(name="second", description="d", llm=guard_llm(FakeLLM(responses=["I know it."]), guard))
    answer, _ = await run(AgentWorkflow(agents=[first, second], root_agent="first"))
    assert answer == "I know it."


def test_messages_of_a_guarded_model_go_back_to_it(guard: Guard) -> None:
    llm = guard_llm(FakeLLM(responses=["One.", "Two."]), guard)
    first = llm.chat([ChatMessage("a")]).message
    llm.chat([ChatMessage("a"), first, ChatMessage("b")])
    assert "eyelid" not in first.additional_kwargs


@pytest.mark.parametrize("kind", SCRIPTS)
async def test_without_a_guard_harm_is_seen(kind: str) -> None:
    _, seen = await run(agent(kind, FakeLLM(responses=SCRIPTS[kind]), [FunctionTool.from_defaults(find_bad)]))
    assert BAD in seen


async def test_a_tool_may_wait_for_a_person(guard: Guard) -> None:
    async def ask(ctx: Context, q: str) -> str:
        """Ask a person."""
        said = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="sure?"))
        return f"they said {said.response}"

    script = [calls_tool("ask", q="this"), "Done it is."]
    made = agent("function", guard_llm(FakeLLM(responses=script), guard), guard_tools([ask], guard))
    handler = made.run(user_msg="ask them")
    seen = []
    async for event in handler.stream_events():
        seen.append(repr(event))
        if isinstance(event, InputRequiredEvent):
            handler.ctx.send_event(HumanResponseEvent(response=f"yes {BAD}"))
    assert str(await handler) == "Done it is."
    assert "they said" in "".join(seen)
    assert BAD not in "".join(line for line in seen if "ToolCallResult" in line or "AgentOutput" in line)


async def test_what_generated_code_prints_can_be_guarded(guard: Guard) -> None:
    def execute_all(code: str) -> str:
        """Run code."""
        return f"printed {BAD}"

    llm = guard_llm(FakeLLM(responses=SCRIPTS["codeact"]), guard)
    code_execute_fn: Any = guard_tool(execute_all, guard).real_fn  # type: ignore[attr-defined]
    _, seen = await run(CodeActAgent(code_execute_fn=code_execute_fn, llm=llm, tools=[]))
    assert "printed" in seen
    assert BAD not in seen
