import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.remote import Breaker, Circuit

# What happens to a breaker: time passes, a call is asked for, a call ends.
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.0, 5.0)),
        st.tuples(st.just("ask"), st.just(0.0)),
        st.tuples(st.just("fail"), st.just(0.0)),
        st.tuples(st.just("succeed"), st.just(0.0)),
    ),
    max_size=80,
)


def opened(breaker: Breaker, failures: int, at: float = 0.0) -> Breaker:
    for _ in range(failures):
        assert breaker.allow(at)
        breaker.failed(at)
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = opened(Breaker(failures=3, rest=1.0), 2)
    breaker.succeeded()
    opened(breaker, 2)
    assert breaker.state(0.0) is Circuit.CLOSED
    breaker.failed(0.0)
    assert breaker.state(0.999) is Circuit.OPEN
    assert not breaker.allow(0.999)


def test_after_its_rest_one_call_goes_through() -> None:
    breaker = opened(Breaker(failures=1, rest=1.0), 1)
    assert breaker.state(1.0) is Circuit.HALF_OPEN
    assert [breaker.allow(1.0), breaker.allow(1.0), breaker.allow(1.5)] == [True, False, False]
    breaker.succeeded()
    assert breaker.state(1.5) is Circuit.CLOSED


def test_each_failed_trial_doubles_the_rest() -> None:
    breaker = opened(Breaker(failures=1, rest=1.0, longest=3.0), 1)
    now, rests = 0.0, []
    for _ in range(4):
        started = now
        while not breaker.allow(now):
            now += 0.25
        rests.append(now - started)
        breaker.failed(now)
    assert rests == [1.0, 2.0, 3.0, 3.0]


def test_failures_of_calls_begun_before_it_opened_do_not_prolong_it() -> None:
    breaker = opened(Breaker(failures=2, rest=1.0), 2)
    for _ in range(20):
        breaker.failed(0.5)
    assert breaker.allow(1.0)


def test_a_trial_that_never_ends_lapses() -> None:
    breaker = opened(Breaker(failures=1, rest=1.0), 1)
    assert breaker.allow(1.0)
    assert not breaker.allow(1.9)
    assert breaker.allow(2.0)


@given(EVENTS, st.integers(1, 4))
def test_while_open_there_is_at_most_one_call_in_each_rest(events: list[tuple[str, float]], failures: int) -> None:
    breaker, now, calls = Breaker(failures=failures, rest=1.0, longest=4.0), 0.0, []
    failed = 0
    for event, seconds in events:
        now += seconds
        if event == "ask" and breaker.allow(now):
            if failed >= failures:
                assert not calls or now - calls[-1] >= 1.0
                calls.append(now)
        elif event == "fail":
            breaker.failed(now)
            failed += 1
        elif event == "succeed":
            breaker.succeeded()
            failed, calls = 0, []
        assert (breaker.state(now) is Circuit.CLOSED) == (failed < failures)


@given(EVENTS)
def test_it_always_tries_again_and_one_success_closes_it(events: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(rest=1.0, longest=4.0), 0.0
    for event, seconds in events:
        now += seconds
        if event == "ask":
            breaker.allow(now)
        elif event == "fail":
            breaker.failed(now)
    assert breaker.allow(now + 4.0)
    breaker.succeeded()
    assert all(breaker.allow(now) for _ in range(3))


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"rest": 0.0}, {"rest": 31.0}, {"longest": math.inf}])
def test_impossible_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Breaker(**wrong)  # type: ignore[arg-type]
