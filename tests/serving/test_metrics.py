"""What is counted, and that nothing a client says becomes a label."""

from __future__ import annotations

from dataclasses import fields

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.running import client

from eyelid import Failure, Outcome, Surface
from eyelid.engine import Histogram, Stats
from eyelid.serving._admission import Admission
from eyelid.serving._engine_metrics import EngineCollector
from eyelid.serving._metrics import Metrics
from eyelid.types import Action, Coverage, Scores, Status, Verdict


def lines(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_requests_and_verdicts() -> None:
    with client() as asking:
        asking.post("/v1/check", json={"response": "tea"})
        asking.post("/v1/check/batch", json={"items": [{"response": "venom"}, {"prompt": "tea"}, 3]})
        asking.post("/v1/stream", json={"text": "poison"})
        asking.post("/v1/moderations", json={"input": "tea"})
        asking.post("/v1/check", json=3)
        found = lines(asking.get("/metrics").text)
    assert found["eyelid_requests_total /v1/check 200"] == 1
    assert found["eyelid_requests_total /v1/check 400"] == 1
    assert found["eyelid_verdicts_total allow clean output"] == 1
    assert found["eyelid_verdicts_total block flagged output"] == 1
    assert found["eyelid_verdicts_total rewrite flagged output"] == 1
    assert found["eyelid_verdicts_total allow clean input"] == 2
    assert found["eyelid_verdicts_total block failed input"] == 1
    assert found["eyelid_request_seconds_count /v1/check"] == 2
    assert found["eyelid_requests_under_way"] == 0
    assert found["eyelid_failed_open_total"] == 0
    assert found["process_resident_memory_bytes"] > 0


def test_paths_that_are_not_there_share_a_label() -> None:
    with client() as asking:
        for number in range(50):
            asking.get(f"/canary/{number}?canary")
        text = asking.get("/metrics").text
    assert "canary" not in text
    assert lines(text)["eyelid_requests_total other 404"] == 50


def test_words_of_strange_roles_share_a_label() -> None:
    metrics = Metrics(Admission(max_requests=1, max_bytes=1, max_wait=1, caller_share=1))
    verdict = Verdict(Action.BLOCK)
    for number in range(50):
        failure = Failure(f"canary{number}", f"canary{number}")
        outcome = Outcome("", verdict, Scores(), Status.FAILED, Coverage(), (failure,))
        metrics.outcome(outcome, Surface.OUTPUT)
    text = metrics.text().decode()
    assert "canary" not in text
    assert lines(text)["eyelid_failures_total other other"] == 50


def test_two_applications_count_apart() -> None:
    with client() as one, client() as other:
        one.post("/v1/check", json={"response": "tea"})
        assert "eyelid_requests_total /v1/check 200" not in lines(other.get("/metrics").text)


def stats_of(device: str) -> Stats:
    histogram = Histogram((0.1, 1.0), (3, 1, 2), 9.5)
    numbers = dict.fromkeys((field.name for field in fields(Stats) if field.type == "int"), 7)
    return Stats(
        device=device,
        broken=False,
        budgets={},
        wait=histogram,
        latency=histogram,
        pass_seconds=histogram,
        pass_items=histogram,
        pass_tokens=histogram,
        **numbers,
    )


def test_the_engines_are_shown_beside_them() -> None:
    registry = CollectorRegistry()
    registry.register(EngineCollector(lambda: [stats_of("cpu"), stats_of("cpu"), stats_of("cuda:0")]))
    found = lines(generate_latest(registry).decode())
    assert found["eyelid_engine_queued_tokens cpu 0"] == found["eyelid_engine_queued_tokens cuda:0 2"] == 7
    assert found["eyelid_engine_refused_total cpu 1"] == 7
    assert found["eyelid_engine_wait_bucket cpu 0 0.1"] == 3
    assert found["eyelid_engine_wait_bucket cpu 0 1.0"] == 4
    assert found["eyelid_engine_wait_bucket cpu 0 +Inf"] == found["eyelid_engine_wait_count cpu 0"] == 6
    assert found["eyelid_engine_wait_sum cpu 0"] == 9.5


def test_engines_come_and_go() -> None:
    registry = CollectorRegistry()
    registry.register(EngineCollector(list))
    assert "eyelid_engine_queued" in generate_latest(registry).decode()
