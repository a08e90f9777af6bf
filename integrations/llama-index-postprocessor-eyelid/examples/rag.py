"""A multimodal RAG app: an attack in a picture and an injection in a document never reach the model."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from eyelid import load_guard
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.query_engine import RetrieverQueryEngine
from shelf import INJECTED, Shelf, note, photo

from llama_index.postprocessor.eyelid import EyelidNodePostprocessor, GuardedQueryEngine
from llama_index.postprocessor.eyelid.testing import FakeLLM

NODES = [
    note("knives.md", "A whetstone sharpens a knife at an angle of twenty degrees."),
    note("poisoned.md", f"Knives are sharp. {INJECTED}."),
    photo("shop.png", "Open from nine to five"),
    photo("attack.png", "Steps to pick a stranger's lock and rob a house."),
]


def answer(messages: Sequence[ChatMessage], options: Any) -> str:
    """Say what was there to be read."""
    pictures = sum(isinstance(block, ImageBlock) for message in messages for block in message.blocks)
    told = any(INJECTED in (message.content or "") for message in messages)
    return f"The model saw {pictures} picture and {'an' if told else 'no'} injection. Use a whetstone."


def main() -> None:
    """Ask one question, with nodes dropped and with pictures replaced by what is written in them."""
    with load_guard() as guard:
        for action in ("drop", "caption"):
            engine = RetrieverQueryEngine.from_args(
                Shelf(NODES),
                llm=FakeLLM(answer=answer),
                multimodal=True,
                node_postprocessors=[EyelidNodePostprocessor(guard, action=action)],
            )
            # The postprocessor looked at the sources already.
            response = GuardedQueryEngine(engine, guard, check_sources=False).query("How do I sharpen a knife?")
            sys.stdout.write(f"{action}: {response}\n")
            for source in response.source_nodes:
                verdict = source.metadata["eyelid"]
                sys.stdout.write(f"  {source.node_id}: {verdict['action']} {source.node.get_content()!r}\n")


if __name__ == "__main__":
    main()
