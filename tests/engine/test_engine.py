"""The engine under everything that can happen to it."""

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest
from tests.engine.runners import ONE, Does, Echo, eventually, held

from eyelid.engine import Device, Engine, Item, Limits, Replicas, claim, engine_for, shared
from eyelid.errors import ConfigurationError, DeadlineError, EngineError, OverloadedError


def items(runner: Echo, payloads: Sequence[Any], tokens: int = 10) -> list[Item]:
    return [Item(runner, payload, tokens) for payload in payloads]


def outcome(future: Future[Any]) -> Any:
    return future.exception(20) or future.result()


def test_results_come_to_those_who_asked_in_passes_within_the_budget() -> None:
    engine, echo = Engine(ONE), Echo()
    assert [f.result(20) for f in engine.submit_all(items(echo, range(35)))] == [2 * n for n in range(35)]
    assert max(map(len, echo.batches)) == 10
    assert sorted(echo.seen) == list(range(35))


def test_two_workers_share_a_batch() -> None:
    engine, gate = Engine(Device("cpu", workers=2, budget=100)), threading.Event()
    echo = Echo(gate)
    futures = engine.submit_all(items(echo, range(4)))
    eventually(lambda: len(echo.batches) == 2)
    gate.set()
    assert [f.result(20) for f in futures] == [0, 2, 4, 6]
    assert sorted(map(len, echo.batches)) == [2, 2]


def test_a_poisoned_batch_fails_the_culprit_alone_and_the_next_request_is_answered() -> None:
    def poisoned(batch: Sequence[int]) -> Sequence[int]:
        if 7 in batch:
            raise ValueError("poison")
        return [2 * n for n in batch]

    engine, does = Engine(ONE), Does(poisoned)
    found = [outcome(f) for f in engine.submit_all(items(does, range(10)))]
    assert isinstance(found[7], ValueError)
    assert found[:7] + found[8:] == [2 * n for n in range(10) if n != 7]
    assert engine.submit(Item(does, 1, 1)).result(20) == 2
    assert engine.stats().failed == 1


def test_an_exception_as_a_result_fails_that_item() -> None:
    does = Does(lambda batch: [KeyError() if n == 1 else n for n in batch])
    found = [outcome(f) for f in Engine(ONE).submit_all(items(does, range(3)))]
    assert (found[0], type(found[1]), found[2]) == (0, KeyError, 2)
    assert len(does.batches) == 1


def test_a_wrong_number_of_results_is_no_result() -> None:
    does = Does(lambda batch: [1])
    found = [outcome(f) for f in Engine(ONE).submit_all(items(does, range(2)))]
    assert found == [1, 1]  # alone each is answered rightly
    empty = Does(lambda batch: [])
    assert isinstance(outcome(Engine(ONE).submit(Item(empty, 0, 1))), EngineError)


class TooSmall(Exception):
    """Stands for torch's own, which is known by its name."""


TooSmall.__name__ = "OutOfMemoryError"


@pytest.mark.parametrize("error", [MemoryError, TooSmall, lambda: RuntimeError("CUDA out of memory")])
def test_out_of_memory_halves_the_budget_and_loses_nothing(error: Any) -> None:
    def small(batch: Sequence[int]) -> Sequence[int]:
        if len(batch) > 2:
            raise error()
        return list(batch)

    engine, does = Engine(ONE), Does(small)
    assert [f.result(20) for f in engine.submit_all(items(does, range(8)))] == list(range(8))
    stats = engine.stats()
    assert stats.out_of_memory == 3  # eight, and twice four
    assert stats.budgets["echo"] < 40
    does.batches.clear()
    assert [f.result(20) for f in engine.submit_all(items(does, range(8)))] == list(range(8))
    assert max(map(len, does.batches)) <= 2


def test_a_budget_that_was_cut_grows_again() -> None:
    once = iter([MemoryError()])

    def work(batch: Sequence[int]) -> Sequence[int]:
        if len(batch) > 1 and (error := next(once, None)):
            raise error
        return list(batch)

    engine, does = Engine(ONE), Does(work)
    [f.result(20) for f in engine.submit_all(items(does, range(8)))]
    assert engine.stats().budgets["echo"] == 40
    for _ in range(400):
        engine.submit(Item(does, 1, 1)).result(20)
    assert "echo" not in engine.stats().budgets


