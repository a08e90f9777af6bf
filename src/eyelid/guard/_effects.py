"""What a flow may ask of the world, and the answers it gets back.

A flow is a generator: it yields the effects it needs next, is sent one `Answer` for each, and returns its
result. It knows neither threads nor event loops, and no answer is ever an exception: what could not be done
is a `Failure` in the place of the result.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from eyelid.types import Failure, Step

T = TypeVar("T")


class Stage(StrEnum):
    """A kind of work. The value is the `stage` of its failures and the name of its steps."""

    TEXT = "text"  #: str → text.Views
    DECODE = "decode"  #: Image → DecodedImage
    READ = "read"  #: ReadRequest → Reading
    SCORE = "score"  #: ScoreRequest → Assessment
    REWRITE = "rewrite"  #: RewriteRequest → str
    ENCODE = "encode"  #: Frame → PNG bytes
    ASK = "ask"  #: AskRequest → Reply


@dataclass(frozen=True, slots=True)
class Effect:
    """Work for one role: `items` are to be answered one by one, in order.

    Args:
        stage: what is to be done.
        items: what it is to be done to.
        role: which detector, where there are several; "" elsewhere.
        note: what the trace says of it beside the role.
    """

    stage: Stage
    items: tuple[Any, ...] = field(repr=False)
    role: str = ""
    note: str = ""

    def failure(self, code: str, detail: str) -> Failure:
        """What answers an item that could not be done."""
        return Failure(self.stage.value, code, detail, self.role)


@dataclass(frozen=True, slots=True)
class Answer:
    """One result or `Failure` for each item of an effect, and the seconds its call took."""

    results: tuple[Any, ...] = field(repr=False)
    seconds: float = 0.0


Flow: TypeAlias = Generator[tuple[Effect, ...], Sequence[Answer], T]


class Asking:
    """Asks on behalf of one flow, and keeps the trace and the failures of what it asked."""

    def __init__(self) -> None:
        self.trace: list[Step] = []
        self.failures: list[Failure] = []

    def ask(self, *effects: Effect) -> Flow[list[tuple[Any, ...]]]:
        """The results of each effect; effects without items cost nothing."""
        needed = tuple(effect for effect in effects if effect.items)
        answers = iter((yield needed) if needed else ())
        results = [self._note(effect, next(answers)) if effect.items else () for effect in effects]
        return results

    def _note(self, effect: Effect, answer: Answer) -> tuple[Any, ...]:
        detail = effect.note or effect.role
        self.trace.append(Step(effect.stage.value, len(effect.items), answer.seconds, detail))
        self.failures += [result for result in answer.results if isinstance(result, Failure)]
        return answer.results
