import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.remote import RetryBudget, delay, lots, refused, sendable, size


@given(st.lists(st.booleans(), max_size=300), st.floats(0.0, 1.0), st.floats(0.0, 20.0))
def test_retries_stay_within_their_share_of_the_calls(tries: list[bool], share: float, most: float) -> None:
    budget = RetryBudget(share=share, most=most)
    calls = retries = 0
    for again in tries:
        if again:
            retries += budget.spend()
        else:
            calls += 1
            budget.earn()
        assert retries <= most + share * calls + 1e-6


def test_a_server_that_always_fails_gets_a_fifth_more_calls() -> None:
    budget, retries = RetryBudget(), 0
    for _ in range(1000):
        budget.earn()
        while budget.spend():
            retries += 1
    assert 200 <= retries <= 210


@pytest.mark.parametrize("wrong", [{"share": -0.1}, {"share": 1.1}, {"most": -1.0}, {"most": math.inf}])
def test_impossible_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        RetryBudget(**wrong)


@given(st.integers(1, 10_000), st.floats(0.0, 100.0), st.floats(0.0, 1.0, exclude_max=True))
def test_no_attempt_comes_before_the_server_wants_it(attempt: int, wait: float, chance: float) -> None:
    assert wait <= delay(attempt, wait=wait, chance=chance) <= wait + 2.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_without_room_is_asked_again(status: int) -> None:
    assert refused(status).again
    assert refused(status, "7").wait == 7.0


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413, 422, 500, 501, 204])
def test_other_answers_are_final(status: int) -> None:
    assert not refused(status).again
    assert not refused(status).down


@pytest.mark.parametrize("header", ["", "soon", "-1", "1e9", "9" * 20, "٣", "Fri, 20 Nov 2026 10:00:00 GMT"])
def test_an_odd_retry_after_is_none(header: str) -> None:
    assert refused(503, header).wait == 0.0


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 10), st.integers(1, 60))
def test_lots_keep_order_and_bounds(weights: list[int], most: int, heaviest: int) -> None:
    found = lots(weights, lambda weight: weight, most=most, heaviest=heaviest)
    assert [weight for lot in found for weight in lot] == weights
    assert all(len(lot) <= most and (len(lot) == 1 or sum(lot) <= heaviest) for lot in found)
    assert all(found)


@given(st.text(st.characters(), max_size=40))
def test_what_is_sent_has_the_same_length_and_fits_the_estimate(text: str) -> None:
    assert len(sendable(text)) == len(text)
    assert len(sendable(text).encode()) <= size(text)


def test_lone_surrogates_are_replaced() -> None:
    assert sendable("a\ud800b\udfff") == "a\ufffdb\ufffd"
