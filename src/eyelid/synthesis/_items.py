"""Rows of a file one after the other, however large it is: JSON lines, or one JSON array."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from eyelid.errors import ConfigurationError

_CHUNK = 1 << 16
#: Characters of the longest row of an array; what is longer is taken for a broken one.
LONGEST = 1 << 24
_SPACE = " \t\r\n"


def items(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file, each with the line it begins on.

    A file whose first character is "[" is one JSON array; any other holds one object a line.

    Raises:
        ConfigurationError: it cannot be read, or a row is no JSON object; names file and line, and nothing of the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            is_array = _first(file) == "["
            file.seek(0)
            yield from _array(file, path) if is_array else _lines(file, path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or 'no reason given'}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8") from None


def wrong(path: Path, line: int, why: str) -> ConfigurationError:
    """An error that names the place and nothing that stands there."""
    return ConfigurationError(f"{path}, line {line}: {why}")


def _first(file: TextIO) -> str:
    while chunk := file.read(_CHUNK):
        if found := chunk.lstrip(_SPACE):
            return found[0]
    return ""


def _lines(file: TextIO, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise wrong(path, number, "not JSON") from None
            yield number, _object(row, path, number)


def _object(row: Any, path: Path, line: int) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise wrong(path, line, "not a JSON object")
    return row


def _array(file: TextIO, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    text = _Window(file, path)
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        text.end()
        return
    while True:
        line, row = text.value()
        yield line, _object(row, path, line)
        if text.take(",]") == "]":
            text.end()
            return


class _Window:
    """The part of a file that is being read, never much longer than one row."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self._text, self._at, self._line = "", 0, 1
        self._decoder = json.JSONDecoder()

    def peek(self) -> str:
        """The next character that is no space; the place stays before it."""
        found = self._next()
        if not found:
            raise wrong(self._path, self._line, "the array has no end")
        return found

    def end(self) -> None:
        """Nothing may follow: what did would be lost without a word."""
        if self._next():
            raise wrong(self._path, self._line, "something follows the end of the array")

    def take(self, wanted: str) -> str:
        """The next character, which must be one of some."""
        found = self.peek()
        if found not in wanted:
            raise wrong(self._path, self._line, f"expected {' or '.join(wanted)}")
        self._advance(self._at + 1)
        return found

    def value(self) -> tuple[int, Any]:
        """The next value and the line it begins on. Tried again with twice as much text until it is whole."""
        self.peek()
        line = self._line
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                if len(self._text) - self._at > LONGEST or not self._more():
                    raise wrong(self._path, line, "not JSON") from None
            else:
                self._advance(end)
                return line, value

    def _next(self) -> str:
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._advance(self._at + 1)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _advance(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _more(self) -> bool:
        chunk = self._file.read(max(_CHUNK, len(self._text) - self._at))
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)
