"""Every trick is undone in one of the views, word for word.

The attacks are written here and share no table with the code under test: look-alikes are picked by their
Unicode names, codes come from the standard library, upside-down letters from the names as well.
"""

import base64
import codecs
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyelid.text import views

SENTENCE = "please explain how to cook a tasty purple potato soup in the garden"
MARKS = "\u0301\u0308\u0327\u0336\u20d0"


def by_name(template: str, letter: str) -> str:
    try:
        return unicodedata.lookup(template.format(letter=letter.upper()))
    except KeyError:
        return letter


def spell(template: str, text: str = SENTENCE) -> str:
    return "".join(by_name(template, char) if char.isalpha() else char for char in text)


CYRILLIC = {"a": "A", "e": "IE", "o": "O", "p": "ER", "c": "ES", "x": "HA", "y": "U"}
ARMENIAN = {"o": "OH", "n": "VO", "u": "SEH", "h": "HO"}


def script(name: str, letters: dict[str, str], text: str = SENTENCE) -> str:
    table = {ord(plain): unicodedata.lookup(f"{name} SMALL LETTER {letter}") for plain, letter in letters.items()}
    return text.translate(table)


def leet(text: str = SENTENCE) -> str:
    return text.translate(str.maketrans("aeiost", "431057"))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def selectors(text: str) -> str:
    return "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in text.encode())


def tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(char)) for char in text)


def zero_width_bits(text: str) -> str:
    return "".join("\u200b\u200c"[int(bit)] for byte in text.encode() for bit in f"{byte:08b}")


def upside_down(text: str) -> str:
    table = {"a": "ɐ", "c": "ɔ", "d": "p", "e": "ǝ", "g": "ƃ", "h": "ɥ", "i": "ᴉ", "k": "ʞ", "m": "ɯ", "n": "u"}
    table |= {"p": "d", "r": "ɹ", "t": "ʇ", "u": "n", "v": "ʌ", "w": "ʍ", "y": "ʎ"}
    return "".join(table.get(char, char) for char in reversed(text))


def morse(text: str) -> str:
    codes = (
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
    )
    letters = dict(zip("abcdefghijklmnopqrstuvwxyz", codes.split(), strict=True))
    return " / ".join(" ".join(letters[char] for char in word) for word in text.split())


