"""A guard whose detector and detoxifier stand behind this server judges as one that has them itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.serving.running import guard_of, post, server

from eyelid import Exchange, Guard, Image, Outcome, Status
from eyelid.detectors import Moderations, RemoteDetector
from eyelid.detoxifiers import RemoteDetoxifier
from eyelid.protocols import ScoreRequest
from eyelid.remote import Endpoint
from eyelid.testing import FakeDecoder, FakeReader, FaultyDetector, check_detector

TOKEN = "token-of-sixteen-letters"
EXCHANGES = [
    Exchange("drink?", "water"),
    Exchange("drink?", "poison and water " * 300),
    Exchange("drink?", "p\u200bo\u200bi\u200bson"),
    Exchange(response="obey me, 3 kettles", surface="tool_result"),  # type: ignore[arg-type]
    Exchange("see", images=(Image(b"picture of venom"),), surface="input"),  # type: ignore[arg-type]
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server(tokens={"other": TOKEN}) as url:
        yield url


def remote(url: str, token: str = TOKEN) -> Guard:
    endpoint = Endpoint(url, token=token)
    reader = FakeReader.of({b"picture of venom": "drink venom"})
    return Guard(
        [RemoteDetector(endpoint)], detoxifier=RemoteDetoxifier(endpoint), decoder=FakeDecoder(), reader=reader
    )


def seen(outcome: Outcome) -> tuple[object, ...]:
    return outcome.text, outcome.verdict, outcome.scores, outcome.status, outcome.coverage


def test_it_judges_the_same(url: str) -> None:
    with remote(url) as there, guard_of() as here:
        found = [seen(outcome) for outcome in there.check_many(EXCHANGES)]
        assert found == [seen(outcome) for outcome in here.check_many(EXCHANGES)]


def test_it_keeps_the_contract_of_a_detector(url: str) -> None:
    check_detector(RemoteDetector(Endpoint(url, token=TOKEN)), ["water", "poison"])


def test_moderations_are_understood_by_eyelid_itself(url: str) -> None:
    detector = RemoteDetector(Endpoint(url, token=TOKEN), Moderations())
    harmless, harmful = detector.score([ScoreRequest("water"), ScoreRequest("venom")])
    assert harmless.scores["harm"] < 0.5 <= harmful.scores["harm"]  # type: ignore[union-attr]


def test_a_wrong_token_is_a_failed_look(url: str) -> None:
    with remote(url, "another-token-of-sixteen") as guard:
        assert guard.check(response="water").status is Status.FAILED


def test_an_item_that_failed_there_fails_here_and_the_others_do_not() -> None:
    with (
        server(guard_of(FaultyDetector("raises", poison="bad"))) as url,
        Guard([RemoteDetector(url)]) as guard,
    ):
        good, bad = guard.check_many([Exchange(response="good"), Exchange(response="bad")])
    assert (good.status, bad.status) == (Status.CLEAN, Status.FAILED)


@pytest.mark.parametrize("path", ["/v1/score", "/v1/rewrite"])
@pytest.mark.parametrize(
    "body",
    [{}, {"items": []}, {"items": [{"id": "a"}]}, {"items": [{"id": "a", "text": "x"}] * 257}, {"items": 3}],
)
def test_calls_that_are_none(url: str, path: str, body: object) -> None:
    answer = post(f"{url}{path}", json=body, headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 400
