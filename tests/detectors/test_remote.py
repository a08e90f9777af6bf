import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.remote.server import Answer, eyelid_server, serving

from eyelid.detectors import CachedDetector, RemoteDetector
from eyelid.engine import claim
from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.protocols import Assessment, Deferred, ScoreRequest
from eyelid.remote import Endpoint, ScoreCall
from eyelid.testing import FakeDetector, Fault, FaultyDetector, check_detector
from eyelid.types import Action, Exchange, Failure, Outcome, Status, Surface

CANARY = "canary-77aa"


def codes(found: Any) -> list[str]:
    return [each.code if isinstance(each, Failure) else "" for each in found]


def spoiled(spoil: Callable[[dict[str, Any]], object]) -> Callable[[Answer, int], None]:
    """An eyelid server whose reply is changed on its way; what the change returns, if anything, is sent instead."""
    honest = eyelid_server()

    def behave(answer: Answer, number: int) -> None:
        sent: list[bytes] = []
        send = answer.send
        answer.send = lambda status, body=b"": sent.append(body)  # type: ignore[method-assign,assignment,misc]
        honest(answer, number)
        reply = json.loads(sent[0])
        other = spoil(reply)
        send(200, json.dumps(reply if other is None else other).encode())

    return behave


def test_it_is_a_detector_like_any_other() -> None:
    with serving(eyelid_server()) as server, RemoteDetector(server.url).server as endpoint:
        detector = RemoteDetector(endpoint)
        assert isinstance(detector, Deferred)
        check_detector(detector, ["a bad text", "a good text"])


def test_it_finds_what_the_server_finds_and_a_batch_is_one_call() -> None:
    inner = FakeDetector({"bad": 0.9}, injection={"ignore": 0.7})
    batch = [
        ScoreRequest("a bad text", "a question", Surface.TOOL_RESULT, "hidden"),
        ScoreRequest("ignore this", source="image"),
        ScoreRequest("", surface=Surface.INPUT),
    ]
    with serving(eyelid_server(inner)) as server, Endpoint(server.url, token="t0ken") as endpoint:
        assert RemoteDetector(endpoint).score(batch) == FakeDetector({"bad": 0.9}, injection={"ignore": 0.7}).score(
            batch
        )
        assert inner.log.batches == [tuple(batch)]
        assert [request.path for request in server.requests] == ["/v1/score"]
        assert 0 < ScoreCall.model_validate_json(server.requests[0].body).seconds <= 10  # type: ignore[operator]


def test_a_large_batch_is_several_calls() -> None:
    with serving(eyelid_server()) as server, Endpoint(server.url) as endpoint:
        detector = RemoteDetector(endpoint, most=10, heaviest=5000)
        batch = [ScoreRequest(f"text {n}" + " bad" * (n % 3)) for n in range(45)] + [ScoreRequest("x" * 9000)]
        assert detector.score(batch) == FakeDetector({"bad": 0.9}).score(batch)
        sizes = sorted(len(body["items"]) for body in server.bodies)
        assert sizes == [1, 5, 10, 10, 10, 10]


def _broken(result: dict[str, Any]) -> Any:
    return result["assessment"]


BREAKS: dict[str, Callable[[list[Any]], object]] = {
    "short": lambda results: results.pop(),
    "long": lambda results: results.append(results[0]),
    "reordered": lambda results: results.reverse(),
    "nan": lambda results: [_broken(r)["scores"].update(harm=math.nan) for r in results],
    "infinite": lambda results: [_broken(r)["scores"].update(harm=math.inf) for r in results],
    "negative": lambda results: [_broken(r)["scores"].update(harm=-0.5) for r in results],
    "above one": lambda results: [_broken(r)["scores"].update(harm=1.5) for r in results],
    "a string": lambda results: [_broken(r)["scores"].update(harm="0.1") for r in results],
    "renamed": lambda results: [_broken(r)["scores"].update(harmful=_broken(r)["scores"].pop("harm")) for r in results],
    "no scores": lambda results: [_broken(r).update(scores={}) for r in results],
    "no coverage": lambda results: [_broken(r).pop("covered") for r in results],
    "covers more": lambda results: [_broken(r).update(covered=10_000) for r in results],
    "no answer": lambda results: [r.update(assessment=None) for r in results],
    "ids of another call": lambda results: [r.update(id=f"0-{n}") for n, r in enumerate(results)],
    "nothing": lambda results: [r.clear() for r in results],
    "null": lambda results: results.__setitem__(slice(None), [None] * len(results)),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_wrong_answer_is_a_failed_look(name: str) -> None:
    spoiling = spoiled(lambda reply: BREAKS[name](reply["results"]) and None)
    with serving(spoiling) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetector(endpoint).score([ScoreRequest("one"), ScoreRequest("two")])
    assert codes(found) == ["invalid", "invalid"]


@pytest.mark.parametrize(
    "reply", [None, [], {}, {"model": "m"}, {"results": []}, {"model": "m", "results": None}, "text", 7]
)
def test_what_is_no_reply_is_a_failed_look(reply: object) -> None:
    with serving(lambda answer, _: answer.json(reply)) as server, Endpoint(server.url) as endpoint:
        assert codes(RemoteDetector(endpoint).score([ScoreRequest("one")])) == ["invalid"]


def test_one_broken_result_leaves_the_others_whole() -> None:
    def spoil(reply: dict[str, Any]) -> None:
        reply["results"][1]["assessment"]["scores"]["harm"] = math.nan

    with serving(spoiled(spoil)) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetector(endpoint).score([ScoreRequest(text) for text in ("one", "two", "three")])
    assert codes(found) == ["", "invalid", ""]


def test_a_failed_look_on_the_server_is_one_here() -> None:
    failing = eyelid_server(FaultyDetector(Fault.FAILS, poison="poison"))  # type: ignore[arg-type]
    with serving(failing) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetector(endpoint, name="far").score([ScoreRequest("fine"), ScoreRequest("poison")])
    assert isinstance(found[0], Assessment)
    assert found[1] == Failure("score", "error", "the server reports that it could not do this item", "far")


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 422, 429, 500, 502, 503, 504])
def test_a_guard_stops_what_its_server_cannot_look_at(status: int) -> None:
    with (
        serving(lambda answer, _: answer.send(status)) as server,
        Endpoint(server.url, attempts=1) as endpoint,
        Guard([RemoteDetector(endpoint)]) as guard,
    ):
        outcome = guard.check(response="some text")
    assert (outcome.verdict.action, outcome.status) == (Action.BLOCK, Status.FAILED)
    assert outcome.failures[0].source == "remote"


