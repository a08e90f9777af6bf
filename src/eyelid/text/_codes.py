"""Codes that stand for text inside a text: base64, base32, hex, escapes and the like.

Every finder gives edits that put the decoded text where the code stood. What decodes to noise gives none,
so that hashes, identifiers and binary data stay as they are.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from eyelid.text._braille import braille
from eyelid.text._judge import judge, readable
from eyelid.text._lexicon import lexicon
from eyelid.text._origin import Edit


def _decoded(start: int, end: int, text: str | None, kind: str, *, strict: bool = False) -> Iterator[Edit]:
    if text is None:
        return
    judgement = judge(text, strict=strict)
    if judgement != "noise":
        yield Edit(start, end, text, kind, judgement == "text", payload=True)


# --- base64 and base32

_B64_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}|[A-Za-z0-9+/_-]{2,3}={1,2}")
_B64_URL = str.maketrans("-_", "+/")
_MIN_B64 = 8
_MAX_GAP = 4


def base64_codes(text: str) -> Iterator[Edit]:
    """Standard or URL-safe, with or without padding, also broken over lines or in groups."""
    for group in _groups(text):
        start, end = group[0].start(), group[-1].end()
        whole = _from_base64("".join(match.group() for match in group))
        if whole is not None:
            yield from _decoded(start, end, whole, "base64")
            continue
        for match in group:
            for piece_start, piece in _pieces(match):
                alone = _from_base64(piece)
                yield from _decoded(piece_start, piece_start + len(piece), alone, "base64")


def _groups(text: str) -> Iterator[list[re.Match[str]]]:
    """Tokens that look encoded, those with only white space between them together."""
    group: list[re.Match[str]] = []
    for match in _B64_TOKEN.finditer(text):
        # Groups of one size belong together, whatever each looks like.
        if not _looks_encoded(match.group()) and not (
            group and (len(match.group()) == len(group[-1].group()) or match.group().endswith("="))
        ):
            continue
        if group:
            gap = text[group[-1].end() : match.start()]
            if len(gap) > _MAX_GAP or gap.strip():
                yield group
                group = []
        group.append(match)
    if group:
        yield group


def _looks_encoded(token: str) -> bool:
    if token.isalpha() and len(token) < 24:  # words; a code shows capitals inside
        return not (token[1:].islower() or (token.isupper() and len(token) < 12) or token.lower() in lexicon())
    return not token.isdigit()


def _pieces(match: re.Match[str]) -> Iterator[tuple[int, str]]:
    """The token, and its parts between characters that are in the alphabet but also in paths and names."""
    token = match.group()
    yield match.start(), token
    if any(mark in token for mark in "/_-+"):
        for part in re.finditer(r"[A-Za-z0-9]{12,}={0,2}", token):
            if len(part.group()) < len(token) and _looks_encoded(part.group()):
                yield match.start() + part.start(), part.group()


def _from_base64(token: str) -> str | None:
    code = token.replace("=", "").translate(_B64_URL)
    if len(code) < _MIN_B64:
        return None
    # A letter or two glued to the front shifts every group of four.
    for shift in range(4) if len(code) >= 16 else (0,):
        body = code[shift:]
        body = body[: len(body) - (len(body) % 4 == 1)]
        found = readable(base64.b64decode(body + "=" * (-len(body) % 4)))
        if found is not None and judge(found) != "noise":
            return found
    return None


_B32 = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z2-7]{16,}|[a-z2-7]{16,})={0,6}(?![A-Za-z0-9])")


def base32_codes(text: str) -> Iterator[Edit]:
    """Upper or lower case, with or without padding."""
    for match in _B32.finditer(text):
        code = match.group().rstrip("=").upper()
        code = code[: len(code) - (len(code) % 8 in (1, 3, 6))]
        yield from _decoded(
            match.start(), match.end(), readable(base64.b32decode(code + "=" * (-len(code) % 8))), "base32"
        )


# --- numbers of characters

_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9A-Fa-f]{2})+(?:[ \t\r\n:,-]{1,3}(?:0[xX])?(?:[0-9A-Fa-f]{2})+)*(?![0-9A-Za-z])"
)
_NOT_HEX = re.compile(r"0[xX]|[^0-9A-Fa-f]")
_BINARY = re.compile(r"(?<![0-9])[01]{8}(?:[ \t\r\n,]{0,2}[01]{8}){2,}(?![0-9])")
_DECIMAL = re.compile(r"(?<![0-9.])[0-9]{2,3}(?:[ \t\r\n,]{1,2}[0-9]{2,3}){3,}(?![0-9.])")


def hex_codes(text: str) -> Iterator[Edit]:
    """Two digits a byte, in one piece or separated by white space, colons, commas or dashes."""
    for match in _HEX.finditer(text):
        digits = _NOT_HEX.sub("", match.group())
        if len(digits) >= 8 and len(digits) % 2 == 0:
            yield from _decoded(match.start(), match.end(), readable(bytes.fromhex(digits)), "hex", strict=True)


def binary_codes(text: str) -> Iterator[Edit]:
    """Eight binary digits a byte."""
    for match in _BINARY.finditer(text):
        digits = re.sub("[^01]", "", match.group())
        data = bytes(int(digits[index : index + 8], 2) for index in range(0, len(digits), 8))
        yield from _decoded(match.start(), match.end(), readable(data), "binary", strict=True)


def decimal_codes(text: str) -> Iterator[Edit]:
    """Character codes in decimal, separated by white space or commas."""
    for match in _DECIMAL.finditer(text):
        codes = [int(code) for code in re.findall("[0-9]+", match.group())]
        if max(codes) < 256:
            yield from _decoded(match.start(), match.end(), readable(bytes(codes)), "decimal", strict=True)


# --- escapes, each replaced on its own

_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2}){3,}")
_ENTITY = re.compile(
    r"(?:&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)+|(?:&#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6}))+"
)
_ESCAPE = re.compile(
    r"(?:\\{1,2}(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}))+"
    r"|[Uu]\+[0-9A-Fa-f]{4,6}(?:[ ,]?[Uu]\+[0-9A-Fa-f]{4,6})+"
)
_ONE_ESCAPE = re.compile(r"\\([0-3][0-7]{2})|(?:\\u\{|\\[uUx]|[Uu]\+)([0-9a-fA-F]{1,8})")
#: So many escapes of mere punctuation or spaces are worth a look as well.
_MANY = 4
_OVERRIDE = "\u202e"


def percent_escapes(text: str) -> Iterator[Edit]:
    """`%68%65`, also of only some characters; also escapes that were escaped themselves."""
    yield from _escapes(text, _PERCENT, lambda run: unquote_to_bytes(run).decode("utf-8", "replace"), "percent")
    for match in re.finditer(r"%25(?=[0-9A-Fa-f]{2})", text):
        yield Edit(match.start(), match.end(), "%", "percent", plausible=False)


def quoted_printable(text: str) -> Iterator[Edit]:
    """`=68=65`."""
    return _escapes(text, _QUOTED, lambda run: readable(binascii.a2b_qp(run)) or run, "quoted-printable")


def html_entities(text: str) -> Iterator[Edit]:
    """`&#104;`, `&#x68;`, `&eacute;`; also entities that were escaped themselves."""
    yield from _escapes(text, _ENTITY, html.unescape, "entities")
    for match in re.finditer(r"&amp;(?=#?[A-Za-z0-9]{1,32};)", text):
        yield Edit(match.start(), match.end(), "&", "entities", plausible=False)


def backslash_escapes(text: str) -> Iterator[Edit]:
    r"""`\u0068`, `\x68`, `\150`, `\u{68}`, `U+0068`."""
    return _escapes(text, _ESCAPE, _unescape, "escapes")


def _unescape(run: str) -> str:
    chars: list[str] = []
    for octal, code in _ONE_ESCAPE.findall(run):
        number = int(octal, 8) if octal else int(code, 16)
        chars.append(chr(number) if number < 0x110000 else "\ufffd")
    joined = "".join(chars)
    # Pairs of surrogates are one character, lone ones stay.
    return joined.encode("utf-16-le", "surrogatepass").decode(
        "utf-16-le", "surrogatepass" if _lone(joined) else "strict"
    )


def _lone(text: str) -> bool:
    try:
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return True
    return False


def _escapes(text: str, pattern: re.Pattern[str], decode: Callable[[str], str], kind: str) -> Iterator[Edit]:
    edits = [
        Edit(match.start(), match.end(), decoded, kind)
        for match in pattern.finditer(text)
        if (decoded := decode(match.group())) != match.group()
    ]
    # Nobody needs to escape a letter; a space or a bracket is escaped every day.
    chars = [char for edit in edits for char in edit.text]
    if (
        any(map(str.isalnum, chars))
        or _OVERRIDE in chars
        or (kind == "percent" and sum(edit.text == " " for edit in edits) >= _MANY)
        or sum(map(_lost, chars)) >= _MANY
    ):
        yield from edits


def _lost(char: str) -> bool:
    """Whether the character would be dropped from a text that is shown; an icon or two are escaped every day."""
    return 0xE0000 <= ord(char) <= 0xE0FFF or unicodedata.category(char) in ("Cf", "Co", "Cn")


# --- Morse

_MORSE_RUN = re.compile(r"[.•·∙\-–—−_/|\s]{7,}")
_WIDE = re.compile(r"[ \t]{3,}")
_MORSE_SIGNS = {ord(sign): "." for sign in "•·∙"} | {ord(sign): "-" for sign in "–—−_"}
_MORSE_CODES = """
.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..
----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.
.-.-.- --..-- ..--.. .----. -.-.-- -....- -..-. ---... -.-.-. .-..-. -.--. -.--.-
"""
_MORSE = dict(
    zip(
        _MORSE_CODES.split(),
        "abcdefghijklmnopqrstuvwxyz0123456789.,?'!-/:;\"()",
        strict=True,
    )
)


def morse(text: str) -> Iterator[Edit]:
    """Letters separated by spaces, words by slashes, bars, line breaks or wide gaps."""
    for match in _MORSE_RUN.finditer(text):
        run = match.group()
        code = run.strip().translate(_MORSE_SIGNS)
        start = match.start() + len(run) - len(run.lstrip())
        if code.count(" ") + code.count("/") < 3:
            continue
        if " " not in code:
            code = code.replace("//", " / ").replace("/", " ").replace("   ", " / ")
        words = [word.split() for word in re.split(r"[/|\n]", _WIDE.sub(" / ", code))]
        if all(sign in _MORSE for word in words for sign in word):
            plain = " ".join("".join(_MORSE[sign] for sign in word) for word in words if word)
            yield from _decoded(start, start + len(run.strip()), plain, "morse", strict=True)


FINDERS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    base64_codes,
    base32_codes,
    hex_codes,
    binary_codes,
    decimal_codes,
    percent_escapes,
    quoted_printable,
    html_entities,
    backslash_escapes,
    morse,
    braille,
)

_KINDS = "base64 base32 hex binary decimal percent quoted-printable entities escapes morse braille"
#: The names that the finders give their edits.
KINDS = frozenset(_KINDS.split())
