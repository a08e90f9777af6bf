"""Token windows, and JSON strings changed in place."""

import json
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.text import map_json_strings, token_windows


@given(st.integers(0, 3000), st.integers(1, 300), st.data())
def test_windows_cover_every_token(n_tokens: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    windows = token_windows(n_tokens, size=size, overlap=overlap)
    assert (windows[0][0], windows[-1][1]) == (0, n_tokens) if n_tokens else windows == []
    assert all(end - start == min(size, n_tokens) for start, end in windows)
    for (start, end), (next_start, next_end) in pairwise(windows):
        assert start < next_start <= end - overlap
        assert end < next_end


@pytest.mark.parametrize(("n", "size", "overlap"), [(-1, 4, 1), (5, 0, 0), (5, 4, 4), (5, 4, -1)])
def test_impossible_windows_are_refused(n: int, size: int, overlap: int) -> None:
    with pytest.raises(ConfigurationError, match="overlap"):
        token_windows(n, size=size, overlap=overlap)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.ascii_letters + " é\ud800\n\\/", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def mapped(value: object) -> object:
    match value:
        case str():
            return value + "!"
        case list():
            return [mapped(item) for item in value]
        case dict():
            return {key: mapped(item) for key, item in value.items()}
        case _:
            return value


@given(JSON, st.booleans())
def test_every_string_value_is_changed_and_nothing_else(value: object, ascii_only: bool) -> None:
    changed = map_json_strings(json.dumps(value, ensure_ascii=ascii_only), lambda text: text + "!")
    assert changed is not None
    assert json.loads(changed) == mapped(value)


def test_layout_keys_numbers_and_duplicates_are_kept() -> None:
    text = '{ "a" : "x",\n "a": "y", "n": 1.50, "big": ' + "9" * 5000 + "}"
    assert map_json_strings(text, str.upper) == text.replace('"x"', '"X"').replace('"y"', '"Y"')


def test_json_inside_strings_is_walked() -> None:
    text = json.dumps({"outer": json.dumps({"key": ["inner"]})})
    changed = map_json_strings(text, str.upper)
    assert changed is not None
    assert json.loads(json.loads(changed)["outer"]) == {"key": ["INNER"]}


@pytest.mark.parametrize("text", ["", "  ", "plain text", "{'a': 1}", '{"a": "b"', "[" * 100_000])
def test_what_is_not_json_gives_none(text: str) -> None:
    assert map_json_strings(text, str.upper) is None
