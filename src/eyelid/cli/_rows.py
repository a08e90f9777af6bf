"""Rows of `eyelid scan`: a line of JSON → an exchange, or the reason why not. Reasons never hold content."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from eyelid.errors import ImageError, InputError
from eyelid.types import Exchange, Image, Surface

KEYS = ("id", "prompt", "response", "images", "history", "surface")
#: The longest line read, in bytes: a few of the largest images as data URLs.
MAX_LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange to be checked, what it is called, and where it stands; `file` where there are several."""

    id: str | int
    exchange: Exchange = field(repr=False)
    line: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no row: its number, from 1, the reason, and the file where there are several."""

    line: int
    reason: str
    file: str = ""

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.file}, line {self.line}" if self.file else f"line {self.line}"


class _BadRowError(ValueError):
    pass


def read_rows(file: BinaryIO, *, root: Path, longest: int = MAX_LINE_BYTES) -> Iterator[Row | BadLine]:
    """Every line of `file` in order, one at a time, at most `longest` bytes of it; blank lines are left out.

    Image paths are taken below `root`; data URLs are decoded; nothing is fetched.
    """
    for number, raw in _lines(file, longest):
        if raw is None:
            yield BadLine(number, f"longer than {longest} bytes")
        elif raw.strip():
            try:
                yield parse_row(raw, number, root=root)
            except _BadRowError as error:
                yield BadLine(number, str(error))


def _lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes | None]]:
    number = 0
    while raw := file.readline(longest + 1):
        number += 1
        if len(raw) <= longest:
            yield number, raw
            continue
        while raw and not raw.endswith(b"\n"):
            raw = file.readline(longest)
        yield number, None


def parse_object(raw: bytes) -> dict[str, object]:
    """A line as a JSON object.

    Raises:
        ValueError: it is none; the message holds no content.
    """
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError as error:
        raise _BadRowError(f"not UTF-8 (byte {error.start})") from None
    except _BadRowError:
        raise
    except json.JSONDecodeError as error:
        raise _BadRowError(f"not JSON ({error.msg}, column {error.colno})") from None
    except (RecursionError, ValueError):
        raise _BadRowError("not JSON that can be read (nested too deeply, or a number too long)") from None
    if not isinstance(value, dict):
        raise _BadRowError(f"a JSON object is expected, not {type(value).__name__}")
    return value


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Only one of two values would be looked at, and whoever reads the row may take the other.
    if len({key for key, _ in pairs}) < len(pairs):
        raise _BadRowError("an object has the same key twice")
    return dict(pairs)


def parse_row(raw: bytes, number: int, *, root: Path) -> Row:
    """A line as a row.

    Raises:
        ValueError: it is none; the message says why, without content.
    """
    row = parse_object(raw)
    _refuse_misspelt(row)
    exchange = _exchange(row, root)
    wanted = "prompt" if exchange.surface is Surface.INPUT else "response"
    if not isinstance(row.get(wanted), str) and not exchange.images:
        raise _BadRowError(f"nothing to check: surface {exchange.surface.value!r} needs {wanted!r} or 'images'")
    return Row(_id(row), exchange, number)


def _refuse_misspelt(row: dict[str, object]) -> None:
    # Other keys are the caller's own, but a near miss would leave content unchecked.
    for key in row.keys() - set(KEYS):
        near = difflib.get_close_matches(key.strip().lower(), KEYS, n=1, cutoff=0.85)
        if near:
            raise _BadRowError(f"an unknown key resembles {near[0]!r}")


def _id(row: dict[str, object]) -> str | int:
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise _BadRowError("'id' must be a string or a whole number")
    return value


def _exchange(row: dict[str, object], root: Path) -> Exchange:
    surface = row.get("surface", Surface.INPUT if row.get("response") is None else Surface.OUTPUT)
    if surface not in tuple(Surface):
        raise _BadRowError(f"'surface' must be one of {', '.join(Surface)}")
    try:
        return Exchange(
            _text(row, "prompt"),
            _text(row, "response"),
            tuple(_image(name, at, root) for at, name in enumerate(_texts(row, "images"), start=1)),
            tuple(_texts(row, "history")),
            Surface(cast(str, surface)),
        )
    except InputError as error:
        raise _BadRowError(str(error)) from None


def _text(row: dict[str, object], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BadRowError(f"{key!r} must be a string, not {type(value).__name__}")
    return value


def _texts(row: dict[str, object], key: str) -> list[str]:
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _BadRowError(f"{key!r} must be a list of strings")
    return value


def _image(name: str, number: int, root: Path) -> Image:
    try:
        if name[:5].lower() == "data:":
            return Image.from_data_url(name)
        if "://" in name:
            raise ImageError("URLs are not fetched; give a file or a data URL")
        return Image.from_path(Path(name), root=root)
    except (ImageError, OSError, ValueError) as error:
        # An OSError or a plain ValueError (a null byte, a name too long) may quote the name.
        reason = error if isinstance(error, ImageError) else "the name is no path"
        raise _BadRowError(f"image {number}: {reason}") from None
