import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.detectors import TOP, Band, fit_band
from eyelid.errors import ConfigurationError, PolicyError
from eyelid.types import Surface

# Few values, so that equal scores are common.
SCORES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0.0, 1.0))
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=30)
SHARES = st.sampled_from([0.0, 0.05, 0.1, 0.3, 1.0])


def decided(cheap: float, strong: float, low: float, high: float, threshold: float) -> bool:
    return (strong if Band("harm", low, high).holds(cheap) else cheap) >= threshold


def counts(pairs: list[tuple[float, float]], low: float, high: float, threshold: float) -> tuple[int, int, int]:
    """Escalated, changed and missed texts, counted one by one."""
    escalated = changed = missed = 0
    for cheap, strong in pairs:
        flagged, before = decided(cheap, strong, low, high, threshold), strong >= threshold
        escalated += Band("harm", low, high).holds(cheap)
        changed += flagged != before
        missed += before and not flagged
    return escalated, changed, missed


@settings(max_examples=300)
@given(PAIRS, st.sampled_from([0.25, 0.3, 0.5, 0.9]), SHARES, SHARES)
def test_the_band_keeps_its_limits_and_none_that_does_asks_less(
    pairs: list[tuple[float, float]], threshold: float, changed: float, missed: float
) -> None:
    cheap, strong = zip(*pairs, strict=True)
    fit = fit_band(cheap, strong, threshold=threshold, changed=changed, missed=missed)
    flagged = sum(score >= threshold for score in strong)
    most_changed, most_missed = int(changed * len(pairs)), int(missed * flagged)
    escalated, differing, lost = counts(pairs, fit.low, fit.high, threshold)
    assert differing <= most_changed
    assert lost <= most_missed
    assert fit.escalated == pytest.approx(escalated / len(pairs))
    assert fit.changed == pytest.approx(differing / len(pairs))
    assert fit.missed == pytest.approx(lost / flagged if flagged else 0.0)
    assert fit.low <= threshold
    assert fit.high >= threshold
    ends = sorted({0.0, threshold, TOP, *cheap})
    for low in (end for end in ends if end <= threshold):
        for high in (end for end in ends if end >= threshold):
            other, differs, loses = counts(pairs, low, high, threshold)
            assert other >= escalated or differs > most_changed or loses > most_missed


@given(PAIRS)
def test_without_leave_to_differ_nothing_differs(pairs: list[tuple[float, float]]) -> None:
    cheap, strong = zip(*pairs, strict=True)
    fit = fit_band(cheap, strong, threshold=0.5, changed=0.0, missed=0.0)
    assert (fit.changed, fit.missed) == (0.0, 0.0)


@given(PAIRS)
def test_a_one_sided_band_never_flags_without_the_strong_detector(pairs: list[tuple[float, float]]) -> None:
    cheap, strong = zip(*pairs, strict=True)
    fit = fit_band(cheap, strong, threshold=0.5, one_sided=True)
    assert fit.high == TOP
    assert all(Band("harm", fit.low, fit.high).holds(score) for score in cheap if score >= 0.5)


def test_two_detectors_that_agree_need_no_band() -> None:
    scores = [0.1, 0.4, 0.6, 0.9]
    assert fit_band(scores, scores, threshold=0.5).escalated == 0.0


def test_a_cheap_detector_that_knows_nothing_is_never_believed() -> None:
    fit = fit_band([0.3] * 10, [0.0, 1.0] * 5, threshold=0.5, changed=0.0, missed=0.0)
    assert fit.escalated == 1.0


def test_a_large_fit_is_quick_and_exact() -> None:
    rng = np.random.default_rng(0)
    strong = rng.random(100_000)
    cheap = np.clip(strong + rng.normal(0, 0.1, len(strong)), 0, 1)
    fit = fit_band(cheap.tolist(), strong.tolist(), threshold=0.5, changed=0.01, missed=0.01)
    assert fit.texts == 100_000
    assert 0.1 < fit.escalated < 0.4
    assert max(fit.changed, fit.missed) <= 0.01


@pytest.mark.parametrize("score", [float("nan"), 0.2, 0.5, 0.79])
def test_what_lies_in_the_band_or_nowhere_is_held(score: float) -> None:
    assert Band("harm", 0.2, 0.8).holds(score)


@pytest.mark.parametrize("score", [0.0, 0.19, 0.8, 1.0])
def test_what_lies_outside_is_not(score: float) -> None:
    assert not Band("harm", 0.2, 0.8).holds(score)


def test_a_band_without_upper_end_holds_all_from_its_lower_end() -> None:
    assert Band("harm", 0.2).holds(1.0)
    assert Band("harm", 0.2, surface="input").surface is Surface.INPUT  # type: ignore[arg-type]


@pytest.mark.parametrize("ends", [(-0.1, 0.5), (0.6, 0.5), (0.1, 2.0), (float("nan"), 0.5), (0.1, float("nan"))])
def test_what_is_no_band_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ConfigurationError):
        Band("harm", *ends)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PolicyError, match="harm"):
        Band("harms", 0.1)
    with pytest.raises(PolicyError, match="output"):
        Band("harm", 0.1, surface="outputs")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cheap", "strong", "how"),
    [
        ([], [], {}),
        ([0.1], [0.1, 0.2], {}),
        ([1.1], [0.1], {}),
        ([0.1], [float("nan")], {}),
        ([0.1], [0.1], {"threshold": 1.5}),
        ([0.1], [0.1], {"changed": -0.1}),
        ([0.1], [0.1], {"missed": float("nan")}),
    ],
)
def test_what_cannot_be_fitted_is_refused(cheap: list[float], strong: list[float], how: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        fit_band(cheap, strong, **{"threshold": 0.5, **how})
