"""The guard: composes detectors, readers and a detoxifier under one policy."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from copy import copy
from types import TracebackType
from typing import Final

from eyelid.engine import Workers, claim
from eyelid.errors import ConfigurationError, InputError, PolicyError
from eyelid.guard._case import Case
from eyelid.guard._direct import rewritten, scored
from eyelid.guard._drivers import arun, run, together
from eyelid.guard._effects import Answer, Effect
from eyelid.guard._flow import flow, settle
from eyelid.guard._release import GEOMETRIC, INCREMENTAL, MODES, Mode, Release
from eyelid.guard._roles import Roles
from eyelid.guard._stream import AsyncGuardedStream, GuardedStream
from eyelid.policy import Policy, known
from eyelid.protocols import (
    Assessment,
    Detector,
    Detoxifier,
    Host,
    ImageDecoder,
    ImageReader,
    RewriteRequest,
    ScoreRequest,
)
from eyelid.types import Exchange, Failure, Image, Outcome, Strategy, Surface


class _NoResponse(str):
    """A response that was not given, as against an empty one."""

    __slots__ = ()


NO_RESPONSE: Final = _NoResponse()


class Guard:
    """Looks at what is about to be passed on, and says what may be.

    A guard may be shared by threads and event loops. It keeps a few daemon threads; `close` it, or use it as
    a context manager, to let them go.

    Args:
        detectors: find harm or injection; their names must differ.
        policy: thresholds and strategies; the preset "balanced" if left out.
        detoxifier: rewrites flagged text; without one the strategy "rewrite" refuses.
        decoder: encoded images → pixels.
        reader: pixels → text. Without decoder and reader every image is a failed look.
        host: the model whose answers are looked at; the strategy "reask" asks it again.
        workers: threads on which the roles run.

    Raises:
        ConfigurationError: no detector, or two of the same name.
        PolicyError: the policy names a detector that is not there, or wants to ask again and there is no host.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        policy: Policy | None = None,
        detoxifier: Detoxifier | None = None,
        decoder: ImageDecoder | None = None,
        reader: ImageReader | None = None,
        host: Host | None = None,
        workers: int = 4,
    ) -> None:
        by_name = {detector.name: detector for detector in detectors}
        if not by_name or len(by_name) < len(detectors):
            raise ConfigurationError(f"a guard needs detectors of different names, not {[d.name for d in detectors]}")
        if workers < 1:
            raise ConfigurationError(f"workers is {workers}; at least 1 is needed")
        self._by_name = by_name
        self._parts = {"decoder": decoder, "reader": reader, "detoxifier": detoxifier, "host": host}
        self._workers = Workers(workers)
        self._obey(policy or Policy.preset())

    def _obey(self, policy: Policy) -> None:
        asking = [name for name in Surface if policy.for_surface(name).strategy is Strategy.REASK]
        if asking and self._parts["host"] is None:
            raise PolicyError(
                f'the strategy of {asking[0]} is "reask", which asks the model again: '
                "give the guard a `host` (a command: --model)"
            )
        self.policy = policy
        self._detectors = {surface: self._on(surface, tuple(self._by_name)) for surface in Surface}
        self._paces = {
            surface: INCREMENTAL if all(getattr(self._by_name[n], "incremental", False) for n in names) else GEOMETRIC
            for surface, names in self._detectors.items()
        }
        self._roles = Roles(self._by_name, deadlines=policy.deadlines, **self._parts)  # type: ignore[arg-type]

    @property
    def host(self) -> Host | None:
        """The model whose answers are looked at, where it is known."""
        return self._parts["host"]  # type: ignore[return-value]

    def under(self, policy: Policy, *, host: Host | None = None) -> Guard:
        """The same guard under another policy. It shares detectors, models and threads; closing one closes both.

        Args:
            policy: the other rules.
            host: another model to ask again under "reask"; the same one if left out.

        Example:
            strict_on_tools = guard.under(guard.policy.adjust(Surface.TOOL_RESULT, strategy="block"))

        Raises:
            PolicyError: the policy names a detector that is not there, or wants to ask again and there is no host.
        """
        other = copy(self)
        other._parts = {**self._parts, "host": host or self._parts["host"]}
        other._obey(policy)
        return other

    def check(
        self,
        exchange: Exchange | None = None,
        *,
        prompt: str = "",
        response: str = NO_RESPONSE,
        images: Sequence[Image] = (),
        history: Sequence[str] = (),
        surface: Surface | str | None = None,
    ) -> Outcome:
        """Look at one exchange, given as such or by its parts.

        Args:
            exchange: what to look at; instead of all the others.
            prompt: the request. On the surface "input" it is what is looked at; elsewhere it is context.
            response: the answer, the tool's arguments or result, or the retrieved text; an empty one is one too.
            images: what came with it.
            history: earlier turns, oldest first.
            surface: where it stands; if left out, "output" where a response is given and "input" where not.

        Returns:
            What may be passed on, and why. A failure is never an exception but an outcome.

        Raises:
            InputError: the content is not of the right types, or the surface is unknown.
            HarmfulContentError: flagged under the strategy "raise".
            UninspectedError: a look failed under the strategy "raise".
        """
        case = self._case(_exchange(exchange, prompt, response, images, history, surface))
        return settle(case, run(flow(case), self._submit))

    async def acheck(
        self,
        exchange: Exchange | None = None,
        *,
        prompt: str = "",
        response: str = NO_RESPONSE,
        images: Sequence[Image] = (),
        history: Sequence[str] = (),
        surface: Surface | str | None = None,
    ) -> Outcome:
        """As `check`, without ever blocking the event loop."""
        case = self._case(_exchange(exchange, prompt, response, images, history, surface))
        return settle(case, await arun(flow(case), self._submit))

    def check_many(self, exchanges: Iterable[Exchange]) -> list[Outcome]:
        """Look at many exchanges; what they need of the same role becomes one call. Outcomes are in order.

        It does not raise under the strategy "raise", since that would lose the outcomes of the others: what
        was stopped holds a refusal as its text.
        """
        return run(together(flow(self._case(exchange)) for exchange in exchanges), self._submit)

    async def acheck_many(self, exchanges: Iterable[Exchange]) -> list[Outcome]:
        """As `check_many`, without ever blocking the event loop."""
        return await arun(together(flow(self._case(exchange)) for exchange in exchanges), self._submit)

    def stream(
        self,
        chunks: Iterable[str],
        *,
        prompt: str = "",
        images: Sequence[Image] = (),
        surface: Surface | str = Surface.OUTPUT,
        mode: Mode = "sentence",
    ) -> GuardedStream:
        """Look at a text while it comes; iterate the result for the pieces that may be passed on.

        Nothing is released that was not scored, and where pieces end depends on the text alone, not on how it
        was cut into chunks. In the end the whole text is checked as `check` does, so the outcome's verdict is
        the same. When a part is flagged no more is released; what follows in the end is the rest of the
        rewrite if it continues what was released, or else a refusal.

        Args:
            chunks: the text in pieces of any size.
            prompt: the request it answers.
            images: what came with it; with images nothing is released before the end.
            surface: where the text stands.
            mode: "sentence" to release sentences as they are found harmless, "buffer" to release nothing
                before the end.

        Raises:
            ConfigurationError: an unknown mode.
        """
        return GuardedStream(chunks, self._release(prompt, images, surface, mode), self._submit_soon)

    def astream(
        self,
        chunks: AsyncIterable[str] | Iterable[str],
        *,
        prompt: str = "",
        images: Sequence[Image] = (),
        surface: Surface | str = Surface.OUTPUT,
        mode: Mode = "sentence",
    ) -> AsyncGuardedStream:
        """As `stream`, for `async for`. A plain iterable is taken too; it is iterated on the event loop."""
        return AsyncGuardedStream(chunks, self._release(prompt, images, surface, mode), self._submit_soon)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Assessment | Failure]:
        """What the detectors find in texts as they stand, the worst of them counting; nothing is decided.

        For a guard elsewhere whose `RemoteDetector` asks: it has made the views, and it has the policy.
        """
        return run(scored(requests, self._detectors), self._submit)

    async def ascore(self, requests: Sequence[ScoreRequest]) -> list[Assessment | Failure]:
        """As `score`, without ever blocking the event loop."""
        return await arun(scored(requests, self._detectors), self._submit)

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[str | Failure]:
        """What the detoxifier makes of flagged texts. It is not scored again: whoever asks has to."""
        return run(rewritten(requests), self._submit)

    async def arewrite(self, requests: Sequence[RewriteRequest]) -> list[str | Failure]:
        """As `rewrite`, without ever blocking the event loop."""
        return await arun(rewritten(requests), self._submit)

    def close(self) -> None:
        """Let the worker threads end. The guard cannot be used afterwards."""
        self._workers.close()

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _on(self, surface: Surface, present: tuple[str, ...]) -> tuple[str, ...]:
        named = self.policy.for_surface(surface).detectors
        for name in named or ():
            known("detector", name, present)
        return present if named is None else named

    def _case(self, exchange: Exchange) -> Case:
        if not isinstance(exchange, Exchange):
            raise InputError(f"a guard looks at an Exchange, not at {type(exchange).__name__}")
        rewrites, asks = (self._parts[part] is not None for part in ("detoxifier", "host"))
        return Case(exchange, self.policy, self._detectors[exchange.surface], rewrites, asks)

    def _release(self, prompt: str, images: Sequence[Image], surface: Surface | str, mode: Mode) -> Release:
        known("mode", mode, MODES)
        case = self._case(_exchange(None, prompt, NO_RESPONSE, images, (), surface))
        return Release(case, mode, self._paces[case.exchange.surface])

    def _submit(self, effect: Effect) -> Future[Answer]:
        context = copy_context()  # whose work it is, and how soon it is needed
        return self._workers.submit(
            lambda: context.run(self._roles.perform, effect),
            seconds=self._roles.seconds(effect),
            late=lambda: self._roles.late(effect),
        )

    def _submit_soon(self, effect: Effect) -> Future[Answer]:
        with claim(urgent=True):
            return self._submit(effect)


def _exchange(
    exchange: Exchange | None,
    prompt: str,
    response: str,
    images: Sequence[Image],
    history: Sequence[str],
    surface: Surface | str | None,
) -> Exchange:
    if exchange is None:
        place = surface or (Surface.INPUT if response is NO_RESPONSE else Surface.OUTPUT)
        return Exchange(prompt, response, images, history, place)  # type: ignore[arg-type]  # it takes them over
    if prompt or response or images or history or surface:
        raise InputError("give an exchange or its parts, not both")
    return exchange
