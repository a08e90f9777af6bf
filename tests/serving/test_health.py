"""Ready only while a known-bad text is caught and a known-good one is not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.serving.running import HARM, client, get, guard_of, server

from eyelid import Policy
from eyelid.protocols import Detector
from eyelid.serving import Probe
from eyelid.testing import FakeDetector, FaultyDetector


def test_ready() -> None:
    with client() as asking:
        assert asking.get("/readyz").json() == {"status": "ready"}
        assert "eyelid_ready 1.0" in asking.get("/metrics").text


@pytest.mark.parametrize(
    ("detector", "problem"),
    [
        (FakeDetector(), "not found"),
        (FakeDetector({"venom": 0.9, "tea": 0.9}), "stopped"),
        (FaultyDetector("raises"), "failed"),
        (FaultyDetector("nan"), "failed"),
        (FaultyDetector("none"), "failed"),
    ],
)
def test_not_ready(detector: Detector, problem: str) -> None:
    with client(guard_of(detector)) as asking:
        answer = asking.get("/readyz")
        assert "eyelid_ready 0.0" in asking.get("/metrics").text
        assert asking.get("/healthz").status_code == 200
    assert answer.status_code == 503
    assert problem in answer.json()["problem"]


def test_a_guard_that_only_watches_is_ready() -> None:
    with client(guard_of(policy=Policy.preset("monitor"))) as asking:
        assert asking.get("/readyz").status_code == 200


def test_what_broke_is_noticed_and_so_is_what_works_again() -> None:
    class Switched(FakeDetector):
        broken = False

        def score(self, batch: Any, /) -> Any:
            if self.broken:
                raise RuntimeError
            return super().score(batch)

    detector = Switched(HARM)
    with client(guard_of(detector), probe_seconds=0.3) as asking:
        statuses = []
        for broken in (False, True, False):
            detector.broken = broken
            threading.Event().wait(0.35)
            statuses.append(asking.get("/readyz").status_code)
    assert statuses == [200, 503, 200]


def test_one_look_serves_all_who_ask() -> None:
    detector = FakeDetector(HARM)
    with server(guard_of(detector)) as url, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(f"{url}/readyz").status_code, range(24)))
    assert answers == [200] * 24
    assert {request.text for batch in detector.log.batches for request in batch} == {"venom (1)", "tea (1)"}


def test_a_cache_cannot_answer_for_the_model() -> None:
    detector = FakeDetector(HARM)
    with client(guard_of(detector), probe_seconds=0.3) as asking:
        asking.get("/readyz")
        threading.Event().wait(0.4)
        asking.get("/readyz")
    assert len({request.text for batch in detector.log.batches for request in batch}) >= 4


def test_a_model_that_hangs_is_not_ready_in_time() -> None:
    detector = FaultyDetector("hangs")
    with client(guard_of(detector), probe_seconds=0.1) as asking:
        answer = asking.get("/readyz")
        detector.release()
    assert answer.status_code == 503
    assert "in time" in answer.json()["problem"]


def test_the_probe_is_yours_to_choose() -> None:
    with client(probe=Probe(bad="venom", good="poison")) as asking:
        assert asking.get("/readyz").status_code == 503
