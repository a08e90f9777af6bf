import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.evaluation.needles import CHARACTERS_PER_TOKEN, hide, long_text, needles

TEXTS = ["Roses like sun. Ferns like shade. Moss likes rain.", "Ducks swim. Geese fly. Hens walk about all day long."]


def test_a_long_text_has_about_the_length_that_was_asked() -> None:
    text = long_text(TEXTS, 500, seed=1)
    assert 0.9 * 500 * CHARACTERS_PER_TOKEN < len(text) <= 500 * CHARACTERS_PER_TOKEN
    assert text == long_text(TEXTS, 500, seed=1) != long_text(TEXTS, 500, seed=2)
    with pytest.raises(ValueError, match="no text"):
        long_text(["", "  "], 500, seed=1)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(20, 300))
def test_the_passage_stands_by_itself_where_it_was_put(position: float, tokens: int) -> None:
    text = long_text(TEXTS, tokens, seed=0)
    hidden = hide("THE PASSAGE", text, position)
    before, _, after = hidden.partition("THE PASSAGE")
    assert (before + after).split() == text.split()
    assert abs(len(before) - position * len(text)) <= max(map(len, TEXTS))
    assert before == "" or before.endswith(".\n\n")


def test_needles_cover_positions_and_lengths() -> None:
    made = needles(["ONE", "TWO"], TEXTS, count=9, shortest=50, longest=400, seed=3)
    assert [needle.position for needle in made] == [step / 8 for step in range(9)]
    assert sorted(needle.tokens for needle in made)[::8] == [50, 400]
    assert [needle.passage for needle in made[:3]] == ["ONE", "TWO", "ONE"]
    assert all(needle.passage in needle.text for needle in made)
