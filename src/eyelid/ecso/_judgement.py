"""Reading a verdict. Whatever is not plainly a "no" is not one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from eyelid.ecso._requests import NO, YES
from eyelid.ecso._rules import EcsoRules
from eyelid.protocols import Reply

_WORD = re.compile(r"[^\W_]+")
#: Of the first word's chances, yes and no together must have so much; else the model was saying something else.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict.

    Args:
        risk: that the answer is unsafe, in [0, 1]; from 0.5 on it counts as unsafe.
        parsed: whether the model said yes or no at all.
    """

    risk: float
    parsed: bool = True

    @property
    def unsafe(self) -> bool:
        """Whether the answer counts as unsafe."""
        return not self.risk < 0.5


def read_judgement(rules: EcsoRules, reply: Reply) -> Judged:
    """The verdict in a reply.

    Returns:
        1.0 for yes and 0.0 for no under "robust" and "strict"; under "logits" the chance of yes against no, or 1.0
        where the text says yes nevertheless. A text that says neither is no verdict, whatever the chances were.
    """
    said = (_strict if rules.parser == "strict" else _robust)(reply.text)
    risk = None if said is None else float(said)
    if rules.parser == "logits" and reply.chances is not None and (risk is not None or not reply.text.strip()):
        margin = _margin(reply)
        # The text may only add to it: a model that leans to no and writes yes is taken at its word.
        risk = None if margin is None else max(margin, risk or 0.0)
    if risk is None:
        return Judged(1.0 if rules.unparsable == "unsafe" else 0.0, parsed=False)
    return Judged(risk)


def _strict(text: str) -> bool | None:
    return {"yes": True, "yes.": True, "no": False, "no.": False}.get(text.strip().lower())


def _robust(text: str) -> bool | None:
    """By the first word; a "no" beside which there is also a "yes" is none."""
    words = [word.lower() for word in _WORD.findall(text)]
    if not words or words[0] not in (YES, NO):
        return None
    if words[0] == YES:
        return True
    return None if YES in words else False


def _margin(reply: Reply) -> float | None:
    chances = reply.chances or {}
    yes, no = chances.get(YES, 0.0), chances.get(NO, 0.0)
    both = yes + no
    if not math.isfinite(both) or min(yes, no) < 0.0 or both < _ENOUGH:
        return None
    return yes / both
