"""Which part of a growing text may be released, and when. Knows neither threads nor event loops.

Every decision depends on the text so far at fixed positions, never on how it was cut into chunks.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from eyelid.errors import InputError
from eyelid.guard._case import Case
from eyelid.guard._effects import Asking, Effect
from eyelid.guard._flow import flow, rule
from eyelid.guard._inspect import inspect
from eyelid.text import split_sentences
from eyelid.types import Action, Coverage, Failure, Outcome, Scores, Status, Step, Strategy, Verdict

Mode: TypeAlias = Literal["sentence", "buffer"]
MODES: Final = ("sentence", "buffer")

#: How often a sentence's end is looked for beyond a look that was due, in characters.
STRIDE = 32


@dataclass(frozen=True, slots=True)
class Pace:
    """When a growing text is looked at.

    Args:
        first: characters that must be there before the first look. Each later part is to be twice as long as the
            one before, so that the first words come soon and a long text costs few looks,
        last: up to this size.
        context: characters before a part that are scored with it, so that harm which spans sentences is seen whole;
            `None` for all.
    """

    first: int
    last: int
    context: int | None


#: For detectors that read a text anew at each look.
GEOMETRIC = Pace(first=120, last=960, context=640)
#: For detectors that keep what they have read: about 16 tokens at a time, from the beginning.
INCREMENTAL = Pace(first=64, last=64, context=None)


END: Final = object()


@dataclass(frozen=True, slots=True)
class Pull:
    """Asks for the next chunk; answered with it, or with `END`, which no source can give."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Hands text to whoever iterates the stream."""

    text: str = field(repr=False)


Want: TypeAlias = Pull | Emit | tuple[Effect, ...]
Steps: TypeAlias = Generator[Want, Any, Outcome]


class Release:
    """One stream under way.

    Args:
        case: what comes with the text; its own text is still empty.
        mode: "buffer" releases nothing before the end.
        pace: when it is looked at.
    """

    def __init__(self, case: Case, mode: Mode, pace: Pace = GEOMETRIC) -> None:
        self.case = case
        self._pace = pace
        self._holds = mode == "buffer" or bool(case.exchange.images or case.exchange.uninspectable)
        self._chunks: list[str] = []
        self._length = 0
        self._released = 0
        self._delivered: list[str] = []
        self._trace: list[Step] = []

    def steps(self) -> Steps:
        """Pull, look, emit; the outcome in the end."""
        size = looked_for = self._pace.first
        more = True
        while more:
            more = yield from self._take()
            while not self._holds and min(self._length, self.case.policy.max_characters) >= looked_for:
                end = self._sentence_end(looked_for)
                if end == self._released:
                    looked_for += STRIDE
                    continue
                yield from self._try_to_release(end)
                size = min(2 * size, self._pace.last)
                looked_for = end + size
        return (yield from self._finish())

    def aborted(self, code: str, detail: str = "") -> Outcome:
        """The outcome of a stream that did not come to its end: a failed look at what was not released."""
        coverage = Coverage(self._released, max(self._length, self._released + 1), total_blocks=1)
        return Outcome(
            text="".join(self._delivered),
            verdict=Verdict(Action.BLOCK, reason="the stream did not come to its end"),
            scores=Scores(),
            status=Status.FAILED,
            coverage=coverage,
            failures=(Failure("stream", code, detail),),
            trace=tuple(self._trace),
        )

    def _take(self) -> Generator[Want, Any, bool]:
        """Whether there is more: false at the end, and once the text is longer than is ever looked at."""
        chunk = yield Pull()
        if chunk is END:
            return False
        if not isinstance(chunk, str):
            raise InputError(f"a stream takes strings, not {type(chunk).__name__}")
        self._chunks.append(chunk)
        self._length += len(chunk)
        return self._length <= self.case.policy.max_characters

    def _text(self) -> str:
        self._chunks = ["".join(self._chunks)]
        return self._chunks[0]

    def _sentence_end(self, position: int) -> int:
        """Where the last sentence begins that is under way at `position`; all before it can be released."""
        under_way = self._text()[self._released : position]
        return self._released + split_sentences(under_way)[-1][0]

    def _try_to_release(self, end: int) -> Generator[Want, Any, None]:
        """Release up to `end` if a look at it, with some of what came before, allows that."""
        text = self._text()
        window = replace(self.case.of_text(text[self._context_start(text) : end]), asking=Asking())
        findings = yield from inspect(window)
        self._trace += window.asking.trace
        if rule(window, findings).action is Action.ALLOW:
            yield from self._emit(text[self._released : end])
            self._released = end
        else:
            self._holds = True

    def _context_start(self, text: str) -> int:
        if self._pace.context is None:
            return 0
        start = self._released - self._pace.context
        return text.find(" ", start, self._released) + 1 if start > 0 else 0

    def _emit(self, text: str) -> Generator[Want, Any, None]:
        if text:
            self._delivered.append(text)
            yield Emit(text)

    def _finish(self) -> Steps:
        """Check the whole text, and deliver what is left of whatever may be passed on."""
        text = self._text()
        case = self.case.of_text(text, alone=False)
        outcome = yield from flow(case)
        yield from self._emit(self._rest(case, text[: self._released], outcome))
        return replace(outcome, text="".join(self._delivered), trace=(*self._trace, *outcome.trace))

    def _rest(self, case: Case, released: str, outcome: Outcome) -> str:
        if outcome.verdict.action is not Action.BLOCK and outcome.text.startswith(released):
            return outcome.text[len(released) :]
        if case.rules.strategy is Strategy.RAISE:
            return ""
        notice = case.policy.refusal(case.exchange.surface, outcome.verdict.category or "failed")
        return f"\n\n{notice}" if released else notice
