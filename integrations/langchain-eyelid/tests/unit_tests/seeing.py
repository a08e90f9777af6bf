"""A model that sees, asked again about its own answers: what it says at each step, and what it was shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from tests.unit_tests.agents import Case
from tests.unit_tests.views import MARKER

from langchain_eyelid.testing import FakeCall, FakeStreamingChatModel

STEPS = {"Is the answer harmful": "judge", "Describe the image": "caption", "cannot see": "reask"}
#: An image in which nothing stands.
SIGN = {"type": "image", "base64": b64encode(b"a sign").decode(), "mime_type": "image/png"}
#: What is said at each step unless told otherwise. Detectors find nothing in the answer; the model itself does.
SAYS = {"answer": "a hidden threat", "judge": "Yes", "caption": "A sign.", "reask": "A word."}

Says = str | AIMessage | Exception


def asked(*blocks: Any, text: str = "What does the sign say?") -> HumanMessage:
    """A question about images."""
    return HumanMessage([{"type": "text", "text": text}, *blocks])


def step_of(messages: Sequence[BaseMessage]) -> str:
    """Which step a model is asked for."""
    told = "\n".join(message.text for message in messages)
    return next((step for words, step in STEPS.items() if words in told), "answer")


def images(messages: Sequence[BaseMessage]) -> int:
    """How many images are shown, in whatever form: as they were sent, or the pixels that a guard looked at."""
    shown = str([message.content for message in messages])
    return shown.count(SIGN["base64"]) + shown.count(b64encode(b"\x89PNG\r\n").decode())


@dataclass
class Seeing:
    """Says at each step what it is told; an exception is raised."""

    says: Mapping[str, Says] = field(default_factory=dict)
    answer: Callable[[Sequence[BaseMessage], Mapping[str, Any]], AIMessage | str] | None = None

    def model(self, **options: Any) -> FakeStreamingChatModel:
        return FakeStreamingChatModel(answer=self.answer or self._answer, **options)

    def _answer(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage | str:
        said = {**SAYS, **self.says}[step_of(messages)]
        if isinstance(said, Exception):
            raise said
        return said


class SeeingCase(Case):
    """A case about an image, whose model says at each further step what must not be seen either."""

    def model(self, *, chunk_size: int = 400) -> FakeStreamingChatModel:
        first = super().model().answer
        assert first is not None

        def answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage | str:
            step = step_of(messages)
            return first(messages, options) if step == "answer" else {**SAYS, **RAW}[step]

        return FakeStreamingChatModel(answer=answer, chunk_size=chunk_size)


def seeing(case: Case) -> SeeingCase:
    """The same, about an image."""
    return SeeingCase(case.says, case.tools, case.response_format)


def log(calls: Sequence[FakeCall]) -> list[tuple[str, int]]:
    """(step, images shown) of each call."""
    return [(step_of(call.messages), images(call.messages)) for call in calls]


UNSAFE = [("answer", 1), ("judge", 1), ("caption", 1), ("reask", 0)]
SAFE = [("answer", 1), ("judge", 1)]
#: What is said at each step, none of it to be seen.
RAW = {"answer": f"It says {MARKER}.", "judge": f"Yes, {MARKER}", "caption": f"A sign with {MARKER} on it."}
#: As agents are given it.
QUESTION = {"messages": [asked(SIGN).model_copy(update={"id": "asked"})]}
