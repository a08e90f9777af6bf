"""ECSO around a model: answer, self-judge, caption, answer again with closed eyes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from types import TracebackType

from eyelid.ecso import EcsoRules
from eyelid.engine import Workers
from eyelid.errors import InputError
from eyelid.guard._drivers import arun, run, together
from eyelid.guard._effects import Answer, Asking, Effect, Flow
from eyelid.guard._eyes import Eyes, asked
from eyelid.guard._flow import flow
from eyelid.guard._guard import Guard
from eyelid.guard._roles import Roles
from eyelid.policy import Deadlines, Policy
from eyelid.protocols import AskRequest, Host
from eyelid.types import Exchange, Failure, HostCall, Image, Outcome, Reasked, Strategy, Surface


@dataclass(frozen=True, slots=True)
class ClosedAnswer:
    """What a model answered, and how it came to it.

    Args:
        text: what to pass on: the first answer where it is safe, the one with closed eyes where not, or a refusal.
        direct: the first answer; "" where there is none.
        calls: each time the model was asked: 2 where the first answer is safe, 4 where not, 1 without images.
        reasked: how the model judged its answer and what it said instead; `None` without images.
        outcome: of the guard, where there is one.
        failures: what the model could not be asked, or what could not be looked at.
    """

    text: str = field(repr=False)
    direct: str = field(default="", repr=False)
    calls: tuple[HostCall, ...] = ()
    reasked: Reasked | None = None
    outcome: Outcome | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def replaced(self) -> bool:
        """Whether the first answer is not the one to pass on."""
        return self.text != self.direct


class EyesClosed:
    """A model that answers with closed eyes where what it says of an image is unsafe.

    ECSO (Gou et al., "Eyes Closed, Safety On", ECCV 2024, arXiv 2403.09572): the model answers; judges its own answer;
    if that is unsafe, describes the image for the request; and answers again from the description alone, where the
    alignment of the language model it was made from holds. Nothing is trained.

    By itself it depends on the model's own judgement, and a request without images is answered as it is. With a
    guard the model's verdict and the detectors' are joined, the higher one counting, requests without images are looked
    at as well, and the second answer is scored before it leaves.

        closed = EyesClosed(TransformersHost(Path("llava-1.5-7b")), guard=eyelid.load_guard())
        print(closed.answer("What does the sign tell me to do?", [image]).text)

    It may be shared by threads and event loops; `close` it to let its threads go.

    Args:
        host: the model.
        guard: looks at answers; its policy's thresholds and refusals hold.
        rules: how it is done; those of the guard's policy, or else the default ones, if left out.
        workers: threads, where there is no guard.
        ask_seconds: how long an answer may take, where there is no guard.

    Raises:
        PolicyError: `ask_seconds` is no number of seconds.
    """

    def __init__(
        self,
        host: Host,
        *,
        guard: Guard | None = None,
        rules: EcsoRules | None = None,
        workers: int = 4,
        ask_seconds: float = 120.0,
    ) -> None:
        self.host = host
        self._guard = None
        if guard is not None:
            policy = guard.policy if rules is None else replace(guard.policy, ecso=rules)
            self._guard = guard.under(policy.adjust(Surface.OUTPUT, strategy=Strategy.REASK), host=host)
        self._policy = self._guard.policy if self._guard else Policy.preset()
        self.rules = rules or self._policy.ecso
        self._workers = None if self._guard else Workers(workers)
        deadlines = Deadlines(ask_seconds, ask_seconds, ask_seconds, ask_seconds)
        self._roles = Roles({}, deadlines=deadlines, host=host)

    def answer(self, prompt: str | AskRequest, images: Sequence[Image] = ()) -> ClosedAnswer:
        """The answer to a request.

        Args:
            prompt: the request; or all of it as an `AskRequest`, with the model's settings for the first answer.
            images: what comes with it; an `AskRequest` holds its own.

        Returns:
            What may be passed on. What fails is never an exception: the text is then a refusal.

        Raises:
            InputError: there are images beside an `AskRequest`.
        """
        return run(self._flow(_request(prompt, images)), self._submit)

    async def aanswer(self, prompt: str | AskRequest, images: Sequence[Image] = ()) -> ClosedAnswer:
        """As `answer`, without ever blocking the event loop."""
        return await arun(self._flow(_request(prompt, images)), self._submit)

    def answer_many(self, requests: Iterable[AskRequest]) -> list[ClosedAnswer]:
        """Answers to many requests, in order; what they ask at the same time becomes one call of the host."""
        return run(together(self._flow(request) for request in requests), self._submit)

    async def aanswer_many(self, requests: Iterable[AskRequest]) -> list[ClosedAnswer]:
        """As `answer_many`, without ever blocking the event loop."""
        return await arun(together(self._flow(request) for request in requests), self._submit)

    def close(self) -> None:
        """Let its threads end; a guard that it was given stays as it is."""
        if self._workers is not None:
            self._workers.close()

    def __enter__(self) -> EyesClosed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _flow(self, request: AskRequest) -> Flow[ClosedAnswer]:
        asking = Asking()
        reply, call = yield from asked(asking, "answer", request)
        if isinstance(reply, Failure):
            return ClosedAnswer(self._refusal("failed"), calls=(call,), failures=(reply,))
        closing = self._alone if self._guard is None else self._guarded
        closed = yield from closing(request, reply.text, asking)
        return replace(closed, direct=reply.text, calls=(call, *(closed.reasked.steps if closed.reasked else ())))

    def _guarded(self, request: AskRequest, answer: str, asking: Asking) -> Flow[ClosedAnswer]:
        assert self._guard is not None
        exchange = Exchange(request.prompt, answer, request.images, surface=Surface.OUTPUT)
        outcome = yield from flow(self._guard._case(exchange))
        return ClosedAnswer(outcome.text, reasked=outcome.reasked, outcome=outcome, failures=outcome.failures)

    def _alone(self, request: AskRequest, answer: str, asking: Asking) -> Flow[ClosedAnswer]:
        if not request.images:
            return ClosedAnswer(answer)
        eyes = Eyes(self.rules, request.prompt, request.images, asking)
        judged = yield from eyes.judged(answer)
        if isinstance(judged, Failure):
            return ClosedAnswer(self._refusal("failed"), failures=(judged,))
        if not judged.unsafe:
            return ClosedAnswer(answer, reasked=judged)
        if self.rules.on_unsafe == "refuse":
            return ClosedAnswer(self._refusal("default"), reasked=judged)
        reasked = yield from eyes.closed(judged)
        text = reasked.answer if reasked.answer.strip() else self._refusal("failed")
        return ClosedAnswer(text, reasked=reasked, failures=tuple(asking.failures))

    def _refusal(self, category: str) -> str:
        return self._policy.refusal(Surface.OUTPUT, category)

    def _submit(self, effect: Effect) -> Future[Answer]:
        if self._guard is not None:
            return self._guard._submit(effect)
        assert self._workers is not None
        context = copy_context()
        return self._workers.submit(
            lambda: context.run(self._roles.perform, effect),
            seconds=self._roles.seconds(effect),
            late=lambda: self._roles.late(effect),
        )


def _request(prompt: str | AskRequest, images: Sequence[Image]) -> AskRequest:
    if not isinstance(prompt, AskRequest):
        return AskRequest(prompt, tuple(images))
    if images:
        raise InputError("an AskRequest holds its own images; give them there and not beside it")
    return prompt
