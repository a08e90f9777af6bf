"""Hashed n-grams."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eyelid.models import BUCKETS, LinearModel, features


@given(st.text(max_size=200))
def test_each_half_has_length_one_or_is_empty(text: str) -> None:
    buckets, values = features(text)
    assert len(buckets) == len(values)
    assert (np.diff(buckets) > 0).all()
    for half in (values[buckets < BUCKETS], values[buckets >= BUCKETS]):
        assert len(half) == 0 or np.isclose(np.linalg.norm(half), 1.0, atol=1e-4)
    assert len(buckets) == 0 or (buckets[0] >= 0 and buckets[-1] < 2 * BUCKETS)


def test_case_and_spacing_do_not_matter() -> None:
    for one, other in zip(features("Stir  the\nSOUP"), features("stir the soup"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_neighbouring_texts_differ() -> None:
    assert not np.array_equal(features("stir the soup")[0], features("stir the soap")[0])


def test_a_surrogate_is_taken() -> None:
    assert len(features("a\ud800b")[0])


def test_logits_are_sums_of_weights() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(2, 2 * BUCKETS)).astype(np.float32)
    model = LinearModel(weights, np.array([0.5, -0.5]))
    buckets, values = features("stir the soup")
    expected = weights[:, buckets] @ values + [0.5, -0.5]
    np.testing.assert_allclose(model.logits("stir the soup"), expected, rtol=1e-5)