def test_a_guard_on_a_server_rules_as_one_beside_the_models() -> None:
    exchanges = [Exchange(response=text) for text in ("a bad text", "a good text", "", "x" * 5000)]
    with (
        serving(eyelid_server()) as server,
        Endpoint(server.url) as endpoint,
        Guard([RemoteDetector(endpoint)]) as far,
        Guard([FakeDetector({"bad": 0.9})]) as near,
    ):
        for one, other in zip(far.check_many(exchanges), near.check_many(exchanges), strict=True):
            assert (one.text, one.verdict, one.scores, one.status) == (
                other.text,
                other.verdict,
                other.scores,
                other.status,
            )


def test_the_claim_of_its_work_ends_a_call() -> None:
    with serving(lambda answer, _: answer.drip(8.0)) as server, Endpoint(server.url) as endpoint:
        started = time.monotonic()
        with claim(deadline=started + 0.2):
            future = RemoteDetector(endpoint).start([ScoreRequest("one"), ScoreRequest("two")])
        assert codes(future.result(timeout=5)) == ["timeout", "timeout"]
        assert time.monotonic() - started < 4.0


def test_one_thread_of_a_guard_has_many_calls_under_way() -> None:
    honest, together = eyelid_server(), threading.Barrier(8)

    def behave(answer: Answer, number: int) -> None:
        together.wait(20)  # nobody is answered before all have asked
        honest(answer, number)

    async def main(guard: Guard) -> list[Outcome]:
        return await asyncio.gather(*(guard.acheck(response=f"tea {n}") for n in range(8)))

    with (
        serving(behave) as server,
        Endpoint(server.url, connections=8) as endpoint,
        Guard([RemoteDetector(endpoint)], workers=1) as guard,
    ):
        assert {outcome.status for outcome in asyncio.run(main(guard))} == {Status.CLEAN}


def test_no_content_and_no_token_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []

    def echo(answer: Answer, number: int) -> None:
        answer.send([200, 400, 500][number % 3], answer.body)

    with serving(echo) as server, Endpoint(server.url, token="s3cret-token", attempts=1) as endpoint:
        detector = RemoteDetector(endpoint)
        shown.append(repr(detector))
        for _ in range(3):
            shown.append(repr(detector.score([ScoreRequest(CANARY, CANARY)])))
    everything = "\n".join([*shown, caplog.text, *(repr(record.__dict__) for record in caplog.records)])
    assert "unavailable" in everything or "invalid" in everything
    assert CANARY not in everything
    assert "s3cret" not in everything


def test_it_is_cached_only_under_a_fingerprint() -> None:
    with serving(eyelid_server()) as server, Endpoint(server.url) as endpoint:
        with pytest.raises(ConfigurationError, match="fingerprint"):
            CachedDetector(RemoteDetector(endpoint))
        cached = CachedDetector(RemoteDetector(endpoint), fingerprint="server 7")
        for _ in range(3):
            assert codes(cached.score([ScoreRequest("one")])) == [""]
        assert len(server.requests) == 1


@pytest.mark.parametrize("wrong", [{"most": 0}, {"most": 257}, {"heaviest": 0}])
def test_impossible_calls_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        RemoteDetector("https://guard", **wrong)
