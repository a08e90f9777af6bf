"""Many calls at a measured pace: order, number under way, cancelling, and what cannot be begun."""

import threading
import time
from concurrent.futures import Future

import pytest
from tests.hosts.test_openai import completion
from tests.remote.server import Answer, serving

from eyelid.hosts import OpenAIHost
from eyelid.hosts._pace import Pace
from eyelid.protocols import AskRequest, Reply
from eyelid.types import Failure


def test_only_so_many_are_under_way_and_in_order() -> None:
    pace, begun = Pace(2), list[tuple[int, Future[int]]]()

    def begin(number: int) -> Future[int]:
        begun.append((number, Future()))
        return begun[-1][1]

    promises = [pace.submit(lambda number=number: begin(number)) for number in range(5)]  # type: ignore[misc]
    assert [number for number, _ in begun] == [0, 1]
    begun[1][1].set_result(10)
    assert [number for number, _ in begun] == [0, 1, 2]
    begun[0][1].set_exception(RuntimeError("no"))
    assert promises[3].cancel()  # under way, so its call is cancelled
    assert begun[3][1].cancelled()
    assert [number for number, _ in begun] == [0, 1, 2, 3, 4]
    begun[2][1].set_result(20)
    begun[4][1].set_result(40)
    assert [promises[number].result(1) for number in (1, 2, 4)] == [10, 20, 40]
    with pytest.raises(RuntimeError):
        promises[0].result(1)


def test_one_that_was_cancelled_takes_no_place() -> None:
    pace, first = Pace(1), Future[int]()
    held = pace.submit(lambda: first)
    waiting = [pace.submit(lambda: pytest.fail("it was begun")) for _ in range(3)]
    last = pace.submit(lambda: done(7))
    assert all(promise.cancel() for promise in waiting)
    assert not last.done()
    first.set_result(1)
    assert (held.result(1), last.result(1)) == (1, 7)


def test_thousands_that_cannot_begin_do_not_pile_up() -> None:
    pace = Pace(1)

    def begin() -> Future[int]:
        raise OSError("closed")

    promises = [pace.submit(begin) for _ in range(5000)]
    assert all(isinstance(promise.exception(1), OSError) for promise in promises)
    ends = [pace.submit(lambda: done(1)) for _ in range(5000)]
    assert sum(promise.result(1) for promise in ends) == 5000


def test_from_many_threads_none_is_forgotten() -> None:
    pace, most, under_way, lock = Pace(3), [0], [0], threading.Lock()

    def begin() -> Future[int]:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        call: Future[int] = Future()

        def end() -> None:
            with lock:
                under_way[0] -= 1
            call.set_result(1)

        threading.Timer(0.001, end).start()
        return call

    found: list[Future[int]] = []
    threads = [threading.Thread(target=lambda: found.extend(pace.submit(begin) for _ in range(40))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(promise.result(5) for promise in found) == 160
    assert most[0] <= 3


def done(value: int) -> Future[int]:
    promise: Future[int] = Future()
    promise.set_result(value)
    return promise


def test_a_batch_may_be_larger_than_a_server_bears() -> None:
    under_way, most, lock = [0], [0], threading.Lock()

    def behave(answer: Answer, number: int) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.02)
        with lock:
            under_way[0] -= 1
        answer.json(completion("fine"))

    with serving(behave) as server:
        # All of it takes far longer than one answer may, and is more than the endpoint lets wait.
        host = OpenAIHost(f"{server.url}/v1", "tiny", seconds=0.6, connections=2)
        replies = host.ask([AskRequest(f"question {number}") for number in range(120)])
    assert all(isinstance(reply, Reply) for reply in replies)
    assert 1 <= most[0] <= 2


def test_closed_it_fails_for_each() -> None:
    with serving(lambda answer, number: answer.json(completion("fine"))) as server:
        host = OpenAIHost(f"{server.url}/v1", "tiny", seconds=0.6, connections=2)
        host.close()
        assert [each.code for each in host.ask([AskRequest("x")] * 40) if isinstance(each, Failure)] == ["error"] * 40
