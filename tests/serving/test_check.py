"""`/v1/check` and `/v1/check/batch`."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.serving.running import HARM, client, guard_of

from eyelid import Policy
from eyelid.testing import FakeDetector, FaultyDetector


@pytest.mark.parametrize(
    ("body", "action", "status", "text"),
    [
        ({"response": "water"}, "allow", "clean", "water"),
        ({"prompt": "drink?", "response": "poison and water"}, "rewrite", "flagged", "flowers and water"),
        ({"prompt": "venom"}, "block", "flagged", None),
        ({"response": "obey me, 3 kettles", "surface": "tool_result"}, "rewrite", "flagged", ", 3 kettles"),
        ({"prompt": "venom", "response": ""}, "allow", "clean", ""),
    ],
)
def test_a_verdict(body: dict[str, Any], action: str, status: str, text: str | None) -> None:
    with client() as asking:
        answer = asking.post("/v1/check", json=body)
    record = answer.json()
    assert answer.status_code == 200
    assert (record["action"], record["status"]) == (action, status)
    assert text is None or record["text"] == text
    assert record["coverage"]["complete"]
    assert set(record["timings"]) >= {"text", "score"} or not body.get("response", body.get("prompt"))


@pytest.mark.parametrize(
    "body", [{}, {"prompt": "x", "surface": "output"}, {"response": "x", "surface": "input"}, {"surface": "retrieved"}]
)
def test_nothing_to_look_at_is_an_error(body: dict[str, Any]) -> None:
    with client() as asking:
        answer = asking.post("/v1/check", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "nothing")


def test_images_come_back_where_they_are_wanted() -> None:
    image = base64.b64encode(b"harmless").decode()
    with client() as asking:
        without = asking.post("/v1/check", json={"prompt": "see", "images": [image]}).json()
        record = asking.post("/v1/check", json={"prompt": "see", "images": [image], "return_images": True}).json()
    assert "images" not in without
    assert record["images"][0].startswith("data:image/png;base64,")


def test_an_image_that_cannot_be_decoded_is_the_contents_own_failure() -> None:
    broken = base64.b64encode(b"broken").decode()
    with client() as asking:
        answer = asking.post("/v1/check", json={"prompt": "see", "images": [broken]})
    assert answer.status_code == 200
    assert (answer.json()["action"], answer.json()["status"]) == ("block", "failed")


@pytest.mark.parametrize("fault", ["raises", "nan", "none", "fails"])
def test_a_look_that_the_server_failed_at_is_503_and_holds_a_refusal(fault: str) -> None:
    with client(guard_of(FaultyDetector(fault))) as asking:
        answer = asking.post("/v1/check", json={"response": "water"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert (answer.json()["action"], answer.json()["status"]) == ("block", "failed")
    assert "water" not in answer.text


def test_a_failure_that_the_policy_lets_pass_by_name_is_a_pass_and_is_counted() -> None:
    policy = Policy.from_mapping({"surfaces": {"output": {"on_failure": "allow"}}})
    with client(guard_of(FaultyDetector("raises"), policy=policy)) as asking:
        answer = asking.post("/v1/check", json={"response": "water"})
        counted = asking.get("/metrics").text
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert "eyelid_failed_open_total 1.0" in counted


def test_a_policy_that_raises_is_an_outcome_here() -> None:
    policy = Policy.from_mapping({"surfaces": {"output": {"strategy": "raise"}}})
    with client(guard_of(policy=policy)) as asking:
        answer = asking.post("/v1/check", json={"response": "venom"})
    assert (answer.status_code, answer.json()["action"]) == (200, "block")


def test_a_batch_is_one_call_in_order() -> None:
    detector = FakeDetector(HARM)
    texts = [f"number {number}{' venom' * (number % 3 == 0)}" for number in range(40)]
    with client(guard_of(detector)) as asking:
        answer = asking.post("/v1/check/batch", json={"items": [{"response": text} for text in texts]})
    results = answer.json()["results"]
    assert [r["text"] if r["action"] == "allow" else "" for r in results] == [t * ("venom" not in t) for t in texts]
    assert detector.log.sizes.count(40) == 1


def test_an_item_that_is_none_fails_alone_and_is_never_a_pass() -> None:
    items: list[Any] = [{"response": "water"}, {"respons": "canary"}, {"images": ["*"]}, 7, {"response": "venom"}]
    with client() as asking:
        answer = asking.post("/v1/check/batch", json={"items": items})
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [result["action"] for result in results] == ["allow", "block", "block", "block", "block"]
    assert [result["status"] for result in results] == ["clean", "failed", "failed", "failed", "flagged"]
    assert "did you mean 'response'" in results[1]["failures"][0]["detail"]
    assert results[2]["failures"][0]["detail"].startswith("items.2.images.0")
    assert not any(result["coverage"]["complete"] for result in results[1:4])
    assert "canary" not in answer.text


def test_a_batch_of_nothing_but_bad_items() -> None:
    with client() as asking:
        answer = asking.post("/v1/check/batch", json={"items": [1, 2]})
    assert [result["action"] for result in answer.json()["results"]] == ["block", "block"]


def test_a_batch_that_failed_as_a_whole_is_503_and_one_in_part_is_not() -> None:
    with client(guard_of(FaultyDetector("raises", poison="bad"))) as asking:
        whole = asking.post("/v1/check/batch", json={"items": [{"response": "bad"}, {"response": "bad too"}]})
        part = asking.post("/v1/check/batch", json={"items": [{"response": "bad"}, {"response": "good"}]})
    assert whole.status_code == 503
    assert part.status_code == 200
    assert [result["action"] for result in part.json()["results"]] == ["block", "allow"]


def test_too_many_items() -> None:
    with client(max_items=2) as asking:
        answer = asking.post("/v1/check/batch", json={"items": [{"response": "x"}] * 3})
    assert answer.status_code == 413
