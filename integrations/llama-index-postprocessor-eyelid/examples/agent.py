"""An agent whose browser returns a page and a screenshot with instructions in them: the model never reads these."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from eyelid import load_guard
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.tools import FunctionTool
from shelf import INJECTED, picture

from llama_index.llms.eyelid import guard_llm
from llama_index.postprocessor.eyelid.testing import FakeLLM, calls_tool
from llama_index.tools.eyelid import guard_tools


def browse(address: str) -> str:
    """Read a page."""
    return f"Welcome to the shop. {INJECTED}. We sell knives."


def screenshot(address: str) -> ImageBlock:
    """Take a picture of a page."""
    return ImageBlock(image=picture(INJECTED).encode(), image_mimetype="image/png")


def answer(messages: Sequence[ChatMessage], options: Any) -> ChatMessage | str:
    """Ask for both, one after the other, then be done."""
    asked = sum(message.role == "tool" for message in messages)
    if asked < 2:
        name = ("browse", "screenshot")[asked]
        return calls_tool(name, call_id=name, address="https://shop.example")
    return "They sell knives. More I could not use of what the page said."


async def main() -> None:
    """Run the agent and show what it was told."""
    with load_guard() as guard:
        tools = guard_tools([FunctionTool.from_defaults(browse), FunctionTool.from_defaults(screenshot)], guard)
        agent = FunctionAgent(llm=guard_llm(FakeLLM(answer=answer), guard), tools=tools)
        handler = agent.run(user_msg="What do they sell?")
        async for event in handler.stream_events():
            if isinstance(event, ToolCallResult):
                sys.stdout.write(f"{event.tool_name}: {event.tool_output.content!r}\n")
        sys.stdout.write(f"answer: {await handler}\n")


if __name__ == "__main__":
    asyncio.run(main())
