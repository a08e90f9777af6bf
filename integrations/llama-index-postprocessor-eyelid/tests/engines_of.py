"""Query and chat engines over a few nodes, answered by a fake model."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine, SimpleChatEngine
from llama_index.core.chat_engine.condense_question import CondenseQuestionChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index.postprocessor.eyelid.testing import FakeLLM
from tests.nodes_of import BAD, scored, text

ASKED = "How is tea made?"
ANSWER = f"Boil water first. Then add {BAD} to it. Wait five minutes."
CLEAN = "Boil water first. Then wait five minutes. Enjoy your tea with a friend."


class Shelf(BaseRetriever):
    """Gives the same nodes each time."""

    def __init__(self, nodes: list[NodeWithScore]) -> None:
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return list(self.nodes)


def nodes(said: str = "Tea is made with water.") -> list[NodeWithScore]:
    return scored(text("Tea is a plant."), text(said, metadata={"page": "3"}))


def query_engine(*answers: str, said: str = "Tea is made with water.", **more: Any) -> RetrieverQueryEngine:
    llm = more.pop("llm", None) or FakeLLM(responses=answers or (ANSWER,))
    return RetrieverQueryEngine.from_args(Shelf(nodes(said)), llm=llm, **more)


def chat_engine(kind: str, *answers: str, said: str = "Tea is made with water.", llm: Any = None) -> Any:
    """An engine of this kind, and its memory."""
    llm = llm or FakeLLM(responses=answers or (ANSWER,))
    memory = ChatMemoryBuffer.from_defaults(token_limit=3000)
    shelf = Shelf(nodes(said))
    make = {
        "simple": lambda: SimpleChatEngine.from_defaults(llm=llm, memory=memory, system_prompt="Be kind."),
        "context": lambda: ContextChatEngine.from_defaults(shelf, llm=llm, memory=memory),
        "condense_plus_context": lambda: CondensePlusContextChatEngine.from_defaults(
            shelf, llm=llm, memory=memory, skip_condense=True
        ),
        "condense_question": lambda: CondenseQuestionChatEngine.from_defaults(
            RetrieverQueryEngine.from_args(shelf, llm=llm), llm=llm, memory=memory
        ),
    }
    return make[kind](), memory


KINDS = ("simple", "context", "condense_plus_context", "condense_question")
