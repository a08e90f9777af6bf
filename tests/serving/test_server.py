"""Connections that misbehave, and an end that finishes what is under way."""

from __future__ import annotations

import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.serving.running import HARM, guard_of, post, server

from eyelid.errors import ConfigurationError
from eyelid.serving import Listen, Settings, read_tokens, serve
from eyelid.serving._tokens import caller_of
from eyelid.testing import FakeDetector

BODY = b'{"response": "tea"}'
HEAD = b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def answer(connection: socket.socket) -> bytes:
    """One answer, to the end of its body."""
    file = connection.makefile("rb")
    head = b"".join(iter(file.readline, b"\r\n"))
    length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"content-length"))
    return head + file.read(length)


def drip(connection: socket.socket) -> None:
    """Letter by letter for two seconds."""
    for _ in range(100):
        connection.sendall(b"P")
        time.sleep(0.02)


@pytest.mark.parametrize("begun", [b"", b"POST /v1/ch", HEAD])
def test_a_head_that_does_not_end_is_hung_up_on(begun: bytes) -> None:
    with server(listen=Listen(port=0, header_seconds=0.2)) as url, connected(url) as connection:
        connection.sendall(begun)
        assert connection.recv(100) == b""


def test_a_head_that_drips_is_hung_up_on() -> None:
    with server(listen=Listen(port=0, header_seconds=0.3)) as url, connected(url) as connection:
        started = time.monotonic()
        with pytest.raises(OSError):
            drip(connection)
        assert time.monotonic() - started < 1.9


def test_a_connection_is_kept_for_the_next_request() -> None:
    with server(listen=Listen(port=0, header_seconds=0.3)) as url, connected(url) as connection:
        for _ in range(3):
            connection.sendall(WHOLE)
            assert b"200 OK" in answer(connection)
            time.sleep(0.2)


def test_a_request_that_takes_longer_than_a_head_is_not_hung_up_on() -> None:
    class Slow(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            time.sleep(0.4)
            return super().score(batch)

    with (
        server(guard_of(Slow(HARM)), Listen(port=0, header_seconds=0.2)) as url,
        connected(url) as connection,
    ):
        connection.sendall(WHOLE)
        assert b"200 OK" in answer(connection)


def test_a_refused_body_is_thrown_away_and_the_connection_lives() -> None:
    with server(max_body=1000) as url, connected(url) as connection:
        connection.sendall(HEAD + b"Content-Length: 5000\r\n\r\n")
        assert b"413" in answer(connection)
        connection.sendall(b"x" * 5000 + WHOLE)
        assert b"200 OK" in answer(connection)


def test_a_refused_body_that_never_ends_is_hung_up_on() -> None:
    with server(listen=Listen(port=0, header_seconds=0.2), max_body=1000) as url, connected(url) as connection:
        connection.sendall(HEAD + b"Content-Length: 500000000\r\n\r\n")
        assert b"413" in answer(connection)
        with pytest.raises(OSError):
            drip(connection)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000,
    ],
)
def test_what_is_no_http_is_a_bad_request(sent: bytes) -> None:
    with server() as url, connected(url) as connection:
        connection.sendall(sent)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("length", [b"5", b"100"])
def test_a_length_that_does_not_fit(length: bytes) -> None:
    with server() as url, connected(url) as connection:
        connection.sendall(HEAD + b"Content-Length: " + length + b"\r\n\r\n" + BODY)
        connection.shutdown(socket.SHUT_WR)
        assert not connection.recv(100).startswith(b"HTTP/1.1 2")


def test_what_is_under_way_is_finished() -> None:
    class Slow(FakeDetector):
        begun = threading.Event()

        def score(self, batch: Any, /) -> Any:
            self.begun.set()
            time.sleep(0.3)
            return super().score(batch)

    detector = Slow(HARM)
    with server(guard_of(detector)) as url:
        connection = connected(url)
        connection.sendall(WHOLE)
        assert detector.begun.wait(5)
    # The server has ended by now.
    assert b'"action": "allow"' in answer(connection)
    connection.close()
    with pytest.raises(OSError):
        connected(url)


def test_answers_are_never_crossed_nor_lost() -> None:
    """Many at a time, some of whom hang up: everybody else gets what was asked."""
    rng = random.Random(7)
    leaving = {number for number in range(400) if rng.random() < 0.2}

    def ask(number: int) -> str | None:
        text = f"{'poison' if number % 3 else 'water'} {number}"
        try:
            limit = 0.001 if number in leaving else 30.0
            return str(post(f"{url}/v1/check", json={"response": text}, timeout=limit).json()["text"])
        except httpx.TimeoutException:
            return None

    with server(max_wait=60.0, max_requests=400) as url, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(400)))
    for number, text in enumerate(found):
        assert text in (f"{'flowers' if number % 3 else 'water'} {number}", None)
        assert text is not None or number in leaving


def test_nobody_else_is_let_in_without_a_token_unless_that_is_said() -> None:
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.com"):
        with pytest.raises(ConfigurationError, match="--insecure"):
            Listen(host=host).check(Settings())
        Listen(host=host, insecure=True).check(Settings())
        Listen(host=host).check(Settings(tokens={"a": "token-of-sixteen-letters"}))
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        Listen(host=host).check(Settings())


def test_an_address_that_cannot_be_had_is_told() -> None:
    with guard_of() as guard, socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ConfigurationError, match="cannot be listened on"):
            serve(guard, listen=Listen(port=taken.getsockname()[1]))
        with pytest.raises(ConfigurationError, match="no address"):
            serve(guard, listen=Listen(host="no.such.host.invalid", insecure=True))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Settings, {"max_body": 0}),
        (Settings, {"max_wait": float("nan")}),
        (Settings, {"read_seconds": 0.0}),
        (Settings, {"caller_share": 1.5}),
        (Settings, {"max_bytes": 10}),
        (Settings, {"tokens": {"a": ""}}),
        (Settings, {"tokens": {"a": "same", "b": "same"}}),
        (Listen, {"port": 70_000}),
        (Listen, {"grace": 0}),
        (Listen, {"certificate": Path("x.pem")}),
    ],
)
def test_settings_that_cannot_work(kind: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        kind(**changes)


def test_settings_show_no_token() -> None:
    assert "secret" not in repr(Settings(tokens={"a": "secret"}))


def test_tokens_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# who may ask\n\nweb  first-token-of-sixteen\nsecond-token-of-sixteen\n")
    found = read_tokens(file, "third-token-of-sixteen\n")
    assert found == {
        "web": "first-token-of-sixteen",
        "default": "second-token-of-sixteen",
        "environment": "third-token-of-sixteen",
    }
    assert caller_of("Bearer first-token-of-sixteen", found) == "web"
    assert caller_of("bearer second-token-of-sixteen ", found) == "default"
    assert caller_of("Bearer", found) is None


@pytest.mark.parametrize(
    "lines", ["", "short", "a b c", "na/me token-of-sixteen-letters", "a token-of-sixteen-letters\na again-sixteen-ok"]
)
def test_a_file_that_holds_no_tokens(tmp_path: Path, lines: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(lines)
    with pytest.raises(ConfigurationError) as caught:
        read_tokens(file)
    assert "sixteen" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        read_tokens(tmp_path / "none")


def test_without_tokens_there_are_none() -> None:
    assert read_tokens(None) == {}
