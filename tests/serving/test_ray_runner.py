"""A call to a replica that dies, drags or answers nonsense; Ray itself is left out."""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import pytest

from eyelid import Failure, Guard
from eyelid.errors import ConfigurationError, DeadlineError, EngineError, OverloadedError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.serving import RayDetector, RayRunner
from eyelid.types import Scores

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra 'ray' is not installed"),
    pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`:DeprecationWarning"),  # of Ray's own
]

TEXTS = [ScoreRequest("one"), ScoreRequest("two")]


class Handle:
    """Answers calls in turn: raises what is an error, else scores; the last goes on for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[int] = []
        self.cancelled = 0
        self.score = self

    def remote(self, batch: list[ScoreRequest], seconds: float) -> "Handle":
        self.calls.append(len(batch))
        self.batch = batch
        return self

    def result(self, timeout_s: float) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return [Assessment(Scores({}), covered=len(each.text)) for each in self.batch][:answer]

    def cancel(self) -> None:
        self.cancelled += 1


class Wired(RayRunner):
    def __init__(self, handle: Handle, **options: Any) -> None:
        super().__init__(**options)
        self._handle = handle


def died() -> Exception:
    from ray.exceptions import ActorDiedError

    return ActorDiedError()


def full() -> Exception:
    from ray.serve.exceptions import BackPressureError

    return BackPressureError(num_queued_requests=1, max_queued_requests=1)


def test_a_dead_replica_is_called_again() -> None:
    handle = Handle(died(), died(), None)
    assert all(isinstance(found, Assessment) for found in Wired(handle).run(TEXTS))
    assert handle.calls == [2, 2, 2]


def test_but_not_for_ever() -> None:
    handle = Handle(died())
    first, second = Wired(handle, retries=1).run(TEXTS)
    assert isinstance(first, EngineError)
    assert first is second
    assert len(handle.calls) == 2
    handle = Handle(died())
    started = time.monotonic()
    assert isinstance(Wired(handle, retries=1000, seconds=0.3).run(TEXTS)[0], DeadlineError)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("make", "kind"), [(TimeoutError, DeadlineError), (full, OverloadedError), (lambda: None, EngineError)]
)
def test_what_goes_wrong_is_never_a_result(make: Callable[[], Any], kind: type[EngineError]) -> None:
    handle = Handle(make() or 1)
    found = Wired(handle).run(TEXTS)
    assert [type(each) for each in found] == [kind, kind]
    assert len(handle.calls) == 1
    assert handle.cancelled == (kind is DeadlineError)


def test_a_failed_call_is_made_once_for_the_whole_batch_and_stops_the_texts() -> None:
    handle = Handle(TimeoutError())
    detector = RayDetector(Wired(handle))
    found = detector.score(TEXTS)
    assert [(each.code, each.source) for each in found if isinstance(each, Failure)] == [("timeout", "ray")] * 2
    assert handle.calls == [2]
    with Guard([detector]) as guard:
        outcome = guard.check(response="water")
    assert outcome.verdict.action == "block"
    detector.close()


def test_nobody_is_called_after_the_end() -> None:
    detector = RayDetector(Wired(Handle(None)))
    detector.close()
    (found,) = detector.score(TEXTS[:1])
    assert isinstance(found, Failure)
    assert found.code == "engine"


@pytest.mark.parametrize("wrong", [{"seconds": 0.0}, {"retries": -1}, {"budget": 0}])
def test_limits_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RayRunner(**wrong)
