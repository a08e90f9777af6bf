from collections.abc import Callable
from typing import Any

import pytest
from tests.remote.server import Answer, eyelid_server, serving

from eyelid.detoxifiers import RemoteDetoxifier
from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.protocols import RewriteRequest
from eyelid.remote import Endpoint, RewriteCall, RewriteReply, RewriteResult
from eyelid.testing import FakeDetector, FakeDetoxifier, Fault, FaultyDetoxifier, check_detoxifier
from eyelid.types import Action, Failure, Span, Surface


def codes(found: Any) -> list[str]:
    return [each.code if isinstance(each, Failure) else "" for each in found]


def rewriting(answer_for: Callable[[list[str]], list[Any]]) -> Callable[[Answer, int], None]:
    """A server whose results are made by the test, given the ids."""

    def behave(answer: Answer, number: int) -> None:
        ids = [item.id for item in RewriteCall.model_validate_json(answer.body).items]
        answer.json({"model": "fake", "results": answer_for(ids)})

    return behave


def test_it_is_a_detoxifier_like_any_other() -> None:
    with serving(eyelid_server()) as server, Endpoint(server.url) as endpoint:
        check_detoxifier(RemoteDetoxifier(endpoint), ["a bad text", "a good text"])


def test_the_server_gets_the_whole_request_and_its_text_comes_back() -> None:
    inner = FakeDetoxifier({"bad": "***"})
    batch = [
        RewriteRequest("a bad text", "a question", Surface.TOOL_RESULT, "injection", (Span(2, 5, "injection", 0.75),)),
        RewriteRequest("a good text"),
    ]
    with serving(eyelid_server(detoxifier=inner)) as server, Endpoint(server.url) as endpoint:
        assert RemoteDetoxifier(endpoint).rewrite(batch) == ["a *** text", "a good text"]
        assert inner.log.batches == [tuple(batch)]
        assert [request.path for request in server.requests] == ["/v1/rewrite"]


def test_many_texts_are_several_calls() -> None:
    with serving(eyelid_server()) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetoxifier(endpoint, most=4).rewrite([RewriteRequest(f"bad {n}") for n in range(10)])
        assert found == [f"*** {n}" for n in range(10)]
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer_for",
    [
        lambda ids: [],
        lambda ids: [{"id": ids[0], "text": "fine", "failure": None}],
        lambda ids: [{"id": id, "text": "fine", "failure": None} for id in [*ids, "more"]],
        lambda ids: [{"id": id, "text": "fine", "failure": None} for id in reversed(ids)],
        lambda ids: [{"id": id, "text": 7, "failure": None} for id in ids],
        lambda ids: [{"id": id, "text": None, "failure": None} for id in ids],
        lambda ids: [{"id": id, "text": "fine"} for id in ids],
        lambda ids: [None for _ in ids],
    ],
)
def test_a_wrong_answer_is_a_failure(answer_for: Callable[[list[str]], list[Any]]) -> None:
    with serving(rewriting(answer_for)) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetoxifier(endpoint).rewrite([RewriteRequest("one"), RewriteRequest("two")])
    assert codes(found) == ["invalid", "invalid"]


def test_a_failure_on_the_server_is_one_here() -> None:
    failing = eyelid_server(detoxifier=FaultyDetoxifier(Fault.FAILS))  # type: ignore[arg-type]
    with serving(failing) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetoxifier(endpoint).rewrite([RewriteRequest("one"), RewriteRequest("two")])
    assert codes(found) == ["error", "error"]


def test_a_huge_rewrite_is_not_taken() -> None:
    def behave(answer: Answer, number: int) -> None:
        (item,) = RewriteCall.model_validate_json(answer.body).items
        reply = RewriteReply(model="m", results=[RewriteResult.of(item.id, "x" * 200_000)])
        answer.send(200, reply.model_dump_json().encode())

    with serving(behave) as server, Endpoint(server.url, max_reply=100_000) as endpoint:
        assert codes(RemoteDetoxifier(endpoint).rewrite([RewriteRequest("one")])) == ["invalid"]


@pytest.mark.parametrize("words", [{"bomb": "tea"}, {"bomb": "bomb"}, {"bomb": ""}])
def test_a_guard_scores_what_comes_back_again(words: dict[str, str]) -> None:
    detector = FakeDetector({"bomb": 0.9})
    with (
        serving(eyelid_server(detoxifier=FakeDetoxifier(words))) as server,
        Endpoint(server.url) as endpoint,
        Guard([detector], detoxifier=RemoteDetoxifier(endpoint)) as guard,
    ):
        outcome = guard.check(response="bomb")
    assert "bomb" not in outcome.text
    assert (outcome.verdict.action is Action.REWRITE) == (words["bomb"] == "tea")


def test_a_server_that_is_gone_means_a_refusal() -> None:
    with serving(eyelid_server()) as server:
        url = server.url
    with (
        Endpoint(url, attempts=1) as endpoint,
        Guard([FakeDetector({"bomb": 0.9})], detoxifier=RemoteDetoxifier(endpoint)) as guard,
    ):
        outcome = guard.check(response="a bomb")
    assert outcome.verdict.action is Action.BLOCK


def test_impossible_calls_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        RemoteDetoxifier("https://guard", most=0)
    assert RemoteDetoxifier("https://guard").server.seconds == 60.0
