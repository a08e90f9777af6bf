"""`/v1/stream`: pieces come back while they are looked at, and what is held back stays so."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.serving.running import HARM, Slow, client, events_of, guard_of, passed_on, server

from eyelid import Policy
from eyelid.protocols import ScoreRequest
from eyelid.serving import _events
from eyelid.serving._lines import lines_of, piece_of, whole_characters
from eyelid.serving._problem import Problem
from eyelid.testing import FakeDetector, FaultyDetector

HARMLESS = "Tea is good for you. " * 40


def test_a_text_comes_back_in_pieces_and_ends_with_its_outcome() -> None:
    with client() as asking:
        answer = asking.post("/v1/stream", json={"text": HARMLESS})
    events = events_of(answer.text)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in events] == ["text"] * (len(events) - 1) + ["outcome"]
    assert len(events) > 3
    assert passed_on(events) == HARMLESS == events[-1][1]["text"]
    assert events[-1][1]["action"] == "allow"


def test_chunks_make_no_difference() -> None:
    with client() as asking:
        whole = events_of(asking.post("/v1/stream", json={"text": HARMLESS}).text)
        cut = events_of(asking.post("/v1/stream", json={"chunks": list(HARMLESS)}).text)
    assert [data for name, data in cut if name == "text"] == [data for name, data in whole if name == "text"]


def test_harm_is_not_passed_on() -> None:
    with client() as asking:
        events = events_of(asking.post("/v1/stream", json={"text": HARMLESS + "Drink venom."}).text)
    assert "venom" not in passed_on(events)
    assert events[-1][1]["action"] == "block"


def test_nothing_before_the_end_in_buffer_mode() -> None:
    with client() as asking:
        events = events_of(asking.post("/v1/stream", json={"text": HARMLESS, "mode": "buffer"}).text)
    assert [name for name, _ in events] == ["text", "outcome"]


def test_a_policy_that_raises_is_an_outcome_here() -> None:
    policy = Policy.from_mapping({"surfaces": {"output": {"strategy": "raise"}}})
    with client(guard_of(policy=policy)) as asking:
        events = events_of(asking.post("/v1/stream", json={"text": "venom"}).text)
    assert [name for name, _ in events] == ["outcome"]
    assert events[-1][1]["action"] == "block"


def test_a_failed_look_is_no_pass() -> None:
    with client(guard_of(FaultyDetector("raises", poison="bad"))) as asking:
        events = events_of(asking.post("/v1/stream", json={"text": HARMLESS + "bad"}).text)
    assert "bad" not in passed_on(events)
    assert events[-1][1]["status"] == "failed"


@pytest.mark.parametrize(
    "body", [{}, {"text": "a", "chunks": ["b"]}, {"text": "a", "surfac": "output"}, {"chunks": [1]}]
)
def test_what_is_no_stream_is_told_before_it_begins(body: dict[str, Any]) -> None:
    with client() as asking:
        answer = asking.post("/v1/stream", json=body)
    assert answer.status_code == 400


def lines(*parts: Any) -> bytes:
    return b"".join(json.dumps(part).encode() + b"\n" for part in parts)


NDJSON = {"content-type": "application/x-ndjson"}


def test_lines_are_a_stream_too() -> None:
    with client() as asking:
        body = lines({"prompt": "?"}, *(HARMLESS[at : at + 7] for at in range(0, len(HARMLESS), 7)), {"text": " End."})
        events = events_of(asking.post("/v1/stream", content=body, headers=NDJSON).text)
    assert passed_on(events) == HARMLESS + " End."
    assert events[-1][1]["action"] == "allow"


@pytest.mark.parametrize("first", [b"", b"canary\n", b'{"text": "x"}\n', b'{"canary": 1}\n', b'"piece"\n'])
def test_a_first_line_that_is_none_is_a_bad_request(first: bytes) -> None:
    with client() as asking:
        answer = asking.post("/v1/stream", content=first, headers=NDJSON)
    assert answer.status_code == 400
    assert "canary" not in answer.text


@pytest.mark.parametrize("line", [b"canary\n", b'{"txt": "canary"}\n', b"7\n", b"[" * 100_000 + b"\n"])
def test_a_bad_line_in_the_middle_ends_it_and_what_was_held_back_stays_so(line: bytes) -> None:
    with client() as asking:
        body = lines({}, HARMLESS, "held back") + line
        events = events_of(asking.post("/v1/stream", content=body, headers=NDJSON).text)
    assert [name for name, _ in events][-2:] == ["error", "outcome"]
    assert events[-1][1]["status"] == "failed"
    assert "held back" not in passed_on(events) + json.dumps(events[-1][1])
    assert "canary" not in json.dumps(events)


class Wire:
    """A connection that sends and reads at the same time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=10)
        self._file = self._socket.makefile("rb")
        self._socket.sendall(
            b"POST /v1/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )

    def send(self, *parts: Any) -> None:
        data = lines(*parts)
        self._socket.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self) -> None:
        self._socket.sendall(b"0\r\n\r\n")

    def until(self, wanted: bytes) -> bytes:
        read = b""
        while wanted not in read:
            read += self._file.readline() or pytest.fail("the connection ended")
        return read

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def wired() -> Iterator[tuple[Wire, FakeDetector]]:
    detector = FakeDetector(HARM)
    with server(guard_of(detector), read_seconds=5.0) as url:
        wire = Wire(url)
        yield wire, detector
        wire.close()


