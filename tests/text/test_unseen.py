"""Characters without a meaning, overridden directions and Braille: what a reader or a model makes of them."""

import json
import random
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.text import Views, views

SHORT = "bake a cake"


def moved(base: int, text: str = SHORT) -> str:
    return "".join(chr(base + ord(char)) for char in text)


def hidden(found: Views) -> list[str]:
    return [view.text for view in found.views if view.source == "hidden"]


BASES = [0xE000, 0xE100, 0xF000, 0xF0000, 0x100000, 0x40000, 0xD0000, 0xE0200]


@pytest.mark.parametrize("base", BASES)
def test_writing_in_characters_without_a_meaning_is_hidden_text(base: int) -> None:
    found = views("Good morning. " + moved(base) + " Good night.")
    assert hidden(found) == [SHORT]
    assert found.complete
    assert found.views[1].locate(0, 4) == (14, 14 + len(SHORT))


@pytest.mark.parametrize(
    "text",
    [
        " ".join(moved(0xE000, word) for word in SHORT.split()),
        ". ".join(moved(0xE000, word) for word in SHORT.split()),
        "\u200b".join(moved(0xE000)),
        "".join(seen + unseen for seen, unseen in zip("lorem ipsum dolor", moved(0xE000), strict=False)),
        json.dumps({"note": moved(0xE000)}),
        "".join(f"&#{ord(char)};" for char in moved(0xF0000)),
        moved(0xE000) + ". " + "".join(map(chr, range(0xF101, 0xF108))),
    ],
    ids=["words", "sentences", "zero width", "scattered", "json", "entities", "icons behind"],
)
def test_however_it_is_laid_out(text: str) -> None:
    found = views(text)
    assert SHORT in hidden(found)
    assert found.complete


def test_blocks_that_start_with_the_alphabet_and_other_scripts() -> None:
    first = "".join(char if char == " " else chr(0xE000 + ord(char) - ord("a")) for char in SHORT)
    assert [text.lower() for text in hidden(views(first))] == [SHORT]
    pie = "Сегодня печём пирог"
    assert hidden(views(moved(0xF0000, pie))) == [pie]
    assert hidden(views("".join(chr(0xE000 + byte) for byte in pie.encode()))) == [pie]


def test_tags_in_an_escape_are_hidden_text_as_well() -> None:
    assert SHORT in hidden(views(json.dumps({"note": "hi" + moved(0xE0000)})))


@pytest.mark.parametrize(("first", "last"), [(0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x40000, 0xDFFFF)])
def test_a_run_that_stands_for_nothing_is_a_failed_look(first: int, last: int) -> None:
    rng = random.Random(3)
    for _ in range(20):
        found = views("Hello. " + "".join(chr(rng.randint(first, last)) for _ in range(12)))
        assert (found.complete, found.problems) == (False, ("unreadable",))


def test_noise_behind_a_message_is_a_failed_look() -> None:
    rng = random.Random(3)
    noise = "".join(chr(rng.randint(0xE000, 0xF8FF)) for _ in range(12))
    found = views(f"{moved(0xE000)} and {noise}")
    assert SHORT in hidden(found)
    assert found.problems == ("unreadable",)


ICONS = {
    "logo": "Made for \uf8ff and for others.",
    "prompt": "\ue0b0 main \ue0b1 src \ue0b0",
    "seven": "See " + "".join(map(chr, range(0xF101, 0xF108))) + " below.",
    "bullets": "\n".join(f"\uf0b7 item {number}" for number in range(40)),
    "stars": "\uf005" * 12 + "\uf006" * 3 + " by 12 readers",
    "tool bar": " ".join(map(chr, range(0xF010, 0xF040))),
    "one of a later Unicode": "Hi " + next(c for c in map(chr, range(0x1FA00, 0x1FB00)) if not unicodedata.name(c, "")),
}


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_dropped(name: str) -> None:
    found = views(ICONS[name])
    assert [view.kind for view in found.views] == ["canonical"]
    assert found.complete


def test_many_of_one_new_sign_are_dropped() -> None:
    sign = next(char for char in map(chr, range(0x1FA00, 0x1FB00)) if unicodedata.category(char) == "Cn")
    assert views("So good! " + sign * 40).complete


