"""The scaffold in which ReAct agents have a model speak: "Thought: ... Action: ..." or "Thought: ... Answer: ...".

A rewrite of the whole could leave something that no parser takes, so only what comes after "Answer:" is rewritten.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

from llama_index.postprocessor.eyelid._values import leaves

_THOUGHT: Final = re.compile(r"\s*(?:Thought|Action|Answer)\s*:")
_ACTION: Final = re.compile(r"(?:^|\n)\s*Action\s*:")
_INPUT: Final = re.compile(r"Action Input\s*:.*?(\{.*\})", re.DOTALL)
_ANSWER: Final = "Answer:"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A text in that form.

    Args:
        head: everything up to the answer, "Answer:" included; all of it where there is no answer.
        answer: what comes after.
        arguments: what a tool is asked, where there is an action.
    """

    head: str = field(repr=False)
    answer: str = field(default="", repr=False)
    arguments: tuple[str, ...] = field(default=(), repr=False)

    def answered(self, answer: str) -> str:
        """The text with another answer."""
        return f"{self.head} {answer}"

    def refused(self, refusal: str) -> str:
        """A refusal that the parser takes for a final answer."""
        return f"Thought: I cannot go on with this.\nAnswer: {refusal}"


def scaffold(text: str) -> Scaffold | None:
    """The scaffold of a text, None where it has none."""
    action = _ACTION.search(text)
    asked = _INPUT.search(text)
    if action is not None and asked is not None:
        return Scaffold(text, arguments=(asked.group(1), *_strings(asked.group(1))))
    if not _THOUGHT.match(text):
        return None
    head, mark, answer = text.partition(_ANSWER)
    return Scaffold(head + mark, answer.strip()) if mark else Scaffold(text)


def may_be_scaffold(opening: str) -> bool:
    """Whether a text that begins so may still turn out to be one."""
    begun = opening.lstrip()
    return any(word.startswith(begun) or begun.startswith(word) for word in ("Thought", "Action", "Answer"))


def _strings(arguments: str) -> list[str]:
    try:
        return list(leaves(json.loads(arguments), 256))
    except ValueError:
        return []