def test_a_hung_worker_is_replaced_once_and_then_everything_fails() -> None:
    gate = threading.Event()
    engine = Engine(ONE, hang_seconds=0.1)
    hung = engine.submit(Item(Echo(gate), 0, 1))
    assert isinstance(outcome(hung), EngineError)
    assert engine.submit(Item(Echo(), 3, 1)).result(20) == 6
    assert (engine.stats().restarts, engine.broken) == (1, False)
    hung, queued = engine.submit_all([Item(Echo(gate), 0, 100), Item(Echo(), 1, 100)])
    assert isinstance(outcome(hung), EngineError)
    assert isinstance(outcome(queued), EngineError)
    assert engine.broken
    with pytest.raises(EngineError, match="gave up"):
        engine.submit(Item(Echo(), 1, 1))
    assert isinstance(outcome(engine.submit_all(items(Echo(), [1]))[0]), EngineError)
    gate.set()


def test_what_a_hung_pass_says_later_changes_nothing() -> None:
    gate, engine, echo = threading.Event(), Engine(ONE, hang_seconds=0.1), None
    echo = Echo(gate)
    hung = engine.submit(Item(echo, 5, 1, key="k"))
    assert isinstance(outcome(hung), EngineError)
    again = engine.submit(Item(echo, 5, 1, key="k"))
    gate.set()
    assert again.result(20) == 10
    assert isinstance(outcome(hung), EngineError)
    assert engine.stats().completed == 1