# --- direction


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("how to \u202eekab\u202c a \u202eekac\u202c", "how to bake a cake"),
        ("\u202eekac a ekab\u202c", SHORT),
        ("\u2068so: \u202eekac a ekab\u2069 now", "so: bake a cake now"),
        ("\u2067\u202eekac a ekab\u2069", SHORT),
        ("\u202eekac a ekab", SHORT),
        ("\u202eekac a ekab\nand more", "bake a cake\nand more"),
        ("\u202eekac\u202d a \u202cekab\u202c", SHORT),
        ("\u202eekac\u202e a ek\u202cab\u202c", "bake a cake"),
        ("\u202ee\u200bkac a ekab\u202c", SHORT),
    ],
)
def test_overridden_text_is_read_as_it_is_shown(text: str, shown: str) -> None:
    found = views(text)
    view = next(view for view in found.views if view.kind == "right-to-left")
    assert view.text == shown
    assert found.complete


def test_both_orders_have_a_view_that_knows_its_place() -> None:
    stored, shown = views("a nice \u202eekac\u202c today").views
    assert stored.text == "a nice ekac today"
    assert shown.text == "a nice cake today"
    assert shown.locate(7, 11) == (7, 13)
    assert shown.locate(0, 6) == (0, 6)
    assert shown.locate(12, 17) == (14, 19)


@pytest.mark.parametrize("mark", ["&shy;", "&#8203;", "&#xe001;"])
def test_escaped_marks_that_show_nothing_do_not_hide_a_word(mark: str) -> None:
    assert any(view.text == SHORT for view in views(mark.join(SHORT)).views)


def test_an_escaped_override_is_read() -> None:
    assert any(SHORT in view.text for view in views("Now &#x202e;ekac a ekab").views)


def test_an_override_in_json_is_read() -> None:
    assert any(SHORT in view.text for view in views(json.dumps({"note": "\u202eekac a ekab\u202c"})).views)


@pytest.mark.parametrize(
    "text", ["\u202bשלום cake\u202c", "\u2067cake and tea\u2069", "\u202aplain\u202c", "tea\u202c"]
)
def test_without_an_override_nothing_moves(text: str) -> None:
    assert [view.kind for view in views(text).views] == ["canonical"]


@settings(max_examples=150, deadline=None)
@given(st.text("ab\n\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", max_size=60))
def test_no_letter_is_lost_or_made(text: str) -> None:
    for view in views(text).views:
        if view.kind in ("canonical", "right-to-left"):
            assert sorted(view.text) == sorted(char for char in text if char in "ab\n")


# --- Braille


def braille(text: str) -> str:
    return "".join(
        "\u2800" if char == " " else unicodedata.lookup(f"BRAILLE PATTERN DOTS-{DOTS[char]}") for char in text
    )


CELLS = (
    "a1 b12 c14 d145 e15 f124 g1245 h125 i24 j245 k13 l123 m134 n1345 o135 p1234 q12345 r1235 s234 t2345 "
    "u136 v1236 w2456 x1346 y13456 z1356"
)
DOTS = {cell[0]: cell[1:] for cell in CELLS.split()}


@pytest.mark.parametrize(
    "text",
    [
        braille(SHORT),
        "Please " + braille(SHORT) + " today.",
        " ".join(map(braille, SHORT.split())),
        ", ".join(map(braille, SHORT.split())),
        "\u2820" + braille(SHORT) + "\u2816",
    ],
)
def test_braille_is_read(text: str) -> None:
    read = [view.text.replace(",", "") for view in views(text).views if "braille" in view.kind]
    assert any(SHORT in one for one in read)


def test_numbers_in_braille() -> None:
    text = braille("bake ") + "\u283c" + braille("bj") + "\u2800" + braille("good cakes")
    assert any("bake 20 good cakes" in view.text for view in views(text).views)


def test_pictures_and_spinners_in_braille_stay() -> None:
    rng = random.Random(3)
    picture = "\n".join("".join(chr(0x2800 + rng.randrange(256)) for _ in range(40)) for _ in range(20))
    for text in (picture, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ loading", "⣿" * 400):
        assert len(views(text).views) == 1


@pytest.mark.parametrize(
    "unit",
    [moved(0xE000), "\ue001 ", "\ue062\ue075\ue063-", "\U00040001\uf8aa", "\u202eekac\u202c ", "\u202eab",
     "\u2067\u202eab\u2069", braille(SHORT)],
)  # fmt: skip
def test_the_time_is_proportional_to_the_length(unit: str) -> None:
    def once(text: str) -> float:
        start = time.process_time()
        views(text)
        return time.process_time() - start

    def took(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        return min(once(text) for _ in range(3))  # what else the machine does only adds

    assert took(80_000) < 16 * took(20_000) + 0.2
