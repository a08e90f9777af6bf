"""Sentences cover everything and end where a reader would say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.text import split_sentences
from eyelid.text._sentences import MAX_SENTENCE

CASES = [
    ("One. Two! Three? Four", ["One. ", "Two! ", "Three? ", "Four"]),
    (
        "Dr. Smith paid $3.50 to J. Doe, e.g. for tea. He left.",
        ["Dr. Smith paid $3.50 to J. Doe, e.g. for tea. ", "He left."],
    ),
    ('"Stop." He did.', ['"Stop." ', "He did."]),
    ("Steps:\n1. Mix it.\n2. Bake\n- rest", ["Steps:\n", "1. Mix it.\n", "2. Bake\n", "- rest"]),
    ("a para\n\nanother", ["a para\n\n", "another"]),
    ("Run:\n```\nx = 1.5\ny = 2\n```\nDone.", ["Run:\n", "```\n", "x = 1.5\n", "y = 2\n", "```\n", "Done."]),
    ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
    ("wait... what", ["wait... ", "what"]),
]


@pytest.mark.parametrize(("text", "sentences"), CASES)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


def test_wrapped_prose_stays_together() -> None:
    text = "The river runs through the valley and past the old mill where\nthe miller lives. He sleeps."
    assert len(split_sentences(text)) == 2


def test_text_without_punctuation_is_cut_at_spaces() -> None:
    text = "word " * 500
    pieces = [text[start:end] for start, end in split_sentences(text)]
    assert max(map(len, pieces)) <= MAX_SENTENCE
    assert all(piece.endswith(" ") for piece in pieces)


@given(st.text("ab .!?\n-1`。\"'\u200b", max_size=300) | st.text(max_size=900))
def test_every_character_is_in_one_sentence(text: str) -> None:
    ranges = split_sentences(text)
    assert [start for start, _ in ranges] == [0, *[end for _, end in ranges]][: len(ranges)]
    assert (ranges[-1][1] if ranges else 0) == len(text)
    assert all(0 < end - start <= MAX_SENTENCE for start, end in ranges)
