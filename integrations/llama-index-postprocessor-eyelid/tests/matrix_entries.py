"""The entry points of the leak matrix, each asked in every way."""

from __future__ import annotations

from typing import Any

from eyelid import Guard
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.base.response.schema import PydanticResponse
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import ImageNode
from llama_index.core.tools import FunctionTool

from llama_index.llms.eyelid import guard_llm
from llama_index.postprocessor.eyelid import (
    EyelidNodePostprocessor,
    EyelidOutputParser,
    GuardedChatEngine,
    GuardedQueryEngine,
)
from llama_index.postprocessor.eyelid.testing import FakeLLM, calls_tool
from llama_index.tools.eyelid import guard_tool
from tests.engines_of import ANSWER, ASKED, CLEAN, Shelf, chat_engine
from tests.matrix import Entry, dump, listening, settled
from tests.nodes_of import BAD, BAD_IMAGE, b64, everything, scored, text
from tests.test_engines_query import Canned, Recipe

_PICTURE = b"\x89PNG a kettle"
_WAYS = {"query": ("query", False), "aquery": ("aquery", False), "query, streamed": ("query", True)}
_WAYS["aquery, streamed"] = ("aquery", True)


def _nodes(harm: str) -> list[Any]:
    found = [text("Tea is a plant.")]
    if harm == "node text":
        found.append(text(f"Add {BAD}."))
    if harm == "node metadata":
        found.append(text("Add water.", metadata={"title": BAD}))
    if harm == "image text":
        found.append(ImageNode(image=b64(BAD_IMAGE), image_mimetype="image/png", text="A kettle."))
    return scored(*found)


async def _said(response: Any) -> str:
    """What a query engine's response hands out, read to its end."""
    response = await settled(response.get_response()) if hasattr(type(response), "get_response") else response
    return f"{response} {response.response!r}"


async def nodes(harm: str, guard: Guard | None) -> dict[str, str]:
    with listening() as seen:
        for name, (way, streaming) in _WAYS.items():
            llm = FakeLLM(responses=[CLEAN])
            engine = RetrieverQueryEngine.from_args(
                Shelf(_nodes(harm)),
                llm=llm,
                multimodal=harm == "image text",
                streaming=streaming,
                node_postprocessors=[EyelidNodePostprocessor(guard, action="rewrite")] if guard else [],
            )
            response = await settled(getattr(engine, way)(ASKED))
            await _said(response)
            seen[f"{name}: what the model is asked"] = dump(*llm.calls, *(call.messages for call in llm.calls))
            seen[f"{name}: source nodes"] = everything(response.source_nodes) + str(response.metadata)
    return seen


async def query_engine(harm: str, guard: Guard | None) -> dict[str, str]:
    with listening() as seen:
        for name, (way, streaming) in _WAYS.items():
            llm = FakeLLM(responses=[ANSWER if harm == "answer" else CLEAN])
            inner: Any = RetrieverQueryEngine.from_args(Shelf(_nodes(harm)), llm=llm, streaming=streaming)
            if harm == "structured output":
                inner = Canned(PydanticResponse(Recipe(title="Tea", steps=[BAD]), _nodes(harm)))
            engine = GuardedQueryEngine(inner, guard, stream="sentence") if guard else inner
            response = await settled(getattr(engine, way)(ASKED))
            seen[f"{name}: answer"] = await _said(response)
            seen[f"{name}: source nodes"] = everything(response.source_nodes) + str(response.metadata)
    return seen


async def chat(harm: str, guard: Guard | None) -> dict[str, str]:
    with listening() as seen:
        for way in ("chat", "achat", "stream_chat", "astream_chat"):
            inner, memory = chat_engine("context", ANSWER if harm == "answer" else CLEAN)
            inner._retriever.nodes = _nodes(harm)
            engine = GuardedChatEngine(inner, guard, stream="sentence") if guard else inner
            response = await settled(getattr(engine, way)(ASKED))
            pieces = "".join([each async for each in _pieces(way, response)])
            seen[f"{way}: answer"] = f"{pieces} {response} {response.response}"
            seen[f"{way}: source nodes"] = everything(response.source_nodes) + dump(*response.sources)
            seen[f"{way}: memory"] = dump(*memory.get_all())
    return seen


