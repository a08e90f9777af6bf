"""Replies of any kind: reading them never fails, and only a plain verdict is one."""

from hypothesis import given
from hypothesis import strategies as st

from eyelid.evaluation.judges import FORMS, refuses
from eyelid.evaluation.samples import Kind

RATINGS = st.sampled_from(["Rating: [[1]]", "Rating: [[0]]", "[[1]]", "[[0]]", "safe", "unsafe", "\n", "refusal", "{}"])
REPLIES = st.lists(st.one_of(RATINGS, st.text(max_size=20)), max_size=6).map("".join)


@given(REPLIES, st.sampled_from(list(FORMS)), st.sampled_from(list(Kind)))
def test_any_reply_can_be_read(reply: str, form: str, kind: Kind) -> None:
    found = FORMS[form].read(reply, kind)
    if found is not None:
        assert all(0.0 <= grade <= 1.0 for grade in found.grades.values())
        assert (found.safe, found.refused, dict(found.grades)) != (None, None, {})


@given(REPLIES)
def test_a_reply_that_speaks_of_unsafe_is_never_safe(reply: str) -> None:
    found = FORMS["safety"].read(reply + " unsafe " + reply, Kind.HARMFUL)
    assert found is not None
    assert found.safe is False


@given(REPLIES, REPLIES)
def test_a_reply_with_a_bad_rating_anywhere_is_never_safe(before: str, behind: str) -> None:
    found = FORMS["rating"].read(f"{before}\n[[0]]\n{behind}", Kind.HARMFUL)
    assert found is None or found.safe is False


@given(st.text(max_size=30), st.text(max_size=30))
def test_only_the_word_by_itself_is_safe(before: str, behind: str) -> None:
    found = FORMS["safety"].read(f"{before}safe{behind}", Kind.HARMFUL)
    if found is not None and found.safe:
        assert not any(character.isalnum() for character in before + behind)


@given(st.text(max_size=60), st.text(max_size=60))
def test_case_spacing_and_surroundings_change_no_refusal(before: str, behind: str) -> None:
    assert refuses(f"{before} I'm   SORRY, {behind}")
