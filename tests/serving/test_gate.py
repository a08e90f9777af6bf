"""Who comes in: tokens, hosts, sizes, room; and what is said to those who do not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.serving.running import HARM, Slow, client, get, guard_of, post, server, settings_of

from eyelid import Guard
from eyelid.errors import ConfigurationError
from eyelid.serving import create_app
from eyelid.serving._metrics import ENDPOINTS
from eyelid.testing import FakeDetector

TOKENS = {"one": "first-token-of-sixteen", "two": "second-token-of-sixteen"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer("first-token-of-sixtee"),
        {"authorization": TOKENS["one"]},
        {"authorization": f"Basic {TOKENS['one']}"},
        {"authorization": "Bearer \xff"},
    ],
)
def test_without_a_token_nothing_is_read(headers: dict[str, str]) -> None:
    with client(tokens=TOKENS) as asking:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = asking.post("/v1/check", content=b"not even json", headers=raw)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("token", TOKENS.values())
def test_every_token_opens(token: str) -> None:
    with client(tokens=TOKENS) as asking:
        assert asking.post("/v1/check", json={"response": "tea"}, headers=bearer(token)).status_code == 200
        assert asking.get("/metrics", headers=bearer(token)).status_code == 200


def test_only_health_is_told_to_everybody() -> None:
    with client(tokens=TOKENS) as asking:
        open_to_all = {path for path in ENDPOINTS if asking.get(path).status_code != 401}
    assert open_to_all == {"/healthz", "/readyz"}


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("localhost:8400", 200), ("[::1]:8400", 200), ("evil.example", 421), ("localhost.evil", 421)],
)
def test_a_page_that_suddenly_lives_here_is_not_served(host: str, status: int) -> None:
    with client(hosts=("localhost", "::1")) as asking:
        assert asking.post("/v1/check", json={"response": "tea"}, headers={"host": host}).status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml"])
def test_only_json_is_taken(kind: str) -> None:
    with client() as asking:
        answer = asking.post("/v1/check", content=b'{"response": "tea"}', headers={"content-type": kind})
    assert answer.status_code == 415


def test_json_with_a_charset_is_json() -> None:
    with client() as asking:
        kind = {"content-type": "application/JSON; charset=utf-8"}
        assert asking.post("/v1/check", content=b'{"response": "tea"}', headers=kind).status_code == 200


@pytest.mark.parametrize("path", ["/v1/chek", "/", "/docs", "/redoc", "/openapi.json", "/v1/check/", "/v1/canary"])
def test_there_is_nothing_else(path: str) -> None:
    with client() as asking:
        answer = asking.post(path, json={})
    assert answer.status_code in (404, 405)
    assert "error" in answer.json()
    assert "canary" not in answer.text


def test_documentation_is_there_where_it_is_wanted() -> None:
    with client(docs=True) as asking:
        described = asking.get("/openapi.json").json()
    properties = described["paths"]["/v1/check"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "response" in properties["properties"]


def test_it_can_be_mounted_in_another_application() -> None:
    outer = FastAPI()
    with guard_of() as guard:
        outer.mount("/guard", create_app(guard, settings_of(tokens=TOKENS)))
        with TestClient(outer) as asking:
            assert asking.get("/guard/readyz").status_code == 200
            assert asking.post("/guard/v1/check", json={"response": "tea"}).status_code == 401
            answer = asking.post("/guard/v1/check", json={"response": "tea"}, headers=bearer(TOKENS["one"]))
            counted = asking.get("/guard/metrics", headers=bearer(TOKENS["one"])).text
    assert answer.json()["action"] == "allow"
    assert 'endpoint="/v1/check",status="200"' in counted


def test_a_guard_that_is_made_at_the_start_is_closed_at_the_end() -> None:
    made = []

    def make() -> Guard:
        made.append(guard_of())
        return made[-1]

    app = create_app(make, settings_of())
    assert not made
    with TestClient(app) as asking:
        assert asking.get("/readyz").status_code == 200
    with pytest.raises(ConfigurationError, match="closed"):
        made[0].check(response="tea")


def test_the_wrong_method() -> None:
    with client() as asking:
        assert asking.get("/v1/check").status_code == 405


def test_answers_are_not_kept_and_name_no_software() -> None:
    with server() as url:
        answer = post(f"{url}/v1/check", json={"response": "tea"})
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    with client(max_body=100) as asking:
        answer = asking.post("/v1/check", json={"response": "x" * 100})
    assert answer.status_code == 413


def test_a_body_that_does_not_say_how_large_it_is() -> None:
    def parts(number: int) -> Iterator[bytes]:
        yield b'{"response": "'
        for _ in range(number):
            yield b"tea " * 250
        yield b'"}'

    with server(max_body=5000, max_bytes=5000) as url:
        kind = {"content-type": "application/json"}
        small = post(f"{url}/v1/check", content=parts(4), headers=kind)
        large = post(f"{url}/v1/check", content=parts(1000), headers=kind)
    assert small.status_code == 200
    assert large.status_code == 413


def test_a_body_that_comes_too_slowly() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" "
            await asyncio.sleep(0.02)

    async def ask(url: str) -> httpx.Response:
        async with httpx.AsyncClient() as asking:
            return await asking.post(f"{url}/v1/check", content=drip(), headers={"content-type": "application/json"})

    with server(read_seconds=0.2) as url:
        started = time.monotonic()
        with suppress(httpx.WriteError):  # where the answer came while it was still sending
            assert asyncio.run(ask(url)).status_code == 408
        assert time.monotonic() - started < 5


def test_a_full_server_refuses_at_once_and_finishes_what_it_took() -> None:
    detector = Slow()
    body = {"response": "tea"}
    with server(guard_of(detector), max_requests=2) as url, ThreadPoolExecutor(2) as pool:
        taken = [pool.submit(post, f"{url}/v1/check", json=body) for _ in range(2)]
        detector.begun.wait(5)
        while "under_way 2.0" not in get(f"{url}/metrics").text:
            time.sleep(0.01)
        refused = [post(f"{url}/v1/check", content=b"x" * 100_000) for _ in range(5)]
        alive = get(f"{url}/healthz")
        detector.go.set()
        answered = [future.result() for future in taken]
        counted = get(f"{url}/metrics").text
    assert [answer.status_code for answer in refused] == [503] * 5
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert min(answer.elapsed.total_seconds() for answer in refused) < 0.1  # generous: machines are busy
    assert [answer.json()["action"] for answer in answered] == ["allow"] * 2
    assert alive.status_code == 200
    assert 'eyelid_refusals_total{reason="requests"} 5.0' in counted


def test_one_caller_cannot_take_the_place_of_another() -> None:
    detector = Slow()
    with server(guard_of(detector), max_requests=4, tokens=TOKENS) as url, ThreadPoolExecutor(4) as pool:

        def ask(token: str) -> httpx.Response:
            return post(f"{url}/v1/check", json={"response": "tea"}, headers=bearer(TOKENS[token]))

        first = [pool.submit(ask, "two")]
        detector.begun.wait(5)
        first += [pool.submit(ask, "one") for _ in range(2)]
        while "under_way 3.0" not in get(f"{url}/metrics", headers=bearer(TOKENS["one"])).text:
            time.sleep(0.01)
        refused = ask("one")
        first.append(pool.submit(ask, "two"))
        while "under_way 4.0" not in get(f"{url}/metrics", headers=bearer(TOKENS["one"])).text:
            time.sleep(0.01)
        detector.go.set()
        assert [future.result().status_code for future in first] == [200] * 4
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "share")
    assert int(refused.headers["retry-after"]) >= 1


def test_a_gateway_may_name_the_caller() -> None:
    seen = []

    class Noting(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            from eyelid.engine import current_claim

            seen.append(current_claim())
            return super().score(batch)

    with client(guard_of(Noting(HARM)), tokens=TOKENS, caller_header="X-Tenant") as asking:
        headers = bearer(TOKENS["one"])
        asking.post("/v1/check", json={"response": "tea"}, headers=headers)
        asking.post("/v1/check", json={"response": "tea"}, headers={**headers, "x-tenant": "seven" * 100})
    seen = [claim for claim in seen if claim.caller != "eyelid.probe"]
    assert [claim.caller for claim in seen] == ["one", "one/" + ("seven" * 100)[:64]]
    assert not any(claim.patient for claim in seen)


def test_a_client_that_goes_away_lets_go_of_its_place() -> None:
    detector = Slow()
    with server(guard_of(detector), max_requests=1) as url:
        with pytest.raises(httpx.ReadTimeout):
            post(f"{url}/v1/check", json={"response": "tea"}, timeout=0.2)
        for _ in range(30):
            if "under_way 0.0" in (counted := get(f"{url}/metrics").text):
                break
            time.sleep(0.02)
        detector.go.set()
        assert 'endpoint="/v1/check",status="499"' in counted
        assert post(f"{url}/v1/check", json={"response": "tea"}).status_code == 200


@pytest.mark.parametrize("length", ["", "-1", "abc", "1" * 30, "0" * 6000 + "5"])
def test_a_length_that_is_none(length: str) -> None:
    """Servers in front of the application may hand on what uvicorn would not."""
    sent: list[Any] = []

    async def ask() -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/check",
            "query_string": b"",
            "headers": [(b"content-length", length.encode())],
        }

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        with guard_of() as guard:
            await create_app(guard, settings_of())(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] in (400, 413, 415)
    assert "error" in json.loads(sent[1]["body"])
