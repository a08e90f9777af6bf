"""Ordinary text has one view; views know where they came from; arbitrary text does no harm."""

import base64
import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.text import views
from eyelid.text._canonical import canonicalise

ORDINARY = [
    "In 2024 the 3 teams met at 10am, paid $4.50 (about 90%), and left by 5pm; see Fig. 2b and the 1st table.",
    "The commit 4dea1ed7b0a7 changed file src/app/main_v2.py; id 550e8400-e29b-41d4-a716-446655440000, "
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.",
    "Visit https://example.org/a-page/with%20space?id=42&lang=en#top or write to jo.smith99@example.org today!",
    "Dr. Łukasz O’Brien’s café “Zoë” — naïve façade, 20 °C, 5 µm, €10, H₂O, x² ± 3, Wi-Fi, COVID-19, mp3, UTF-8.",
    'def area(w: float, h: float) -> float:\n    """Area."""\n    return w * h  # m^2\n\nprint(area(2.0, 3))\n',
    '{"name": "Ann", "tags": ["a", "b"], "price": 12.5, "note": "call back on Monday", "id": "a1b2c3d4"}',
    '# Title\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nSee [it](https://example.org/guide "Guide").\n',
    "for (int i = 0; i < n; i++) { if (a[i] != b[i] && x | y) return -1; }",
    "a + b = c, x * y - z = w, f(x, y, z) and P = NP; options A, B, C, D or E.",
    "Привет! Сегодня хорошая погода, и мы пойдём гулять в парк со всеми друзьями.",
    "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και μια όμορφη πόλη.",
    "今日はとても良い天気です。公園に行きましょう。東京は大きな都市です。",
    "मौसम आज बहुत अच्छा है और हम बाहर जा रहे हैं।",
    "Das Wetter ist schön, und wir gehen über die Straße zum Fluß; später essen wir Käse.",
    "Family 👨‍👩‍👧‍👦, flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿, heart ❤️, thumbs 👍🏽 and keycap 1️⃣ are fine.",
    "... --- ... is what they sent. Wait... really? -- yes -- and so on.",
]

SIGNS = [
    "STEPSTO BAKE BREAD\n1.\n2.\n3.",
    "Openinghours: 9.00-17.00",
    "2x Milk 1L    2.38\n1x Bread      1.99\nVAT 7%        0.31\nTOTAL EUR     4.68",
    "B2B, MP3 player, H2O, 4K TV, COVID-19, 7-Eleven, R2-D2, x86_64",
    "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7",
    "Call +49 30 1234567 or 0800-010-9999 ext. 12; 52.5200 N, 13.4050 E",
    "From: Ann <ann@example.org>\nMessage-ID: <20240603.A1B2C3@mail.example.org>\nMIME-Version: 1.0",
    "NO PARKING\nMON-FRI 9-17",
]


@pytest.mark.parametrize("text", SIGNS)
def test_signs_receipts_and_notations_have_one_view(text: str) -> None:
    assert [view.kind for view in views(text).views] == ["canonical"]


def test_a_blob_of_random_letters_says_nothing() -> None:
    for seed in range(20):
        blob = base64.b64encode(random.Random(seed).randbytes(3000)).decode()
        assert len(views(blob).views) == 1


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_has_one_view(text: str) -> None:
    found = views(text)
    assert [view.kind for view in found.views] == ["canonical"]
    assert found.complete
    assert found.covered == len(text)


def test_plain_ascii_is_its_own_view() -> None:
    assert views("Plain text, Upper and lower.").views[0].text == "Plain text, Upper and lower."


def test_other_scripts_stay_themselves() -> None:
    for text in ("Привет, й и ё", "が ぎ", "한국어", "हिन्दी", "שָׁלוֹם"):
        assert views(text).views[0].text == text


def test_a_view_locates_what_it_shows() -> None:
    text = "say aGVsbG8gdG8gdGhlIHdob2xlIHdvcmxk now"
    decoded = next(view for view in views(text).views if "hello to the whole world now" in view.text)
    start = decoded.text.index("hello")
    assert decoded.locate(start, start + 5) == (4, 36)
    assert decoded.locate(0, 3) == (0, 3)
    assert decoded.locate(decoded.text.index("now"), len(decoded.text)) == (37, 40)


def test_an_invisible_character_moves_the_rest() -> None:
    view = views("ca\u200bke \uff54ea").views[0]
    assert view.text == "cake tea"
    assert view.locate(0, 4) == (0, 5)
    assert view.locate(5, 8) == (6, 9)


def test_a_range_outside_the_view_has_no_place() -> None:
    view = views("cake").views[0]
    assert view.locate(3, 9) is None
    assert view.locate(2, 2) is None


def test_escapes_in_json_are_read() -> None:
    inner = json.dumps({"body": "first line\nsecond line"})
    kinds = {view.kind: view.text for view in views(json.dumps({"mail": inner})).views}
    assert "first line\nsecond line" in kinds["json"]
    assert "body:" in kinds["json"]


def test_both_values_of_a_duplicate_key_are_read() -> None:
    found = views('{"a": "one\\nword", "a": "two\\nwords"}')
    text = "".join(view.text for view in found.views if view.kind == "json")
    assert "one\nword" in text
    assert "two\nwords" in text


def test_json_nested_too_deep_in_strings_is_a_failed_look() -> None:
    text = "soup\nbowl"
    for _ in range(9):
        text = json.dumps({"a": text})
    assert "depth" in views(text).problems


def test_markup_does_not_drown_the_text() -> None:
    words = "".join(f"<p style='color: red'><span id='n{i}'>word{i}</span></p>" for i in range(20))
    page = f"<div class='x'>{words}</div>"
    html = next(view for view in views(page + "<img alt='a hidden word'>").views if view.kind == "html")
    assert "<" not in html.text
    assert "a hidden word" in html.text


WILD = st.text(
    st.one_of(
        st.characters(),
        st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"]),
        st.sampled_from(string.printable),
        st.sampled_from("\u200b\u200c\u0301\u3099\u1100\u1161\uff76\uff9e\ufdfa\u0344\ufe0f\U000e0041ɐǝаеоͅ"),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(WILD)
def test_any_text_is_taken_in(text: str) -> None:
    found = views(text)
    assert found.covered == len(text)
    assert sum(len(view.text) for view in found.views) <= 20 * 32 * len(text) + 64
    for view in found.views:
        place = view.locate(0, len(view.text)) if view.text else None
        assert place is None or 0 <= place[0] < place[1] <= len(text)


@settings(max_examples=150, deadline=None)
@given(WILD)
def test_the_canonical_form_is_canonical(text: str) -> None:
    plain, origin = canonicalise(text)
    assert canonicalise(plain)[0] == plain
    assert origin.length == len(plain)
    assert len(plain) <= 18 * len(text)


@settings(max_examples=100, deadline=None)
@given(st.text(string.ascii_letters + string.digits + " .,\n<>&;{}[]\"'\\/=%+-_@$!", max_size=200))
def test_no_two_views_say_the_same(text: str) -> None:
    said = [" ".join(view.text.lower().split()) for view in views(text).views]
    assert len(said) == len(set(said))
