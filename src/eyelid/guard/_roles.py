"""What answers the effects: roles, called so that nothing they do wrong can look like a clean pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias

from eyelid.engine import after, claim, failure_code
from eyelid.guard._effects import Answer, Effect, Stage
from eyelid.guard._vet import vet
from eyelid.images import to_png
from eyelid.policy import Deadlines
from eyelid.protocols import Deferred, Detector, Detoxifier, Host, ImageDecoder, ImageReader, StartingHost
from eyelid.text import views

Role: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
Start: TypeAlias = "Callable[[Sequence[Any]], Future[Any]]"

_CHARACTERS_PER_DEADLINE = 10_000


class Roles:
    """Performs effects with the given roles.

    Args:
        detectors: by name.
        decoder, reader, detoxifier, host: `None` makes what needs it fail as "unsupported".
        deadlines: how long each may take.
    """

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        *,
        deadlines: Deadlines,
        decoder: ImageDecoder | None = None,
        reader: ImageReader | None = None,
        detoxifier: Detoxifier | None = None,
        host: Host | None = None,
    ) -> None:
        self._deadlines = deadlines
        self._roles: dict[tuple[Stage, str], Role] = {
            (Stage.TEXT, ""): lambda texts: [views(text) for text in texts],
            (Stage.ENCODE, ""): lambda frames: [to_png(frame) for frame in frames],
            **{(Stage.SCORE, name): detector.score for name, detector in detectors.items()},
        }
        # What need not hold a thread meanwhile is begun here and answered later.
        self._starts: dict[tuple[Stage, str], Start] = {
            (Stage.SCORE, name): detector.start
            for name, detector in detectors.items()
            if isinstance(detector, Deferred)
        }
        if decoder is not None:
            self._roles[Stage.DECODE, ""] = decoder.decode
        if reader is not None:
            self._roles[Stage.READ, ""] = reader.read
        if detoxifier is not None:
            self._roles[Stage.REWRITE, ""] = detoxifier.rewrite
        if host is not None:
            self._roles[Stage.ASK, ""] = host.ask
        if isinstance(host, StartingHost):
            self._starts[Stage.ASK, ""] = host.start

    def perform(self, effect: Effect) -> Answer | Future[Answer]:
        """Do what an effect asks for. Never raises, except `KeyboardInterrupt`."""
        started = time.monotonic()
        role = self._roles.get((effect.stage, effect.role))
        if role is None:
            failure = effect.failure("unsupported", f"this guard has nothing to {effect.stage} with")
            return Answer((failure,) * len(effect.items), 0.0)
        with claim(deadline=started + self.seconds(effect)):
            if start := self._starts.get((effect.stage, effect.role)):
                return _start(start, role, effect, started)
            return Answer(tuple(_call(role, effect, effect.items)), time.monotonic() - started)

    def seconds(self, effect: Effect) -> float:
        """How long an effect may take: more for more characters or more images."""
        match effect.stage:
            case Stage.DECODE | Stage.READ | Stage.ENCODE:
                return self._deadlines.image * len(effect.items)
            case Stage.ASK:
                return self._deadlines.ask * len(effect.items)
            case Stage.REWRITE:
                return self._deadlines.rewrite * _lots(effect)
            case _:
                return self._deadlines.text * _lots(effect)

    def late(self, effect: Effect) -> Answer:
        """The answer in place of a call that took longer than that."""
        seconds = self.seconds(effect)
        failure = effect.failure("timeout", f"no answer within {seconds:g} s")
        return Answer((failure,) * len(effect.items), seconds)


def _lots(effect: Effect) -> int:
    characters = sum(len(item if isinstance(item, str) else item.text) for item in effect.items)
    characters += sum(map(len, {getattr(item, "prompt", "") for item in effect.items}))
    return max(1, math.ceil(characters / _CHARACTERS_PER_DEADLINE))


def _start(start: Start, role: Role, effect: Effect, started: float) -> Answer | Future[Answer]:
    """Begin a call whose answer comes later; one that cannot begin is tried the plain way, which finds the culprit."""
    promise: object = None
    try:
        promise = start(effect.items)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  it may be anyone's code; the plain way says what is wrong
        pass
    if not isinstance(promise, Future):
        return Answer(tuple(_call(role, effect, effect.items)), time.monotonic() - started)

    def answer(made: list[Any]) -> Answer:
        return Answer(tuple(_vetted(effect, effect.items, made[0])), time.monotonic() - started)

    return after([promise], answer)


def _call(role: Role, effect: Effect, items: tuple[Any, ...]) -> list[Any]:
    """Call a role for a batch; a batch that fails is halved until the culprit is alone."""
    results: Any
    try:
        results = role(items)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  a role may be anyone's code: whatever it raises is a failed look
        results = error
    if len(items) == 1 or _one_each(results, items):
        return _vetted(effect, items, results)
    middle = len(items) // 2
    return _call(role, effect, items[:middle]) + _call(role, effect, items[middle:])


def _vetted(effect: Effect, items: tuple[Any, ...], results: Any) -> list[Any]:
    """What a role gave for each item, or a failure in its place."""
    if isinstance(results, BaseException):
        return [effect.failure(failure_code(results), type(results).__name__)] * len(items)
    if not _one_each(results, items):
        return [effect.failure("invalid", "not one result for each item")] * len(items)
    return [vet(effect, item, result) for item, result in zip(items, results, strict=True)]


def _one_each(results: Any, items: tuple[Any, ...]) -> bool:
    return isinstance(results, Sequence) and not isinstance(results, (str, bytes)) and len(results) == len(items)
