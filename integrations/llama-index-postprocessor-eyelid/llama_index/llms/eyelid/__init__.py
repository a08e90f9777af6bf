"""eyelid for LlamaIndex's models: what a model answers is looked at before anybody sees it.

from eyelid import load_guard
from llama_index.llms.eyelid import guard_llm

llm = guard_llm(OpenAI(model="..."), load_guard())
"""

from __future__ import annotations

from llama_index.llms.eyelid._function_calling import GuardedFunctionCallingLLM
from llama_index.llms.eyelid._guard import guard_llm
from llama_index.llms.eyelid._guarded import GuardedLLM
from llama_index.llms.eyelid._host import LlamaIndexHost

__all__ = ["GuardedFunctionCallingLLM", "GuardedLLM", "LlamaIndexHost", "guard_llm"]