async def _pieces(way: str, response: Any) -> Any:
    if way == "stream_chat":
        for piece in response.response_gen:
            yield piece
    if way == "astream_chat":
        async for piece in response.async_response_gen():
            yield piece


def _answer(harm: str) -> Any:
    if harm == "tool arguments":
        return calls_tool("find", "Let me look.", q=BAD)
    if harm == "structured output":
        return calls_tool("Recipe", title="Tea", steps=[BAD])
    if harm == "image text":
        return ChatMessage(
            role="assistant", blocks=[TextBlock(text="See:"), ImageBlock(image=BAD_IMAGE, image_mimetype="image/png")]
        )
    return ANSWER


async def model(harm: str, guard: Guard | None) -> dict[str, str]:
    llm: Any = FakeLLM(responses=[_answer(harm)])
    llm = guard_llm(llm, guard, stream="sentence") if guard else llm
    asked, prompt = [ChatMessage(ASKED)], PromptTemplate("How is {what} made?")

    def find(q: str) -> str:
        """Find something."""
        return q

    tools = [FunctionTool.from_defaults(find)]
    with listening() as seen:
        seen["chat"] = dump(llm.chat(asked))
        seen["achat"] = dump(await llm.achat(asked))
        seen["stream_chat"] = dump(*llm.stream_chat(asked))
        seen["astream_chat"] = dump(*[each async for each in await llm.astream_chat(asked)])
        seen["chat_with_tools"] = dump(llm.chat_with_tools(tools, ASKED))
        seen["astream_chat_with_tools"] = dump(
            *[each async for each in await llm.astream_chat_with_tools(tools, ASKED)]
        )
        seen["complete"] = dump(llm.complete(ASKED))
        seen["stream_complete"] = dump(*llm.stream_complete(ASKED))
        seen["predict"] = llm.predict(prompt, what="tea")
        seen["stream"] = "".join(llm.stream(prompt, what="tea"))
        if harm == "structured output":
            seen["structured_predict"] = dump(await _tried(lambda: llm.structured_predict(Recipe, prompt, what="tea")))
            seen["astructured_predict"] = dump(
                await _tried(lambda: llm.astructured_predict(Recipe, prompt, what="tea"))
            )
        else:
            seen["structured_predict"] = seen["astructured_predict"] = ""
    return seen


_STEPS = {"Is the answer harmful": f"Yes {BAD}", "Describe the image": f"A sign: {BAD}", "cannot see": CLEAN}


async def reasked(harm: str, guard: Guard | None) -> dict[str, str]:
    """A question with an image; the marker is in the answer, in the verdict on it and in the caption."""

    def answer(messages: Any, options: Any) -> str:
        text = messages[-1].content or ""
        return next((said for words, said in _STEPS.items() if words in text), ANSWER)

    question = ChatMessage(role="user", blocks=[ImageBlock(image=_PICTURE), TextBlock(text=ASKED)])
    with listening() as seen:
        for mode in ("buffer", "sentence"):
            llm: Any = FakeLLM(answer=answer)
            llm = guard_llm(llm, guard, strategy="reask", stream=mode) if guard else llm
            seen[f"chat, {mode}"] = dump(llm.chat([question]))
            seen[f"achat, {mode}"] = dump(await llm.achat([question]))
            seen[f"stream_chat, {mode}"] = dump(*llm.stream_chat([question]))
            seen[f"astream_chat, {mode}"] = dump(*[each async for each in await llm.astream_chat([question])])
            memory = ChatMemoryBuffer.from_defaults(token_limit=4000, tokenizer_fn=str.split)
            handler = FunctionAgent(llm=llm, streaming=True).run(user_msg=question, memory=memory)
            async for event in handler.stream_events():
                view = f"FunctionAgent, {mode}: {type(event).__name__}"
                seen[view] = seen.get(view, "") + dump(event, *event.model_dump().values())
            seen[f"FunctionAgent, {mode}: result"] = dump(await handler)
            seen[f"FunctionAgent, {mode}: memory"] = dump(*memory.get_all())
    return seen


async def _tried(call: Any) -> Any:
    """What a call gives, or the exception that it ends with."""
    try:
        return await settled(call())
    except Exception as error:  # noqa: BLE001 - what it says is looked for the marker
        return f"{error!r} {error.__cause__!r}"


