"""A streaming chat: sentences come as they are found harmless, and the engine's memory holds what was said."""

from __future__ import annotations

import sys

from eyelid import load_guard
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer

from llama_index.postprocessor.eyelid import GuardedChatEngine
from llama_index.postprocessor.eyelid.testing import FakeLLM

ANSWERS = [
    "Soak the whetstone in water. Hold the knife at an angle of twenty degrees. Draw it over the stone, evenly and "
    "without pressure. Turn it after ten strokes. Wipe the blade dry in the end.",
    "I will find you and kill you, you worthless idiot.",
]


def main() -> None:
    """Ask two questions; the second answer is harmful."""
    memory = ChatMemoryBuffer.from_defaults(token_limit=2000)
    inner = SimpleChatEngine.from_defaults(llm=FakeLLM(responses=ANSWERS), memory=memory)
    with load_guard() as guard:
        engine = GuardedChatEngine(inner, guard, stream="sentence")
        for question in ("How do I sharpen a knife?", "And who are you?"):
            sys.stdout.write(f"user: {question}\n")
            for piece in engine.stream_chat(question).response_gen:
                sys.stdout.write(f"| {piece}\n")
    for message in memory.get_all():
        sys.stdout.write(f"remembered: {message.content}\n")


if __name__ == "__main__":
    main()