def test_pieces_come_back_before_the_text_has_ended(wired: tuple[Wire, FakeDetector]) -> None:
    wire, _ = wired
    wire.send({"prompt": "?"})
    assert b"200 OK" in wire.until(b"\r\n")
    wire.send(HARMLESS)
    assert b"Tea is good" in wire.until(b'data: {"text"')
    wire.send("The end.")
    wire.end()
    assert b'"action": "allow"' in wire.until(b'"seconds"')


def test_a_client_that_goes_away_ends_it(wired: tuple[Wire, FakeDetector]) -> None:
    wire, detector = wired
    wire.send({}, HARMLESS)
    wire.until(b'data: {"text"')
    seen = len(detector.log.batches)
    wire.close()
    time.sleep(0.2)
    assert len(detector.log.batches) <= seen + 3


def test_silence_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_events, "HEARTBEAT", 0.05)
    detector = Slow()
    with server(guard_of(detector)) as url:
        wire = Wire(url)
        wire.send({}, "Tea.")
        wire.end()
        wire.until(b": \n")
        detector.go.set()
        wire.until(b"event: outcome")
        wire.close()


def test_a_source_that_stops_sending_is_an_error_in_the_stream() -> None:
    with server(read_seconds=0.2) as url:
        wire = Wire(url)
        wire.send({}, HARMLESS)
        assert b"408" not in wire.until(b'data: {"text"')
        assert b'"code": "slow"' in wire.until(b'"code"')
        assert b'"status": "failed"' in wire.until(b'"status"')
        wire.close()


def test_a_stream_may_not_last_for_ever() -> None:
    with server(stream_seconds=0.3, read_seconds=5.0) as url:
        wire = Wire(url)
        wire.send({})
        assert b"lasted longer" in wire.until(b'"code"')
        wire.close()


def test_a_stream_that_is_too_large() -> None:
    with server(max_body=1000, max_bytes=1000) as url:
        wire = Wire(url)
        wire.send({}, HARMLESS)
        wire.until(b'data: {"text"')
        wire.send(HARMLESS)
        assert b'"code": "too_large"' in wire.until(b'"code"')
        assert b'"status": "failed"' in wire.until(b'"status"')
        wire.close()


async def gathered(source: Any) -> list[Any]:
    return [each async for each in source]


async def each(*parts: Any) -> Any:
    for part in parts:
        yield part


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    data = b'{"a"}\n\n "b" \r\n' + b"x" * 20 + b"\nlast"
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    assert asyncio.run(gathered(lines_of(each(*cut)))) == [b'{"a"}', b' "b" \r', b"x" * 20, b"last"]


def test_halves_of_a_character_become_one_again() -> None:
    halves = ["a\ud83d", "\ude00b", "\ud83d", "", "c\ud83d"]
    assert asyncio.run(gathered(whole_characters(each(*halves)))) == ["a", "😀b", "", "", "\ud83dc", "\ud83d"]
    assert piece_of(b'"\\ud83d"') == "\ud83d"


def test_a_line_is_a_text() -> None:
    assert piece_of(b'{"text": "a"}') == piece_of(b'"a"') == "a"
    with pytest.raises(Problem):
        piece_of(b'{"text": "a", "more": 1}')


def test_scores_see_what_is_passed_on() -> None:
    detector = FakeDetector(HARM)
    with client(guard_of(detector)) as asking:
        events = events_of(asking.post("/v1/stream", json={"chunks": ["Te", "a \ud83d"[:2], "is good."]}).text)
    seen = [request.text for batch in detector.log.batches for request in batch if isinstance(request, ScoreRequest)]
    assert passed_on(events) in seen
