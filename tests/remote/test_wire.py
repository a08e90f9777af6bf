import json
import math

import pytest
from pydantic import BaseModel, ValidationError

from eyelid.protocols import Assessment, RewriteRequest, ScoreRequest
from eyelid.remote import (
    RewriteCall,
    RewriteReply,
    RewriteResult,
    ScoreCall,
    ScoreReply,
    ScoreResult,
    rewrite_call,
    score_call,
)
from eyelid.types import Failure, Scores, Span, Surface

REQUEST = ScoreRequest("some text", "a question", Surface.TOOL_RESULT, "hidden")
FOUND = Assessment(Scores(harm=0.25, self_harm=0.125), (Span(0, 4, "harm", 0.25),), covered=9, looks=2)


def over_the_wire(message: BaseModel) -> BaseModel:
    """As a framework reads it: parsed JSON in, not pydantic's own JSON mode."""
    return type(message).model_validate(json.loads(message.model_dump_json()))


def test_a_score_call_arrives_as_it_was_sent() -> None:
    call = over_the_wire(score_call({"7": REQUEST}, seconds=2.5))
    assert isinstance(call, ScoreCall)
    assert call.items[0].request() == REQUEST
    assert (call.items[0].id, call.seconds) == ("7", 2.5)


def test_a_rewrite_call_arrives_as_it_was_sent() -> None:
    request = RewriteRequest("a text", "a question", Surface.OUTPUT, "hate", (Span(2, 6, "hate", 0.75),))
    call = over_the_wire(rewrite_call({"7": request}))
    assert isinstance(call, RewriteCall)
    assert call.items[0].request() == request


def test_an_assessment_arrives_as_it_was_sent() -> None:
    reply = over_the_wire(ScoreReply(model="m", results=[ScoreResult.of("7", FOUND)]))
    assert isinstance(reply, ScoreReply)
    assert reply.results[0].assessment is not None
    assert reply.results[0].assessment.assessment() == FOUND


def test_a_failure_arrives_without_its_detail() -> None:
    sent = ScoreResult.of("7", Failure("score", "timeout", "behind the server", "secret-name"))
    assert "secret-name" not in sent.model_dump_json()
    assert "behind" not in sent.model_dump_json()
    assert sent.failure is not None
    received = sent.failure.failure("score", "remote")
    assert (received.stage, received.code, received.source) == ("score", "timeout", "remote")


def test_an_unknown_code_is_an_error() -> None:
    sent = RewriteResult.of("7", Failure("rewrite", "something odd"))
    assert sent.failure is not None
    assert sent.failure.failure("rewrite", "remote").code == "error"


def result(**changes: object) -> dict[str, object]:
    whole = {"scores": {"harm": 0.5, "injection": 0.0}, "spans": [], "covered": 3, "looks": 1}
    return {"id": "0", "failure": None, "assessment": {**whole, **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": {}},
        {"scores": {"harm": 0.5}},
        {"scores": {"harmful": 0.9, "injection": 0.0}},
        {"scores": {"harm": 0.5, "injection": 0.0, "toxicity": 0.1}},
        {"scores": {"harm": math.nan, "injection": 0.0}},
        {"scores": {"harm": math.inf, "injection": 0.0}},
        {"scores": {"harm": 1.1, "injection": 0.0}},
        {"scores": {"harm": -0.1, "injection": 0.0}},
        {"scores": {"harm": "0.1", "injection": 0.0}},
        {"scores": {"harm": True, "injection": 0.0}},
        {"scores": None},
        {"covered": -1},
        {"covered": 2.5},
        {"covered": None},
        {"spans": [{"start": 0}]},
    ],
)
def test_what_is_no_assessment_is_refused(changes: dict[str, object]) -> None:
    ScoreReply.model_validate({"model": "m", "results": [result()]})
    with pytest.raises(ValidationError):
        ScoreReply.model_validate({"model": "m", "results": [result(**changes)]})


@pytest.mark.parametrize(
    "reply",
    [
        {"results": []},
        {"model": "m"},
        {"model": "m", "results": [{"id": "0"}]},
        {"model": "m", "results": [{"id": "0", "assessment": None, "failure": None}]},
        {"model": "m", "results": [{**result(), "failure": {"code": "error"}}]},
        {"model": "m", "results": [{**result(), "id": 0}]},
    ],
)
def test_what_is_no_reply_is_refused(reply: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScoreReply.model_validate(reply)


def test_a_rewrite_says_one_thing_or_the_other() -> None:
    with pytest.raises(ValidationError):
        RewriteReply.model_validate({"model": "m", "results": [{"id": "0", "text": None, "failure": None}]})


def test_a_reply_may_grow_and_a_call_may_not() -> None:
    ScoreReply.model_validate({"model": "m", "results": [{**result(), "new": 1}], "new": 1})
    with pytest.raises(ValidationError):
        ScoreCall.model_validate({"items": [{"id": "0", "text": "t", "txt": "t"}]})


def test_no_message_shows_content() -> None:
    call = score_call({"0": ScoreRequest("canary", "canary")})
    with pytest.raises(ValidationError) as caught:
        ScoreCall.model_validate({"items": [{"id": "0", "text": ["canary"]}]})
    shown = [repr(call), str(call), str(caught.value), repr(rewrite_call({"0": RewriteRequest("canary", "canary")}))]
    assert not any("canary" in text for text in shown)