@pytest.mark.parametrize("death", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_worker_that_dies_fails_what_it_held_and_the_next_one_works(death: type[BaseException]) -> None:
    def die(batch: Sequence[int]) -> Sequence[int]:
        raise death

    engine = Engine(ONE)
    assert all(isinstance(outcome(f), EngineError) for f in engine.submit_all(items(Does(die), range(3))))
    assert engine.submit(Item(Echo(), 3, 1)).result(20) == 6
    assert engine.stats().restarts == 1


def test_a_cancelled_item_is_skipped() -> None:
    engine, gate = held()
    echo = Echo()
    futures = engine.submit_all(items(echo, range(4)))
    assert futures[1].cancel()
    gate.set()
    assert [f.result(20) for f in (futures[0], *futures[2:])] == [0, 4, 6]
    assert echo.seen == [0, 2, 3]
    assert engine.stats().cancelled == 1


def test_identical_work_in_flight_is_evaluated_once_and_one_waiter_may_leave() -> None:
    engine, gate = held()
    echo = Echo()
    futures = [engine.submit(Item(echo, 4, 10, key="same")) for _ in range(5)]
    assert futures[0].cancel()
    gate.set()
    assert [f.result(20) for f in futures[1:]] == [8] * 4
    assert echo.seen == [4]
    assert engine.stats().joined == 4
    assert engine.submit(Item(echo, 4, 10, key="same")).result(20) == 8
    assert echo.seen == [4, 4]


def test_work_that_is_late_is_not_begun() -> None:
    engine, gate = held()
    echo = Echo()
    with claim(deadline=time.monotonic() + 0.02):
        late = engine.submit(Item(echo, 1, 1))
    time.sleep(0.05)
    gate.set()
    assert isinstance(outcome(late), DeadlineError)
    assert (echo.seen, engine.stats().expired) == ([], 1)


def test_a_deadline_can_only_come_nearer() -> None:
    with claim(deadline=5.0), claim(deadline=9.0, caller="x") as inner:
        assert (inner.deadline, inner.caller) == (5.0, "x")


def test_a_full_queue_refuses_at_once() -> None:
    engine, gate = held(Limits(items=2))
    echo = Echo()
    futures = [engine.submit(Item(echo, n, 1)) for n in range(2)]
    started = time.monotonic()
    with pytest.raises(OverloadedError):
        engine.submit(Item(echo, 9, 1))
    with claim(patient=False):
        assert isinstance(outcome(engine.submit_all(items(echo, [9]))[0]), OverloadedError)
    assert time.monotonic() - started < 1
    gate.set()
    assert [f.result(20) for f in futures] == [0, 2]
    assert (echo.seen, engine.stats().refused) == ([0, 1], 2)


def test_patient_work_waits_for_room_and_not_for_ever() -> None:
    engine, gate = held(Limits(items=2))
    echo = Echo()
    with claim(deadline=time.monotonic() + 0.1):
        found = [outcome(f) for f in engine.submit_all(items(echo, range(3), 1)) if f.done()]
    assert [type(each) for each in found] == [OverloadedError]
    threading.Timer(0.05, gate.set).start()
    assert [f.result(20) for f in engine.submit_all(items(echo, range(50), 1))] == [2 * n for n in range(50)]


def test_nothing_waits_on_an_event_loop() -> None:
    async def on_a_loop() -> Any:
        engine, gate = held(Limits(items=1))
        started = time.monotonic()
        first, second = engine.submit_all(items(Echo(), range(2)))
        assert time.monotonic() - started < 1
        gate.set()
        return await asyncio.wrap_future(first), outcome(second)

    first, second = asyncio.run(on_a_loop())
    assert first == 0
    assert isinstance(second, OverloadedError)


def test_close_fails_what_waits_and_refuses_what_comes() -> None:
    engine, gate = held()
    waiting = engine.submit(Item(Echo(), 1, 1))
    engine.close()
    engine.close()
    assert isinstance(outcome(waiting), EngineError)
    with pytest.raises(EngineError, match="closed"):
        engine.submit(Item(Echo(), 1, 1))
    gate.set()


def test_statistics() -> None:
    engine, gate = held()
    engine.submit_all(items(Echo(), range(25)))
    stats = engine.stats()
    assert (stats.queued, stats.queued_tokens, stats.running, stats.running_tokens) == (25, 250, 1, 1)
    assert engine.load == 251
    gate.set()
    eventually(lambda: engine.stats().completed == 26)
    stats = engine.stats()
    assert (stats.passes, stats.tokens, stats.queued, stats.running) == (4, 251, 0, 0)
    assert sum(stats.latency.counts) == sum(stats.wait.counts) == 26
    assert stats.pass_tokens.quantile(1.0) == 128
    assert stats.pass_items.total == 26
    assert stats.latency.quantile(0.5) > 0


def test_a_fork_has_an_engine_of_its_own() -> None:
    engine, _ = held()  # the parent's worker is busy for ever
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = 1
        try:
            answer = engine.submit(Item(Echo(), 2, 1)).result(10) - 4
        finally:
            os._exit(answer)
    assert os.waitpid(child, 0)[1] == 0
    os.close(reading)
    os.close(writing)


def test_one_engine_for_each_device_and_one_instance_of_each_model() -> None:
    device = Device("cpu", workers=1, budget=77)
    assert engine_for(device) is engine_for(Device("cpu", workers=1, budget=77, reason="other words"))
    assert engine_for(device) is not engine_for(Device("cpu", workers=2, budget=77))
    first = shared("first model", Echo)
    assert shared("first model", Echo) is first
    assert shared("second model", Echo) is not first
    held_weakly = weakref.ref(first)
    del first
    assert held_weakly() is None


def test_replicas_take_work_where_least_waits() -> None:
    (busy, gate), free = held(), Engine(ONE)
    there, here = Echo(), Echo()
    busy.submit_all(items(there, range(5)))
    replicas = Replicas([(busy, there), (free, here)])
    futures = replicas.submit_all([(n, 10, None) for n in range(5)])
    assert [f.result(20) for f in futures] == [0, 2, 4, 6, 8]
    assert here.seen == [0, 1, 2, 3, 4]
    gate.set()
    with pytest.raises(ConfigurationError):
        Replicas([])


def test_a_sweep_finds_the_smallest_pass_that_is_fast() -> None:
    class Slow(Echo):
        def run(self, batch: Sequence[Any], /) -> Sequence[Any]:
            started, seconds = time.thread_time(), 0.01 + 1e-6 * sum(batch)
            while time.thread_time() - started < seconds:
                pass
            if sum(batch) > 10_000:
                raise MemoryError
            return batch

    engine, slow = Engine(Device("cpu", workers=1, budget=8192)), Slow()
    found = engine.warm_up(slow, lambda tokens: [tokens])
    assert found == 8192
    assert engine.stats().budgets["echo"] == found

    def broken(batch: Sequence[Any]) -> Sequence[Any]:
        raise ValueError

    with pytest.raises(EngineError, match="ValueError"):
        engine.warm_up(Does(broken), lambda tokens: [tokens])


def test_cancelling_reaches_the_futures_that_something_is_made_of() -> None:
    from eyelid.engine import after

    parts: list[Future[int]] = [Future(), Future()]
    whole = after(parts, sum)
    assert whole.cancel()
    assert all(part.cancelled() for part in parts)

    parts = [Future(), Future()]
    whole = after(parts, lambda made: [type(each) for each in made])
    parts[0].set_exception(ValueError())
    parts[1].cancel()
    assert whole.result(5) == [ValueError, CancelledError]
    assert after([], lambda made: 5).result(5) == 5
    inner: Future[int] = Future()
    follows = after([], lambda made: inner)
    assert not follows.done()
    inner.set_result(6)
    assert follows.result(5) == 6

    def wrong(made: list[Any]) -> None:
        raise LookupError

    assert isinstance(after([], wrong).exception(5), LookupError)


class Withdrawn(int):
    """Tokens of an item whose waiter leaves in the moment in which it is taken out of the queue."""

    waiter: Future[Any] | None = None

    def __rsub__(self, other: int) -> int:
        if self.waiter is not None:
            self.waiter.cancel()
        return int(other) - int(self)


def test_work_that_is_cancelled_while_it_is_taken_leaves_nothing_for_later_work_to_join() -> None:
    engine, gate = held()
    tokens, echo = Withdrawn(1), Echo()
    tokens.waiter = engine.submit(Item(echo, 1, tokens, key="same"))
    gate.set()
    eventually(lambda: engine.stats().cancelled == 1)
    assert not echo.seen
    assert engine.submit(Item(echo, 1, 1, key="same")).result(20) == 2


def test_what_a_pass_had_made_is_gone_before_its_halves_are_run() -> None:
    made: list[weakref.ref[Echo]] = []
    held_still: list[bool] = []

    def too_much(batch: Sequence[int]) -> Sequence[int]:
        held_still.extend(ref() is not None for ref in made)
        large = Echo()
        made.append(weakref.ref(large))
        if len(batch) > 1:
            raise MemoryError
        return batch

    assert [f.result(20) for f in Engine(ONE).submit_all(items(Does(too_much), range(2)))] == [0, 1]
    assert held_still
    assert not any(held_still)


def test_an_engine_that_gave_up_draws_no_work_from_its_replicas() -> None:
    class Dies(Echo):
        def results(self, batch: Sequence[Any]) -> Sequence[Any]:
            raise SystemExit

    broken, dies, echo = Engine(ONE), Dies(), Echo()
    for _ in range(2):
        assert isinstance(outcome(broken.submit(Item(dies, 1, 1))), EngineError)
    assert broken.broken
    replicas = Replicas([(broken, dies), (Engine(ONE), echo)])
    assert [f.result(20) for f in replicas.submit_all([(n, 10, None) for n in range(4)])] == [0, 2, 4, 6]


def test_engines_are_at_hand_while_a_model_loads() -> None:
    began, hold = threading.Event(), threading.Event()

    def load() -> Echo:
        began.set()
        assert hold.wait(20)
        return Echo()

    loading = threading.Thread(target=shared, args=("a large model", load))
    loading.start()
    assert began.wait(20)
    asking = threading.Thread(target=engine_for, args=(Device("cpu", workers=1, budget=78),))
    asking.start()
    asking.join(5)
    assert not asking.is_alive()
    hold.set()
    loading.join(20)


def test_what_follows_from_work_waits_neither_for_another_engine_nor_where_a_hang_is_noticed() -> None:
    from eyelid.engine import after

    other, gate = held(Limits(items=1))
    waiting = other.submit(Item(Echo(), 0, 1))
    first = Engine(ONE).submit(Item(Echo(), 1, 1))
    follows = after([first], lambda made: other.submit_all([Item(Echo(), 3, 1)])[0])
    started = time.monotonic()
    eventually(lambda: other.stats().queued == 2)
    assert time.monotonic() - started < 5

    hold = threading.Event()
    hangs = Engine(ONE, limits=Limits(items=1), hang_seconds=0.1)
    lost = hangs.submit(Item(Does(lambda batch: [hold.wait(20)]), 1, 1))
    eventually(lambda: hangs.stats().running == 1)
    queued = hangs.submit(Item(Echo(), 2, 1))
    instead = after([lost], lambda made: hangs.submit_all([Item(Echo(), 4, 1)])[0])
    assert instead.result(10) == 8
    assert queued.result(10) == 4
    hold.set()
    gate.set()
    assert follows.result(20) == 6
    assert waiting.result(20) == 0


def test_items_are_made_without_the_engine_waiting() -> None:
    engine, echo = Engine(ONE), Echo()
    nested = (Item(echo, engine.submit(Item(echo, n, 1)).result(20), 1) for n in range(3))
    assert [f.result(20) for f in engine.submit_all(nested)] == [0, 4, 8]
