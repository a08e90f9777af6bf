import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.evaluation.metrics import (
    auprc,
    auroc,
    expected_calibration_error,
    f1,
    fpr_at_recall,
    rate_upper_bound,
    recall_at_fpr,
    threshold_for_fpr,
)

LABELS = [0, 0, 1, 1, 0, 1]
SCORES = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4]


def test_figures_on_a_case_done_by_hand() -> None:
    assert auroc(LABELS, SCORES) == pytest.approx((1 + 0 + 0 + 3 + 1 + 0.5 + 0.5) / 9)
    assert auprc(LABELS, SCORES) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 4 + 1 / 3 * 3 / 5)
    assert f1(LABELS, SCORES, 0.4) == pytest.approx(2 * 2 / (4 + 3))
    assert recall_at_fpr(LABELS, SCORES, 0.0) == pytest.approx(1 / 3)
    assert fpr_at_recall(LABELS, SCORES, 0.6) == pytest.approx(2 / 3)


@settings(deadline=None)  # the first call imports scikit-learn
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=4, max_size=80))
def test_curves_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    labels = [0, 1, *(label for label, _ in pairs)]
    scores = [0.5, 0.5, *(score / 20 for _, score in pairs)]
    assert auroc(labels, scores) == pytest.approx(sklearn.roc_auc_score(labels, scores))
    assert auprc(labels, scores) == pytest.approx(sklearn.average_precision_score(labels, scores))
    assert f1(labels, scores, 0.5) == pytest.approx(sklearn.f1_score(labels, [score >= 0.5 for score in scores]))


def test_one_class_has_no_curve() -> None:
    with pytest.raises(ValueError, match="harmful and harmless"):
        auroc([1, 1], [0.1, 0.2])


def test_calibrated_scores_have_no_calibration_error() -> None:
    assert expected_calibration_error([0, 1] * 50, [0.5] * 100) == pytest.approx(0.0)
    assert expected_calibration_error([0] * 100, [0.9] * 100) == pytest.approx(0.9)


def test_nothing_in_three_thousand_bounds_the_rate_at_one_in_a_thousand() -> None:
    assert rate_upper_bound(0, 3000) == pytest.approx(0.000998, abs=2e-6)
    assert rate_upper_bound(5, 100) == pytest.approx(0.1022, abs=2e-4)
    assert rate_upper_bound(10, 10) == 1.0


@settings(deadline=None)
@given(st.integers(300, 2000), st.sampled_from([0.01, 0.02, 0.05]))
def test_the_threshold_keeps_the_stated_rate(count: int, fpr: float) -> None:
    rng = random.Random(count)
    harmless = [rng.random() ** 3 for _ in range(count)]
    threshold = threshold_for_fpr(harmless, fpr)
    false = sum(score >= threshold for score in harmless)
    assert rate_upper_bound(false, count) <= fpr
    assert rate_upper_bound(false + 1, count) > fpr
    assert threshold_for_fpr(harmless, fpr, confidence=None) <= threshold


def test_ties_never_break_the_promise() -> None:
    threshold = threshold_for_fpr([0.2] * 500 + [0.9] * 500, 0.02)
    assert 0.9 < threshold <= 1.0


def test_too_few_texts_promise_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        threshold_for_fpr([0.1] * 50, 0.01)
