"""eyelid for LlamaIndex: what is retrieved, answered or returned by tools is looked at before anybody sees it.

from eyelid import load_guard
from llama_index.postprocessor.eyelid import EyelidNodePostprocessor

engine = index.as_query_engine(node_postprocessors=[EyelidNodePostprocessor(guard=load_guard())])

`llama_index.llms.eyelid` guards models, `llama_index.tools.eyelid` tools. Nothing loads before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama_index.postprocessor.eyelid._verdict import EyelidVerdictEvent
    from llama_index.postprocessor.eyelid.chat_engine import GuardedChatEngine
    from llama_index.postprocessor.eyelid.events import EyelidEventHandler
    from llama_index.postprocessor.eyelid.nodes import EyelidNodePostprocessor
    from llama_index.postprocessor.eyelid.output_parser import EyelidOutputParser
    from llama_index.postprocessor.eyelid.query_engine import GuardedQueryEngine

__version__ = "0.1.0"

__all__ = [
    "EyelidEventHandler",
    "EyelidNodePostprocessor",
    "EyelidOutputParser",
    "EyelidVerdictEvent",
    "GuardedChatEngine",
    "GuardedQueryEngine",
]

_HOMES = {
    "EyelidEventHandler": "events",
    "EyelidNodePostprocessor": "nodes",
    "EyelidOutputParser": "output_parser",
    "EyelidVerdictEvent": "_verdict",
    "GuardedChatEngine": "chat_engine",
    "GuardedQueryEngine": "query_engine",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'llama_index.postprocessor.eyelid' has no attribute {name!r}")
    return getattr(import_module(f"llama_index.postprocessor.eyelid.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
