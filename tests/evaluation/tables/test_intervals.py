import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.evaluation.intervals import Interval, Pairs, macro_intervals, mcnemar, paired_difference, wilson
from eyelid.evaluation.tables._utility import mean_interval

counts = st.integers(0, 60)
pairs = st.builds(Pairs, both=counts, gained=counts, lost=counts, neither=counts).filter(lambda p: p.rows > 0)


def test_intervals_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for hits, of in ((0, 10), (3, 10), (81, 163), (44, 44), (1, 5040)):
        theirs = stats.binomtest(hits, of).proportion_ci(confidence_level=0.95, method="wilson")
        assert wilson(hits, of).low == pytest.approx(theirs.low, abs=1e-9)
        assert wilson(hits, of).high == pytest.approx(theirs.high, abs=1e-9)
    for gained, lost in ((0, 0), (5, 5), (1, 9), (30, 12), (745, 0)):
        theirs_p = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        assert mcnemar(gained, lost) == pytest.approx(theirs_p)


@given(pairs)
def test_every_interval_holds_its_estimate_and_stays_in_range(found: Pairs) -> None:
    for hits in (found.before, found.after):
        inside = wilson(hits, found.rows)
        assert hits / found.rows in inside
        assert 0.0 <= inside.low < inside.high <= 1.0
    difference = paired_difference(found)
    assert -1.0 <= difference.low <= (found.after - found.before) / found.rows <= difference.high <= 1.0


@given(pairs, st.integers(2, 20))
def test_intervals_shrink_with_the_number_of_rows(found: Pairs, times: int) -> None:
    more = Pairs(*(times * count for count in found.counts))
    assert wilson(more.after, more.rows).width < wilson(found.after, found.rows).width
    assert paired_difference(more).width < paired_difference(found).width


@given(pairs)
def test_seen_the_other_way_round_a_difference_has_the_other_sign(found: Pairs) -> None:
    turned = paired_difference(Pairs(found.both, found.lost, found.gained, found.neither))
    straight = paired_difference(found)
    assert (turned.low, turned.high) == pytest.approx((-straight.high, -straight.low))


def test_intervals_of_differences_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    for shares in ([0.5, 0.3, 0.05, 0.15], [0.9, 0.06, 0.01, 0.03], [0.25, 0.25, 0.25, 0.25]):
        truth = shares[1] - shares[2]
        drawn = rng.multinomial(120, shares, size=1500)
        held = np.mean([truth in paired_difference(Pairs(*map(int, row))) for row in drawn])
        assert 0.935 <= held <= 0.985


def test_intervals_of_macro_means_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    shares = [[0.5, 0.3, 0.05, 0.15], [0.2, 0.5, 0.1, 0.2], [0.7, 0.1, 0.1, 0.1]]
    after, gain = np.mean([s[0] + s[1] for s in shares]), np.mean([s[1] - s[2] for s in shares])
    held_after = held_gain = 0
    for _ in range(200):
        strata = [Pairs(*map(int, rng.multinomial(n, s))) for n, s in zip((40, 150, 90), shares, strict=True)]
        found = macro_intervals(strata, resamples=800)
        held_after += after in found.after
        held_gain += gain in found.difference
    assert held_after >= 180
    assert held_gain >= 180


@settings(max_examples=30, deadline=None)
@given(st.lists(pairs, min_size=1, max_size=6))
def test_intervals_of_macro_means_hold_them_and_repeat_with_the_seed(strata: list[Pairs]) -> None:
    found = macro_intervals(strata, seed=3, resamples=400)
    assert found == macro_intervals(strata, seed=3, resamples=400)
    before = sum(s.before / s.rows for s in strata) / len(strata)
    after = sum(s.after / s.rows for s in strata) / len(strata)
    assert found.before.low - 1e-9 <= before <= found.before.high + 1e-9
    assert found.after.low - 1e-9 <= after <= found.after.high + 1e-9
    assert found.difference.low - 1e-9 <= after - before <= found.difference.high + 1e-9


def test_rows_that_all_agree_are_no_certainty() -> None:
    found = macro_intervals([Pairs(both=5), Pairs(both=5)])
    assert found.after.high == 1.0
    assert found.after.low < 0.85
    assert macro_intervals([Pairs(both=500), Pairs(both=500)]).after.low > 0.99


@pytest.mark.parametrize(("hits", "of"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_has_no_interval(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(hits, of)


def test_a_mean_over_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="scenarios with rows"):
        macro_intervals([Pairs(both=1), Pairs()])


def test_means_of_points_hold_the_truth() -> None:
    rng = random.Random(5)
    held = sum(0.5 in mean_interval([rng.random() for _ in range(60)]) for _ in range(400))
    assert held >= 365
    assert mean_interval([0.5]) == Interval(0.0, 1.0)
