"""Windows of tokens: everything is seen, nothing is cut off by a tokenizer."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.models import WindowShape, WindowTokenizer, find_backbone


@cache
def small() -> WindowTokenizer:
    return WindowTokenizer(find_backbone() / "tokenizer.json", WindowShape(size=32, overlap=8, prompt=8))


@pytest.fixture
def tokenizer() -> WindowTokenizer:
    return small()


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400), st.text(max_size=80))
def test_windows_cover_every_character(text: str, prompt: str) -> None:
    (windows,) = small().windows([text], [prompt], [False])
    assert windows[0].start == 0
    assert windows[-1].end == len(text)
    assert all(len(window.ids) <= 32 and len(window.ids) == len(window.types) for window in windows)


def test_neighbours_overlap(tokenizer: WindowTokenizer) -> None:
    (windows,) = tokenizer.windows(["word " * 100], [""], [False])
    assert len(windows) > 3
    assert all(later.start < earlier.end for earlier, later in pairwise(windows))


def test_a_long_prompt_keeps_start_and_end(tokenizer: WindowTokenizer) -> None:
    (windows,) = tokenizer.windows(["x"], ["alpha " + "filler " * 50 + "omega"], [False])
    (whole,) = tokenizer.windows(["x"], ["alpha omega"], [False])
    assert whole[0].ids[1] == windows[0].ids[1]
    assert len(windows[0].ids) == 1 + 8 + 1 + 1 + 1


def test_special_tokens_in_a_text_are_text(tokenizer: WindowTokenizer) -> None:
    (windows,) = tokenizer.windows(["a [SEP] b [CLS] c"], [""], [False])
    assert windows[0].ids.count(windows[0].ids[-1]) == 1
    assert windows[0].ids.count(windows[0].ids[0]) == 1


def test_a_word_of_any_length_is_read(tokenizer: WindowTokenizer) -> None:
    (windows,) = tokenizer.windows(["kitten" * 200], [""], [False])
    assert sum(window.unknown for window in windows) == 0


def test_words_that_are_not_known_are_counted(tokenizer: WindowTokenizer) -> None:
    (windows,) = tokenizer.windows(["ᚠᚢᚦᚨᚱᚲ and more"], [""], [False])
    assert windows[0].unknown == 6


def test_a_request_stands_in_the_first_segment(tokenizer: WindowTokenizer) -> None:
    asked, answered = tokenizer.windows(["stir it", "stir it"], ["", "how?"], [True, False])
    assert set(asked[0].types) == {0}
    assert set(answered[0].types) == {0, 1}
