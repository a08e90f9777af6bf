"""What an endpoint shows, whom it trusts, how it begins and ends."""

import asyncio
import gc
import json
import logging
import os
import ssl
import threading
import time
import weakref

import pytest
from tests.remote.asking import ask, codes, echo
from tests.remote.server import Answer, Server, serving

from eyelid.errors import ConfigurationError
from eyelid.remote import Endpoint
from eyelid.remote._background import Background

CANARY = "canary-5d1f"


def test_neither_token_nor_content_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def behave(answer: Answer, number: int) -> None:
        assert answer.headers["authorization"] == "Bearer s3cret-token"
        answer.send([400, 500, 503, 200][number % 4], json.dumps({"detail": CANARY}).encode())

    with serving(behave) as server, Endpoint(server.url, token="s3cret-token", attempts=1) as endpoint:
        shown = [repr(endpoint), *(repr(ask(endpoint, CANARY)) for _ in range(4)), repr(vars(endpoint))]
        shown.append(repr(vars(endpoint._session)))
    everything = "\n".join([*shown, caplog.text, *(repr(record.__dict__) for record in caplog.records)])
    assert CANARY not in everything
    assert "s3cret" not in everything


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(echo) as server, Endpoint(server.url) as endpoint:
        assert ask(endpoint, "x") == ["x"]


def test_certificates_are_checked() -> None:
    with Endpoint("https://localhost:1") as endpoint:
        assert codes(ask(endpoint, "x")) == ["unavailable"]
        assert endpoint._session is not None
        pool = endpoint._session.client._transport._pool  # type: ignore[attr-defined]
        assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
        assert pool._ssl_context.check_hostname


@pytest.mark.parametrize(
    "url",
    [
        "", "guard", "ftp://guard", "http://guard:8000", "http://10.0.0.1", "https://user:pw@guard", "https://guard?k=v",
        "https://guard#x", "https://", "https://gu ard", "https://guard:99999", "file:///etc/passwd", "http://[::2]",
    ],
)  # fmt: skip
def test_an_url_that_leads_astray_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Endpoint(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:8000/", "http://127.0.0.1", "http://[::1]:80", "https://guard/api"])
def test_an_url_that_does_not_is_taken(url: str) -> None:
    assert Endpoint(url).url == url.rstrip("/")
    assert Endpoint("http://guard", plaintext=True).url == "http://guard"


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0.0}, {"seconds": float("nan")}, {"connections": 0}, {"attempts": 0}, {"max_reply": 0},
        {"token": ""}, {"token": "a\nb"}, {"token": " a"}, {"token": "ä"},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        Endpoint("https://guard", **wrong)  # type: ignore[arg-type]


def test_a_closed_endpoint_says_so() -> None:
    with serving(echo) as server:
        endpoint = Endpoint(server.url)
        ask(endpoint, "x")
        endpoint.close()
        endpoint.close()
        with pytest.raises(ConfigurationError, match="closed"):
            ask(endpoint, "x")


def test_an_endpoint_that_is_forgotten_lets_go_of_its_connections() -> None:
    with serving(echo) as server:
        endpoint = Endpoint(server.url)
        ask(endpoint, "x")
        session, watched = endpoint._session, weakref.ref(endpoint)
        assert session is not None
        del endpoint
        gc.collect()
        assert watched() is None
        for _ in range(200):
            if session.client.is_closed:
                break
            time.sleep(0.01)
        assert session.client.is_closed


def test_it_works_on_in_a_forked_child() -> None:
    with serving(echo) as server, Endpoint(server.url) as endpoint:
        assert ask(endpoint, "parent") == ["parent"]
        child = os.fork()
        if not child:
            os._exit(0 if _asks(server, endpoint) else 1)
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert ask(endpoint, "parent") == ["parent"]


def _asks(server: Server, endpoint: Endpoint) -> bool:
    try:
        return ask(endpoint, "child") == ["child"]
    except BaseException:  # noqa: BLE001  a child of a test must not run the other tests
        return False


def test_a_background_that_could_not_start_is_started_by_the_next_call() -> None:
    background = Background()
    usual = threading.stack_size(2**46)  # nobody has so much memory for a thread
    try:
        with pytest.raises(RuntimeError, match="thread"):
            _ = background.loop
    finally:
        threading.stack_size(usual)
    assert background.submit(asyncio.sleep(0, "answered")).result(5) == "answered"
    background.loop.call_soon_threadsafe(background.loop.stop)
