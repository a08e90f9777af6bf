"""ECSO by itself: the model judges its own answer, with nobody else to look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eyelid.ecso import EcsoRules
from eyelid.evaluation.asking import ASK_SECONDS
from eyelid.evaluation.runs._defense import Defended, Turn
from eyelid.evaluation.runs._identity import digest_of
from eyelid.guard import ClosedAnswer, EyesClosed
from eyelid.protocols import AskRequest, Host, Reply
from eyelid.types import Failure


class ClosedEyes:
    """Steps 2 to 4 of ECSO (arXiv 2403.09572) on answers that were given before, without any detector.

    A request without images is answered as it is: there is nothing to close the eyes to.

    Args:
        host: the model that gave the answers.
        rules: wording and switches; `EcsoRules.preset("release")` for what the authors' code does.
        seconds: for each answer.
    """

    name = "ecso"
    looks_at_labelled = False

    def __init__(self, host: Host, *, rules: EcsoRules | None = None, seconds: float = ASK_SECONDS) -> None:
        self._given = _GivenFirst(host)
        self._closed = EyesClosed(self._given, rules=rules, ask_seconds=seconds)
        self.guard = f"ecso@{digest_of(self._closed.rules)}"

    def apply(self, turns: Sequence[Turn], /) -> list[Defended]:
        """What the model says with its eyes closed, where it takes its answer for unsafe."""
        requests = [AskRequest(turn.sample.prompt, turn.images) for turn in turns]
        with self._given.answers(dict(zip(map(id, requests), (turn.direct for turn in turns), strict=True))):
            return [_defended(answer) for answer in self._closed.answer_many(requests)]


def _defended(answer: ClosedAnswer) -> Defended:
    reasked = answer.reasked
    failed = bool(answer.failures)
    unsafe = reasked is not None and reasked.unsafe
    again = reasked is not None and bool(reasked.answer.strip()) and answer.text == reasked.answer
    passed = not answer.replaced and not unsafe and not failed
    return Defended(
        text=answer.text,
        action="allow" if passed else "rewrite" if again else "block",
        status="failed" if failed else "flagged" if unsafe else "clean",
        scores={} if reasked is None else {"harm": round(reasked.risk, 6)},
        unsafe="" if reasked is None else "Yes" if unsafe else "No",
        caption="" if reasked is None else reasked.caption,
        calls=answer.calls[1:],
        failures=tuple(f"{failure.stage}:{failure.code}" for failure in answer.failures),
    )


class _GivenFirst:
    """A host whose first answers are known: for these very requests they are given, all others reach the model."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[int, str] = {}

    @property
    def name(self) -> str:
        return self._host.name

    @contextmanager
    def answers(self, known: dict[int, str]) -> Iterator[None]:
        """While it lasts these requests, by identity, have these answers. Several may last at a time."""
        self._known.update(known)
        try:
            yield
        finally:
            for key in known:
                del self._known[key]

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The known answers, and the model's to the rest."""
        left = [request for request in batch if id(request) not in self._known]
        asked = iter(self._host.ask(left) if left else ())
        return [Reply(self._known[id(request)]) if id(request) in self._known else next(asked) for request in batch]
