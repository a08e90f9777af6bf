"""What the adapter itself costs a call: the same chain with a guard and without, around a detector that costs nothing.

    python benchmarks/overhead.py [calls]

The guard's own flow on a fake detector is measured apart and taken off, so that what is left is LangChain's side. It
is the processor time of the calling thread, on which all of the adapter runs, so that a busy machine measures the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import thread_time
from typing import Any

from eyelid import Guard
from eyelid.testing import FakeDetector
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_eyelid import EyelidDocumentFilter, EyelidGuard, EyelidOutputParser, guard_model
from langchain_eyelid.testing import FakeStreamingChatModel

ANSWER = "A whetstone at twenty degrees does it."


def seconds(call: Callable[[], Any], calls: int) -> float:
    """Median seconds of a call."""
    for _ in range(20):
        call()
    found = []
    for _ in range(calls):
        before = thread_time()
        call()
        found.append(thread_time() - before)
    return median(found)


def measure(calls: int) -> dict[str, float]:
    """Entry point → milliseconds that the adapter adds to a call, at the median."""
    model = FakeStreamingChatModel(responses=[ANSWER], chunk_size=400)
    message, documents, same = AIMessage(ANSWER), [Document(ANSWER)], RunnableLambda(lambda value: value)
    with Guard([FakeDetector({"ZQXBAD": 0.9})]) as guard:
        flow = seconds(lambda: guard.check(response=ANSWER), calls)
        guarded, parser, step = guard_model(model, guard), EyelidOutputParser(guard), EyelidGuard(guard)
        keep = EyelidDocumentFilter(guard)
        pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "guard_model": (lambda: guarded.invoke("?"), lambda: model.invoke("?")),
            "EyelidOutputParser": (lambda: parser.invoke(message), lambda: same.invoke(message)),
            "EyelidGuard": (lambda: step.invoke(message), lambda: same.invoke(message)),
            "EyelidDocumentFilter": (lambda: keep.invoke(documents), lambda: same.invoke(documents)),
        }
        return {name: (seconds(on, calls) - seconds(off, calls) - flow) * 1000 for name, (on, off) in pairs.items()}


if __name__ == "__main__":
    for name, milliseconds in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 300).items():
        sys.stdout.write(f"{name:22} {milliseconds:6.3f} ms a call\n")
