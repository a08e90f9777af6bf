import base64
import codecs
import unicodedata
import urllib.parse

import pytest

from eyelid.evaluation.transforms import HELD_OUT, KNOWN, transform

TEXT = "Please water the 3 green plants, then close the window."


@pytest.mark.parametrize("name", [*KNOWN, *HELD_OUT])
def test_a_trick_changes_the_text_and_is_reproducible(name: str) -> None:
    changed = transform(name, TEXT, seed=1)
    assert changed != TEXT
    assert transform(name, TEXT, seed=1) == changed


def test_seeds_vary_what_is_drawn() -> None:
    assert transform("homoglyphs", TEXT, seed=1) != transform("homoglyphs", TEXT, seed=2)


def test_encodings_decode() -> None:
    assert base64.b64decode(base64.b64decode(transform("base64_twice", TEXT))).decode() == TEXT
    assert bytes.fromhex(transform("hex", TEXT)).decode() == TEXT
    assert codecs.decode(transform("rot13", TEXT), "rot13") == TEXT
    assert urllib.parse.unquote(transform("url", TEXT)) == TEXT
    assert transform("reversed", transform("reversed", TEXT)) == TEXT


def test_what_normalisation_undoes() -> None:
    for name in ("full_width", "math_letters"):
        assert unicodedata.normalize("NFKC", transform(name, TEXT)) == TEXT
    letters = "".join(
        c for c in unicodedata.normalize("NFKD", transform("diacritics", TEXT)) if not unicodedata.combining(c)
    )
    assert letters == TEXT


def test_hidden_carriers_show_no_letters() -> None:
    for name in ("tags", "variation_selectors"):
        assert not any(c.isascii() and c.isalpha() for c in transform(name, TEXT))


def test_an_unknown_trick_is_an_error() -> None:
    with pytest.raises(KeyError):
        transform("nothing", TEXT)