ATTACKS = {
    "plain": SENTENCE,
    "zero width": "\u200b".join(SENTENCE),
    "joiners": "\u2060\u200d".join(SENTENCE),
    "soft hyphen": "\u00ad".join(SENTENCE),
    "filler": "\u3164".join(SENTENCE),
    "private use": "\ue000".join(SENTENCE),
    "tags between": "".join(char + "\U000e0041" for char in SENTENCE),
    "tags": "a nice day" + tags(SENTENCE),
    "selectors": "😊" + selectors(SENTENCE),
    "selectors spread": "".join(c + s for c, s in zip("lorem ipsum " * 9, selectors(SENTENCE), strict=False)),
    "zero-width bits": "a nice" + zero_width_bits(SENTENCE) + " day",
    "bidi marks": "\u202a" + "\u200f".join(SENTENCE) + "\u202c",
    "bidi override": "\u202e" + SENTENCE[::-1] + "\u202c",
    "cyrillic": script("CYRILLIC", CYRILLIC),
    "cyrillic some": script("CYRILLIC", {"o": "O"}),
    "armenian": script("ARMENIAN", ARMENIAN),
    "full width": spell("FULLWIDTH LATIN SMALL LETTER {letter}"),
    "math bold": spell("MATHEMATICAL BOLD SMALL {letter}"),
    "math fraktur": spell("MATHEMATICAL FRAKTUR SMALL {letter}"),
    "math double": spell("MATHEMATICAL DOUBLE-STRUCK SMALL {letter}"),
    "circled": spell("CIRCLED LATIN SMALL LETTER {letter}"),
    "parenthesised": spell("PARENTHESIZED LATIN SMALL LETTER {letter}"),
    "squared": spell("NEGATIVE SQUARED LATIN CAPITAL LETTER {letter}"),
    "regional": spell("REGIONAL INDICATOR SYMBOL LETTER {letter}"),
    "small capitals": spell("LATIN LETTER SMALL CAPITAL {letter}"),
    "modifiers": spell("MODIFIER LETTER SMALL {letter}"),
    "one mark": "".join(char + "\u0301" if char.isalpha() else char for char in SENTENCE),
    "precomposed": spell("LATIN SMALL LETTER {letter} WITH DIAERESIS"),
    "strokes": spell("LATIN SMALL LETTER {letter} WITH STROKE"),
    "hooks": spell("LATIN SMALL LETTER {letter} WITH HOOK"),
    "many marks": "".join(char + MARKS * 12 for char in SENTENCE),
    "underline": "\u0332".join(SENTENCE) + "\u0332",
    "backspace": "".join(char + "x\b" for char in SENTENCE),
    "leet": leet(),
    "leet and zero width": "\u200b".join(leet()),
    "symbols": SENTENCE.translate(str.maketrans("as", "@$")),
    "spaces": " ".join(SENTENCE),
    "spaces, no gaps": " ".join(SENTENCE.replace(" ", "")),
    "wide": "   ".join(SENTENCE),
    "lines": "\n".join(SENTENCE),
    "dots": ".".join(SENTENCE),
    "dashes": "-".join(SENTENCE),
    "dashes in words": " ".join("-".join(word) for word in SENTENCE.split()),
    "underscores": "_".join(SENTENCE),
    "spaces and look-alikes": " ".join(script("CYRILLIC", CYRILLIC)),
    "glued": SENTENCE.replace(" ", ""),
    "upside down": upside_down(SENTENCE),
    "reversed": SENTENCE[::-1],
    "reversed words": " ".join(word[::-1] for word in SENTENCE.split()),
    "rot13": codecs.encode(SENTENCE, "rot13"),
    "rot13 and leet": leet(codecs.encode(SENTENCE, "rot13")),
    "rot13 of leet": codecs.encode(leet(), "rot13"),
    "base64": b64(SENTENCE),
    "base64, no padding": b64(SENTENCE).rstrip("="),
    "base64 twice": b64(b64(SENTENCE)),
    "base64 three times": b64(b64(b64(SENTENCE))),
    "base64 url": base64.urlsafe_b64encode((SENTENCE + "\n" + SENTENCE).encode()).decode(),
    "base64 lines": base64.encodebytes(SENTENCE.encode()).decode(),
    "base64 groups": " ".join(b64(SENTENCE)[i : i + 8] for i in range(0, 96, 8)),
    "base64 utf-16": base64.b64encode(SENTENCE.encode("utf-16-le")).decode(),
    "base64 of look-alikes": b64(script("CYRILLIC", CYRILLIC)),
    "base64 of rot13": b64(codecs.encode(SENTENCE, "rot13")),
    "base64 of hex": b64(SENTENCE.encode().hex()),
    "hex of base64": b64(SENTENCE).encode().hex(),
    "base32": base64.b32encode(SENTENCE.encode()).decode(),
    "hex": SENTENCE.encode().hex(),
    "hex spaced": SENTENCE.encode().hex(" "),
    "hex prefixed": " ".join(f"0x{byte:02X}" for byte in SENTENCE.encode()),
    "hex escapes": "".join(f"\\x{byte:02x}" for byte in SENTENCE.encode()),
    "binary": " ".join(f"{byte:08b}" for byte in SENTENCE.encode()),
    "decimal": " ".join(str(byte) for byte in SENTENCE.encode()),
    "percent": "".join(f"%{byte:02x}" for byte in SENTENCE.encode()),
    "percent spaces": quote(SENTENCE),
    "percent some": SENTENCE.replace("o", "%6f"),
    "percent twice": "".join(f"%25{byte:02x}" for byte in SENTENCE.encode()),
    "quoted-printable": "".join(f"={byte:02X}" for byte in SENTENCE.encode()),
    "entities": "".join(f"&#{ord(char)};" for char in SENTENCE),
    "hex entities": "".join(f"&#x{ord(char):x};" for char in SENTENCE),
    "entities some": SENTENCE.replace("o", "&#111;"),
    "entities twice": "".join(f"&amp;#{ord(char)};" for char in SENTENCE),
    "\\u": "".join(f"\\u{ord(char):04x}" for char in SENTENCE),
    "U+": " ".join(f"U+{ord(char):04X}" for char in SENTENCE),
    "morse": morse(SENTENCE),
    "asterisks": SENTENCE.replace("otat", "ot**at**"),
    "html tags": SENTENCE.replace("ea", "e<b></b>a").replace("oo", "o<!-- x -->o"),
}


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_text_comes_out(attack: str) -> None:
    found = views(ATTACKS[attack])
    assert any(folded(SENTENCE) in folded(view.text) for view in found.views)
    assert found.complete


