"""Bodies from strangers: bounded before they are built, every key once, and no message that quotes them."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.serving._json import MAX_STRUCTURE, MAX_VALUES, parse
from eyelid.serving._problem import Problem

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 2]))
def test_whatever_json_says_is_read_as_it_is(document: Any, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse(body) == document


@pytest.mark.parametrize(
    "body",
    [
        b'{"response": "a", "response": "b"}',
        b'{"response": "a", "respons\\u0065": "b"}',
        b'{"items": [{"a": 1}, {"a": 1, "a": 2}]}',
        b'{"a\\"": 1, "a\\"": 2}',
    ],
)
def test_a_key_that_stands_twice_is_an_error(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse(body)
    assert "twice" in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"canary",
        b'"canary',
        b'"\xff"',
        b'{"canary": }',
        b'{"a": NaN}',
        b'{"a": 1} {"canary": 2}',
        b"[" * 1000,
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b"1" * 10_000,
    ],
)
def test_what_is_no_json_is_told_without_quoting_it(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse(body)
    assert caught.value.status == 400
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 2_000_000 + b"[]]",
        b'{"a":' * 100_000,
        b"[" + b'"",' * 1_000_000 + b'""]',
        b" " * (MAX_STRUCTURE + 1) + b"{}",
        b'"' + b'\\"' * 1_000_000 + b'"' + b"[," * MAX_VALUES,
    ],
)
def test_bombs_are_refused_before_they_are_built(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Problem):
            parse(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(body) + 2**20


def test_one_long_string_full_of_signs_is_no_bomb() -> None:
    text = '[{,:"\\' * 500_000
    assert parse(json.dumps({"response": text}).encode()) == {"response": text}
