"""eyelid for LlamaIndex's tools: what a model asks of a tool, and what the tool returns, is looked at.

from eyelid import load_guard
from llama_index.tools.eyelid import guard_tools

agent = FunctionAgent(llm=llm, tools=guard_tools([browse, camera], load_guard()))
"""

from __future__ import annotations

from llama_index.tools.eyelid._guard import guard_tool, guard_tools

__all__ = ["guard_tool", "guard_tools"]
