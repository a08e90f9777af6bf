"""Calls that go well, and all that can go wrong with one."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.remote.asking import ask, codes, echo, prepare
from tests.remote.server import Answer, serving

from eyelid.remote import Endpoint


def at_first(times: int, wrong: object) -> object:
    """Goes wrong some times, then answers."""

    def behave(answer: Answer, number: int) -> None:
        if number < times:
            wrong(answer)  # type: ignore[operator]
        else:
            echo(answer)

    return behave


def test_items_are_answered_in_order_over_one_connection() -> None:
    with serving(echo) as server, Endpoint(server.url) as endpoint:
        ports = set()
        for _ in range(3):
            assert ask(endpoint, "one", "two") == ["one", "two"]
            ports.add(server.requests[-1].handler.client_address[1])
        assert len(ports) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        Answer.drop,
        lambda answer: answer.half(b'{"texts"'),
        lambda answer: answer.send(429, Retry_After="0"),
        lambda answer: answer.send(502),
        lambda answer: answer.send(503, Retry_After="x"),
        lambda answer: answer.send(504),
    ],
    ids=["dropped", "half an answer", "429", "502", "503", "504"],
)
def test_what_may_pass_is_tried_again(wrong: object) -> None:
    with serving(at_first(2, wrong)) as server, Endpoint(server.url) as endpoint:  # type: ignore[arg-type]
        assert ask(endpoint, "one") == ["one"]
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 500])
def test_what_will_not_pass_is_not(status: int) -> None:
    def behave(answer: Answer, number: int) -> None:
        answer.send(status, Location="http://127.0.0.1:1/elsewhere")

    with serving(behave) as server, Endpoint(server.url) as endpoint:
        assert codes(ask(endpoint, "one")) == ["error"]
        assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b"null", b'{"texts": 7}', b'{"texts": []}', b"[" * 100_000])
def test_an_answer_that_makes_no_sense_fails_all_items(body: bytes) -> None:
    with serving(lambda answer, _: answer.send(200, body)) as server, Endpoint(server.url) as endpoint:
        assert codes(ask(endpoint, "one", "two")) == ["invalid", "invalid"]


def test_too_many_or_too_few_results_fail_all_items() -> None:
    for texts in (["one"], ["one", "two", "three"]):
        with serving(lambda answer, _, t=texts: answer.json({"texts": t})) as server, Endpoint(server.url) as endpoint:
            assert codes(ask(endpoint, "one", "two")) == ["invalid", "invalid"]


def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    def behave(answer: Answer, number: int) -> None:
        answer.send(200, b"x" * 5_000_000)

    with serving(behave) as server, Endpoint(server.url, max_reply=100_000) as endpoint:
        assert codes(ask(endpoint, "one")) == ["invalid"]


def test_a_compressed_answer_is_refused() -> None:
    def behave(answer: Answer, number: int) -> None:
        assert answer.headers["accept-encoding"] == "identity"
        answer.send(200, b"...", Content_Encoding="gzip")

    with serving(behave) as server, Endpoint(server.url) as endpoint:
        assert codes(ask(endpoint, "one")) == ["invalid"]


@pytest.mark.parametrize("header", [True, False])
def test_a_call_ends_in_time_however_the_answer_drips_in(header: bool) -> None:
    with (
        serving(lambda answer, _: answer.drip(8.0, header=header)) as server,
        Endpoint(server.url, seconds=0.3) as endpoint,
    ):
        started = time.monotonic()
        assert codes(ask(endpoint, "one")) == ["timeout"]
        assert time.monotonic() - started < 4.0


def test_an_earlier_deadline_counts_and_a_past_one_sends_nothing() -> None:
    with serving(lambda answer, _: answer.drip(8.0)) as server, Endpoint(server.url) as endpoint:
        started = time.monotonic()
        assert codes(ask(endpoint, "one", deadline=started + 0.2)) == ["timeout"]
        assert time.monotonic() - started < 4.0
        sent = len(server.requests)
        assert codes(ask(endpoint, "one", deadline=time.monotonic() - 1.0)) == ["timeout"]
        assert len(server.requests) == sent


def test_a_pause_that_would_be_too_long_is_not_waited_for() -> None:
    with serving(lambda answer, _: answer.send(429, Retry_After="60")) as server, Endpoint(server.url) as endpoint:
        started = time.monotonic()
        assert codes(ask(endpoint, "one")) == ["overloaded"]
        assert time.monotonic() - started < 4.0


def test_an_item_that_is_refused_does_not_take_the_others_with_it() -> None:
    def behave(answer: Answer, number: int) -> None:
        texts = json.loads(answer.body)["texts"]
        answer.send(422, b'{"detail": "' + "".join(texts).encode() + b'"}') if "poison" in texts else echo(answer)

    with serving(behave) as server, Endpoint(server.url) as endpoint:
        found = ask(endpoint, *"abc", "poison", *"defg")
        assert codes(found) == ["", "", "", "invalid", "", "", "", ""]
        assert len(server.requests) <= 7


@pytest.mark.parametrize(("status", "most"), [(400, 2 * 64 - 1), (500, 1 + 2 * 10)])
def test_halving_makes_two_calls_for_each_item_at_most_and_fewer_where_the_server_breaks(
    status: int, most: int
) -> None:
    with serving(lambda answer, _: answer.send(status)) as server, Endpoint(server.url) as endpoint:
        assert "" not in codes(ask(endpoint, *map(str, range(64))))
        assert len(server.requests) <= most


def test_retries_are_at_most_a_fifth_of_the_calls_and_ten() -> None:
    with serving(lambda answer, _: answer.send(429)) as server, Endpoint(server.url, connections=32) as endpoint:
        waiting = [endpoint.call("/echo", ["x"], prepare) for _ in range(50)]
        assert all(codes(future.result(timeout=20)) == ["overloaded"] for future in waiting)
        assert len(server.requests) <= 50 + 10 + 10


def test_a_server_that_is_down_is_left_alone_and_taken_back() -> None:
    well = []

    def behave(answer: Answer, number: int) -> None:
        echo(answer) if well else answer.send(503)

    with serving(behave) as server, Endpoint(server.url, attempts=1) as endpoint:
        found = [codes(ask(endpoint, "x")) for _ in range(6)]
        assert found == [["overloaded"]] * 5 + [["unavailable"]]
        assert len(server.requests) == 5
        well.append(True)
        time.sleep(1.05)
        assert ask(endpoint, "x") == ["x"]


def test_short_deadlines_of_one_caller_do_not_shut_out_others() -> None:
    def behave(answer: Answer, number: int) -> None:
        time.sleep(0.02)
        echo(answer)

    with serving(behave) as server, Endpoint(server.url) as endpoint:
        for _ in range(8):
            assert codes(ask(endpoint, "x", deadline=time.monotonic() + 0.005)) == ["timeout"]
        assert ask(endpoint, "x") == ["x"]


def test_nobody_there_is_a_failure() -> None:
    with serving(echo) as server:
        url = server.url
    with Endpoint(url) as endpoint:
        assert codes(ask(endpoint, "x")) == ["unavailable"]


def test_many_callers_at_once_get_their_own_answers() -> None:
    with serving(echo) as server, Endpoint(server.url, connections=4) as endpoint, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: ask(endpoint, f"{n}-a", f"{n}-b"), range(100)))
    assert found == [[f"{n}-a", f"{n}-b"] for n in range(100)]


def test_more_calls_than_can_wait_are_refused_at_once() -> None:
    release = threading.Event()

    def behave(answer: Answer, number: int) -> None:
        release.wait(20)
        answer.drop()

    with serving(behave) as server, Endpoint(server.url, connections=1, seconds=20.0) as endpoint:
        waiting = [endpoint.call("/echo", ["x"], prepare) for _ in range(60)]
        assert codes(waiting[-1].result(timeout=10)) == ["overloaded"]
        refused = [future.done() for future in waiting]
        assert refused == [False] * 33 + [True] * 27
        for future in waiting:
            future.cancel()
        release.set()


def test_a_cancelled_call_leaves_the_endpoint_in_order() -> None:
    def behave(answer: Answer, number: int) -> None:
        answer.drip(2.0) if number == 0 else echo(answer)

    with serving(behave) as server, Endpoint(server.url, connections=1) as endpoint:
        future = endpoint.call("/echo", ["x"], prepare)
        while not server.requests:
            time.sleep(0.005)
        assert future.cancel()
        assert ask(endpoint, "y") == ["y"]
