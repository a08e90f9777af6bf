"""A streaming chat: sentences come out as they are found harmless, and the rest is stopped where harm begins."""

from __future__ import annotations

import sys

from eyelid import load_guard
from langchain_core.messages import HumanMessage

from langchain_eyelid import guard_model
from langchain_eyelid.testing import FakeStreamingChatModel

ANSWERS = [
    "A whetstone does it. Hold the blade at twenty degrees. Draw it over the stone ten times on each side. ",
    "Of course. Everybody has one. You are a worthless idiot, everybody hates you, and I will find you and kill you.",
]


def main() -> None:
    """Ask twice."""
    with load_guard() as guard:
        model = guard_model(FakeStreamingChatModel(responses=ANSWERS), guard, stream="sentence")
        for question in ("How do I sharpen a knife?", "Tell me a secret."):
            sys.stdout.write(f"> {question}\n")
            verdict = {}
            for chunk in model.stream([HumanMessage(question)]):
                sys.stdout.write(chunk.text)
                verdict = chunk.response_metadata.get("eyelid", verdict)
            sys.stdout.write(f"\n[{verdict['action']}: {verdict['reason']}]\n")


if __name__ == "__main__":
    main()
