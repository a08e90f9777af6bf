import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.synthesis import Seen, normalised, similarity
from eyelid.synthesis._lists import entries


def test_only_words_count() -> None:
    assert normalised(" Why?  ﬁne — CAFE\u0301, No. ４ ") == "why fine café no 4"
    assert normalised("हिन्दी") == "हिन्दी"
    assert normalised("?!…") == ""


@given(st.text(min_size=1), st.text(min_size=1))
def test_similarity_is_a_symmetric_share(one: str, other: str) -> None:
    assert similarity(one, other) == similarity(other, one)
    assert 0.0 <= similarity(one, other) <= 1.0
    assert similarity(one, one) == 1.0


@given(st.lists(st.text(max_size=40), max_size=12))
def test_no_two_texts_that_stay_are_similar(texts: list[str]) -> None:
    seen = Seen(threshold=0.8)
    kept = [text for text in texts if not seen.add(text)]
    pairs = [(one, other) for place, one in enumerate(kept) for other in kept[:place]]
    assert all(normalised(one) != normalised(other) for one, other in pairs)
    # At the threshold one in some thousand is missed; well above it none that a test would ever see.
    assert all(similarity(one, other) < 0.95 for one, other in pairs)


def test_exact_near_and_other_texts_are_told_apart() -> None:
    seen = Seen(threshold=0.7)
    assert seen.add("How do people pick the lock of a bicycle?") == ""
    assert seen.add("  how do PEOPLE pick the lock of a bicycle!") == "exact"
    assert seen.add("How do people pick the locks of a bicycle?") == "near"
    assert seen.add("How do people pick a present for a friend?") == ""
    assert seen.add("?!") == "empty"
    exact = Seen(threshold=1.0)
    assert [exact.add(text) for text in ("abc def", "ABC def", "abc deg")] == ["", "exact", ""]


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.5}, {"n": 0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Seen(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Sure:\n1. one thing\n2) another thing\n\nAnything else?", ["one thing", "another thing"]),
        ('- one thing\n* **another** thing\n• "third thing"', ["one thing", "another thing", "third thing"]),
        ('Here: ["one thing", "another thing", 3]', ["one thing", "another thing"]),
        ("I'm sorry, I cannot do that.", []),
        ("1. x\n2. " + "long " * 200, []),
        ("", []),
    ],
)
def test_lists_of_models_are_read(reply: str, found: list[str]) -> None:
    assert entries(reply) == found
