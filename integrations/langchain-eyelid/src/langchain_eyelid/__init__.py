"""eyelid for LangChain: what a model, a tool or a retriever hands on is looked at before anybody sees it.

    from eyelid import load_guard
    from langchain_eyelid import guard_model

    model = guard_model(ChatOpenAI(model="..."), load_guard())

Nothing loads before it is used; what is for agents needs the extra `langchain-eyelid[agents]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_eyelid.callbacks import EyelidCallbackHandler
    from langchain_eyelid.chat_models import EyelidChatModel, guard_model
    from langchain_eyelid.documents import EyelidDocumentFilter
    from langchain_eyelid.hosts import LangChainHost
    from langchain_eyelid.middleware import EyelidMiddleware
    from langchain_eyelid.output_parsers import EyelidOutputParser
    from langchain_eyelid.runnables import EyelidGuard
    from langchain_eyelid.tools import guard_tool, guard_tools

__version__ = "0.1.0"

__all__ = [
    "EyelidCallbackHandler",
    "EyelidChatModel",
    "EyelidDocumentFilter",
    "EyelidGuard",
    "EyelidMiddleware",
    "EyelidOutputParser",
    "LangChainHost",
    "guard_model",
    "guard_tool",
    "guard_tools",
]

_HOMES = {
    "EyelidCallbackHandler": "callbacks",
    "EyelidChatModel": "chat_models",
    "EyelidDocumentFilter": "documents",
    "EyelidGuard": "runnables",
    "EyelidMiddleware": "middleware",
    "EyelidOutputParser": "output_parsers",
    "LangChainHost": "hosts",
    "guard_model": "chat_models",
    "guard_tool": "tools",
    "guard_tools": "tools",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'langchain_eyelid' has no attribute {name!r}")
    return getattr(import_module(f"langchain_eyelid.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
