from concurrent.futures import Future

import pytest

from eyelid.errors import InputError
from eyelid.guard import Guard
from eyelid.guard._drivers import run, together
from eyelid.guard._effects import Answer, Effect, Stage
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader
from eyelid.types import Exchange, Image, Surface


def mixed(count: int) -> list[Exchange]:
    return [
        Exchange(
            prompt=f"prompt {number}",
            response=f"text {number} " + ("bomb" if number % 3 == 0 else "tea"),
            images=(Image(b"picture"),) if number % 5 == 0 else (),
            surface=list(Surface)[number % 5],
        )
        for number in range(count)
    ]


def guard(detector: FakeDetector) -> Guard:
    parts = {"detoxifier": FakeDetoxifier({"bomb": "cake"}), "decoder": FakeDecoder(), "reader": FakeReader()}
    return Guard([detector], **parts)


def test_many_gives_what_each_alone_gives_in_order() -> None:
    exchanges = mixed(40)
    single = guard(FakeDetector({"bomb": 0.9}))
    for exchange, outcome in zip(exchanges, single.check_many(exchanges), strict=True):
        alone = single.check(exchange)
        assert (outcome.text, outcome.verdict, outcome.scores) == (alone.text, alone.verdict, alone.scores)
        assert (outcome.coverage, outcome.images) == (alone.coverage, alone.images)


def test_what_many_need_of_a_role_is_one_call() -> None:
    detector = FakeDetector({"bomb": 0.9})
    guard(detector).check_many([Exchange(response=f"a {word}") for word in ["bomb"] * 10 + ["tea"] * 20])
    assert detector.log.sizes == [30, 10]


def test_a_call_is_bounded_and_nothing_is_lost() -> None:
    detector = FakeDetector({"bomb": 0.9})
    outcomes = guard(detector).check_many([Exchange(response=f"a bomb {number}") for number in range(1000)])
    assert max(detector.log.sizes) <= 256
    assert [outcome.text for outcome in outcomes] == [f"a cake {number}" for number in range(1000)]


def test_a_flow_that_alone_exceeds_the_bound_still_runs() -> None:
    def greedy() -> object:
        (answer,) = yield (Effect(Stage.SCORE, tuple(range(1000)), "one"),)
        return answer.results

    flows = together([greedy(), greedy()])
    rounds: list[int] = []

    def submit(effect: Effect) -> Future[Answer]:
        rounds.append(len(effect.items))
        done: Future[Answer] = Future()
        done.set_result(Answer(effect.items))
        return done

    assert run(flows, submit) == [tuple(range(1000))] * 2
    assert rounds == [1000, 1000]


def test_no_exchanges_give_no_outcomes() -> None:
    assert guard(FakeDetector()).check_many([]) == []


def test_something_else_than_an_exchange_is_refused_before_anything_runs() -> None:
    detector = FakeDetector()
    with pytest.raises(InputError, match="not at str"):
        guard(detector).check_many([Exchange(response="hello"), "hello"])
    assert detector.log.sizes == []