def _agent(kind: str, llm: Any, tools: list[Any], *, streaming: bool) -> Any:
    if kind == "ReActAgent":
        return ReActAgent(llm=llm, tools=tools, streaming=streaming)
    made = FunctionAgent(name="main", description="d", llm=llm, tools=tools, streaming=streaming)
    return AgentWorkflow(agents=[made], root_agent="main") if kind == "AgentWorkflow" else made


def _script(kind: str, harm: str) -> list[Any]:
    asked = BAD if harm == "tool arguments" else "tea"
    last = ANSWER if harm == "answer" else CLEAN
    if kind == "ReActAgent":
        call = f'Thought: I must look.\nAction: find\nAction Input: {{"q": "{asked}"}}'
        return [call, f"Thought: I know now.\nAnswer: {last}"]
    return [calls_tool("find", "Let me look.", q=asked), last]


async def agents(harm: str, guard: Guard | None) -> dict[str, str]:
    def find(q: str) -> Any:
        """Find something."""
        if harm == "image text":
            return ImageBlock(image=BAD_IMAGE, image_mimetype="image/png")
        return f"Here is {BAD}" if harm == "tool result" else "Here is tea"

    tool: Any = FunctionTool.from_defaults(find)
    with listening() as seen:
        for kind in ("FunctionAgent", "ReActAgent", "AgentWorkflow"):
            for streaming in (True, False):
                llm: Any = FakeLLM(responses=_script(kind, harm))
                llm = guard_llm(llm, guard) if guard else llm
                tools = [guard_tool(tool, guard) if guard else tool]
                memory = ChatMemoryBuffer.from_defaults(token_limit=4000, tokenizer_fn=str.split)
                handler = _agent(kind, llm, tools, streaming=streaming).run(user_msg=ASKED, memory=memory)
                name = kind if streaming else f"{kind}, not streamed"
                async for event in handler.stream_events():
                    view = f"{name}: {type(event).__name__}"
                    seen[view] = seen.get(view, "") + dump(event, *event.model_dump().values())
                seen[f"{name}: result"] = dump(await handler)
                seen[f"{name}: memory"] = dump(*memory.get_all())
    return seen


async def parser(harm: str, guard: Guard | None) -> dict[str, str]:
    llm, prompt = FakeLLM(responses=[ANSWER]), PromptTemplate("How is {what} made?")
    if guard:
        llm.output_parser = EyelidOutputParser(guard)
    with listening() as seen:
        seen["predict"] = llm.predict(prompt, what="tea")
        seen["apredict"] = await llm.apredict(prompt, what="tea")
        seen["chat"] = dump(llm.chat([ChatMessage(ASKED)]))
        seen["complete"] = dump(llm.complete(ASKED))
    return seen


ENTRIES = (
    Entry(
        "EyelidNodePostprocessor",
        ("node text", "node metadata", "image text"),
        nodes,
        frozenset({"instrumentation events"}),
        "The retriever's own events show what it found before any postprocessor is asked.",
    ),
    Entry(
        "GuardedQueryEngine",
        ("answer", "structured output", "node text", "node metadata", "image text"),
        query_engine,
        frozenset({"instrumentation events"}),
        "Events of the model and of the engine inside show what they said. `guard_llm` closes these for answers.",
    ),
    Entry(
        "GuardedChatEngine",
        ("answer", "node text", "node metadata", "image text"),
        chat,
        frozenset({"instrumentation events"}),
        "Events of the model and of the engine inside show what they said. `guard_llm` closes these for answers.",
    ),
    Entry(
        "guard_llm",
        ("answer", "tool arguments", "image text", "structured output"),
        model,
        frozenset({"events tagged as raw"}),
        'The model inside still has events of its own; they carry the tag `eyelid="raw"`, so that a handler can tell.',
    ),
    Entry(
        'guard_llm(strategy="reask"), asked about an image',
        ("answer",),
        reasked,
        frozenset({"events tagged as raw"}),
        "The marker is also in the model's verdict on its answer and in what it says of the image.",
    ),
    Entry(
        "guard_llm and guard_tools in agents",
        ("answer", "tool arguments", "tool result", "image text"),
        agents,
        frozenset({"events tagged as raw"}),
    ),
    Entry(
        "EyelidOutputParser",
        ("answer",),
        parser,
        frozenset({"chat", "complete", "instrumentation events"}),
        "LlamaIndex applies an output parser in `predict` and `apredict` alone. Use `guard_llm` elsewhere.",
    ),
)
