"""What is looked at stays out of logs, errors and metrics, whatever goes wrong."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from tests.serving.running import client, guard_of, post, server

from eyelid.protocols import Detector
from eyelid.testing import FakeDetector, FaultyDetector

CANARY = "canary7d41"
BROKEN = base64.b64encode(f"broken {CANARY}".encode()).decode()


class Talkative(FakeDetector):
    """Puts what it was given into its error."""

    def score(self, batch: Any, /) -> Any:
        raise RuntimeError(f"cannot score {batch[0].text}")


BODIES: list[tuple[str, Any]] = [
    ("/v1/check", {"response": CANARY}),
    ("/v1/check", {CANARY: CANARY}),
    ("/v1/check", {"response": {CANARY: CANARY}}),
    ("/v1/check", {"surface": CANARY}),
    ("/v1/check", [CANARY]),
    ("/v1/check", {"prompt": CANARY, "images": [BROKEN]}),
    ("/v1/check", {"prompt": CANARY, "images": [CANARY, f"https://{CANARY}", f"data:{CANARY},"]}),
    ("/v1/check/batch", {"items": [{"response": CANARY}, {CANARY: 1}, CANARY]}),
    ("/v1/check/batch", {"items": CANARY}),
    ("/v1/moderations", {"input": CANARY}),
    ("/v1/moderations", {"input": [{"type": CANARY}]}),
    ("/v1/moderations", {"input": CANARY, "model": 3, CANARY: 3}),
    ("/v1/score", {"items": [{"id": "a", "text": CANARY}]}),
    ("/v1/score", {"items": [{"id": "a", "text": CANARY, CANARY: 1}]}),
    ("/v1/rewrite", {"items": [{"id": "a", "text": CANARY, "surface": CANARY}]}),
    ("/v1/stream", {"text": CANARY, "mode": CANARY}),
    ("/v1/stream", {"text": CANARY}),
    (f"/{CANARY}?{CANARY}", {}),
]


@pytest.mark.parametrize(
    "detector",
    [FakeDetector({CANARY: 0.9}), Talkative(), FaultyDetector("none"), FaultyDetector("exits")],
    ids=["finds", "talks", "none", "exits"],
)
def test_nothing_is_told(
    detector: Detector, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    with client(guard_of(detector)) as asking:
        for path, body in BODIES:
            told.append(asking.post(path, json=body).text)
            told.append(asking.post(path, content=json.dumps(body)[:-1] + f"'{CANARY}").text)
        told.append(asking.get("/metrics").text)
        told.append(asking.get("/readyz").text)
    logs = [record for record in caplog.records if not record.name.startswith(("httpx", "asyncio"))]  # the client's own
    assert logs or caplog.records
    assert not [record.getMessage() for record in logs if CANARY in record.getMessage() + str(record.exc_info)]
    # Nothing that holds the canary is passed on here, so it is in no outcome either.
    assert not [text for text in told if CANARY in text]
    assert CANARY not in "".join(capfd.readouterr())


def test_not_even_by_a_real_server(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    with server(guard_of(Talkative())) as url:
        for path, body in BODIES:
            assert CANARY not in post(f"{url}{path}", json=body).text
        bad = post(f"{url}/v1/check", content=CANARY, headers={"content-type": CANARY, CANARY: CANARY})
    assert CANARY not in bad.text
    logs = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore", "asyncio"))]
    assert not [record.getMessage() for record in logs if CANARY in record.getMessage() + str(record.exc_info)]
    assert CANARY not in "".join(capfd.readouterr())


def test_an_error_of_ours_is_told_by_its_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeDetector):
        pass

    guard = guard_of(Broken())
    guard.acheck_many = None  # type: ignore[method-assign, assignment]  # as if there were a mistake in the server
    with client(guard) as asking:
        answer = asking.post("/v1/check", json={"response": CANARY})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    (record,) = [record for record in caplog.records if record.name == "eyelid.serving"]
    assert "TypeError at " in record.getMessage()
    assert CANARY not in caplog.text
