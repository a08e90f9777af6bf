"""A model behind OpenAI's chat completions: what is sent, what is understood, and everything else is a failure."""

import json
from typing import Any

import pytest
from tests.remote.server import Answer, Server, serving

from eyelid.errors import ConfigurationError
from eyelid.hosts import OpenAIHost
from eyelid.protocols import AskRequest, Host, Reply, StartingHost
from eyelid.remote import Endpoint
from eyelid.testing import check_host
from eyelid.types import Failure, Image

PNG = Image(b"\x89PNG\r\n")


def completion(text: str | None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return {"id": "x", "choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def echo(answer: Answer, number: int) -> None:
    content = json.loads(answer.body)["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[-1]["text"]
    answer.json(completion(f"{text}!"))


def of(server: Server, **more: Any) -> OpenAIHost:
    return OpenAIHost(f"{server.url}/v1", "tiny", **{"seconds": 5.0, **more})


def test_it_keeps_the_contract() -> None:
    with serving(echo) as server:
        host = of(server)
        assert isinstance(host, Host)
        assert isinstance(host, StartingHost)
        check_host(host, ["plain words"], [PNG])
        assert {request.path for request in server.requests} == {"/v1/chat/completions"}


def test_everything_of_a_request_is_sent() -> None:
    with serving(echo) as server:
        host = of(server, token="secret")
        asked = AskRequest(
            "what?", (PNG, Image(b"\xff\xd8jpeg")), system="Be brief.", budget=9, temperature=0.5, seed=3
        )
        (reply,) = host.ask([asked])
        (body,) = server.bodies
        assert server.requests[0].headers["authorization"] == "Bearer secret"
    assert reply == Reply("what?!", None, 7, 2)
    shown = [part["image_url"]["url"][:22] for part in body["messages"][1]["content"][:-1]]
    assert shown == ["data:image/png;base64,", "data:image/jpeg;base64"]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("tiny", 9, 0.5, 3)
    assert "logprobs" not in body
    assert "secret" not in repr(host)


def test_the_budget_may_have_its_newer_name() -> None:
    with serving(echo) as server:
        of(server, budget_name="max_completion_tokens").ask([AskRequest("x", budget=4)])
        assert server.bodies[0]["max_completion_tokens"] == 4
        assert "max_tokens" not in server.bodies[0]


def test_chances_come_from_the_first_places_alternatives() -> None:
    tops = [{"token": token, "logprob": log} for token, log in (("Yes", -0.5), (" no", -1.5), ("No", -2.5), ("Hm", -3))]
    place = {"token": "Yes", "logprob": -0.5, "top_logprobs": tops}

    def behave(answer: Answer, number: int) -> None:
        answer.json(completion("Yes", logprobs={"content": [place]}))

    with serving(behave) as server:
        host = of(server)
        asked, plain = host.ask([AskRequest("so?", options=("yes", "no")), AskRequest("so?")])
        first = next(body for body in server.bodies if "logprobs" in body)
        assert (first["logprobs"], first["top_logprobs"]) == (True, 20)
        assert sum("logprobs" in body for body in server.bodies) == 1
        (without,) = of(server, logprobs=False).ask([AskRequest("so?", options=("yes", "no"))])
        assert "logprobs" not in server.bodies[-1]
    assert isinstance(asked, Reply)
    assert asked.chances == pytest.approx({"yes": 0.6065, "no": 0.2231 + 0.0821}, abs=1e-3)
    assert isinstance(plain, Reply)
    assert plain.chances is None
    assert isinstance(without, Reply)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (completion(""), "empty"),
        (completion(None), "empty"),
        (completion("half of it", finish_reason="content_filter"), "filtered"),
        ({"choices": []}, "invalid"),
        ({"error": {"message": "the prompt was ZQXBAD"}}, "invalid"),
        ([], "invalid"),
        ("ZQXBAD", "invalid"),
    ],
)
def test_what_is_no_answer_is_a_failure(reply: Any, code: str) -> None:
    with serving(lambda answer, number: answer.json(reply)) as server:
        (failure,) = of(server).ask([AskRequest("ZQXBAD")])
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.code, failure.source) == ("ask", code, "tiny")
    assert "ZQXBAD" not in repr(failure)


def test_a_refusal_in_its_own_field_is_an_answer_and_a_cut_one_too() -> None:
    said = completion(None)
    said["choices"][0]["message"]["refusal"] = "I cannot."
    with serving(lambda answer, number: answer.json(said)) as server:
        (reply,) = of(server).ask([AskRequest("x")])
    assert isinstance(reply, Reply)
    assert reply.text == "I cannot."
    with serving(lambda answer, number: answer.json(completion("so far", finish_reason="length"))) as server:
        (reply,) = of(server).ask([AskRequest("x")])
    assert isinstance(reply, Reply)


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_a_server_that_refuses(status: int) -> None:
    with serving(lambda answer, number: answer.send(status)) as server:
        (failure,) = of(server, seconds=1.0).ask([AskRequest("x")])
    assert isinstance(failure, Failure)


def test_one_that_fails_leaves_the_others() -> None:
    def behave(answer: Answer, number: int) -> None:
        if b"poison" in answer.body:
            answer.send(400)
        else:
            echo(answer, number)

    with serving(behave) as server:
        replies = of(server).ask([AskRequest(text) for text in ("one", "poison", "three")])
    assert [isinstance(reply, Reply) for reply in replies] == [True, False, True]


def test_a_server_that_never_answers_is_not_waited_for() -> None:
    with serving(lambda answer, number: answer.drip(3.0)) as server:
        (failure,) = of(server, seconds=0.3).ask([AskRequest("x")])
    assert isinstance(failure, Failure)
    assert failure.code == "timeout"


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("not a url", {}),
        ("http://elsewhere/v1", {}),
        ("https://elsewhere/v1", {"model": ""}),
        ("https://elsewhere/v1", {"budget_name": "tokens"}),
        ("https://elsewhere/v1", {"seconds": 0.0}),
    ],
)
def test_what_cannot_be_is_refused(url: str, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OpenAIHost(url, **{"model": "m", **more})


def test_an_endpoint_can_be_shared() -> None:
    with serving(echo) as server, Endpoint(f"{server.url}/v1") as endpoint:
        assert isinstance(OpenAIHost(endpoint, "a").ask([AskRequest("x")])[0], Reply)
        with pytest.raises(ConfigurationError, match="token"):
            OpenAIHost(endpoint, "a", token="t")