@pytest.mark.parametrize("attack", ["base64", "hex", "rot13", "leet", "spaces", "cyrillic", "reversed"])
def test_the_text_comes_out_of_the_middle(attack: str) -> None:
    before, after = "The weather was fine that day. ", " Nobody had asked for more."
    found = views(before + ATTACKS[attack] + after)
    assert any(folded(before + SENTENCE + after) == folded(view.text) for view in found.views)


@pytest.mark.parametrize("attack", ["tags", "selectors", "zero-width bits"])
def test_hidden_text_is_marked_as_hidden(attack: str) -> None:
    hidden = [view.text for view in views(ATTACKS[attack]).views if view.source == "hidden"]
    assert SENTENCE in hidden


def test_codes_beyond_the_depth_are_a_failed_look() -> None:
    text = SENTENCE
    for _ in range(6):
        text = b64(text)
    found = views(text)
    assert not found.complete
    assert "depth" in found.problems


def test_an_exhausted_budget_is_a_failed_look() -> None:
    found = views(b64(SENTENCE), budget=50)
    assert (found.complete, found.problems) == (False, ("budget",))


def test_too_many_views_are_a_failed_look() -> None:
    found = views("One: " + b64(SENTENCE) + " two.", max_views=1)
    assert (len(found.views), found.problems) == (1, ("views",))


def test_many_payloads_are_all_looked_at() -> None:
    text = "\n\n".join(f"Item {n}. {b64(f'the cook number {n} asked for soup')} and more." for n in range(60))
    found = views(text)
    assert found.complete
    assert len(found.views) < 12
    alone = "\n".join(view.text for view in found.views[2:])
    assert all(f"the cook number {n} asked for soup" in alone for n in range(60))


LETTER = "Hi team, the bakery on Mill Street opens at 9am on Monday; bring 12 rolls and your own cup."
TRICKS = [
    "cyrillic",
    "leet",
    "upside down",
    "reversed",
    "reversed words",
    "rot13",
    "base64",
    "hex",
    "spaces",
    "percent",
]


def trick(name: str, text: str) -> str:
    match name:
        case "cyrillic":
            return script("CYRILLIC", CYRILLIC, text)
        case "leet":
            return leet(text)
        case "upside down":
            return upside_down(text)
        case "reversed":
            return text[::-1]
        case "reversed words":
            return " ".join(word[::-1] for word in text.split())
        case "rot13":
            return codecs.encode(text, "rot13")
        case "base64":
            return b64(text)
        case "hex":
            return text.encode().hex()
        case "spaces":
            return " ".join(text)
        case _:
            return quote(text)


@pytest.mark.parametrize("outer", TRICKS)
@pytest.mark.parametrize("inner", TRICKS)
def test_two_tricks_are_within_the_depth(inner: str, outer: str) -> None:
    found = views(trick(outer, trick(inner, LETTER)))
    assert found.complete
    assert len(found.views) <= 16


@pytest.mark.parametrize("code", ["base64", "hex", "percent"])
@pytest.mark.parametrize("spelling", ["cyrillic", "leet", "upside down", "reversed", "rot13"])
def test_a_disguise_in_a_code_comes_out(spelling: str, code: str) -> None:
    found = views(trick(code, trick(spelling, SENTENCE)))
    assert any(folded(SENTENCE) in folded(view.text) for view in found.views)


@pytest.mark.parametrize("outer", TRICKS)
def test_a_disguised_part_reached_over_by_another(outer: str) -> None:
    scraps = "Fgrcf gb rkrphgr n Clgub4 fp3vcg b4 n fpurqhyr. " + upside_down("see you there, noon or so ") + "qɐʞǝ it"
    found = views(scraps + trick(outer, scraps))
    assert found.covered == len(scraps + trick(outer, scraps))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TRICKS), st.integers(0, 60)), min_size=2, max_size=3),
    st.integers(1, len(LETTER)),
)
def test_tricks_on_parts_of_tricks_do_no_harm(steps: list[tuple[str, int]], length: int) -> None:
    text = LETTER[:length]
    for name, start in steps:
        text = text[:start] + trick(name, text[start:])
    found = views(text)
    assert found.views
    assert found.complete or found.problems


def test_a_program_in_a_code_is_read() -> None:
    program = "for (int i = 0; i < n; i++) {\n  if (a[i] != b[i]) return -1;\n}\n"
    assert any(program.strip() in view.text for view in views(b64(program)).views)
    assert any(program.strip() in view.text for view in views(program.encode().hex()).views)
