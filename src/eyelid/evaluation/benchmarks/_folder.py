"""A folder that is read: its files as rows, its images as paths, and what is wrong with either."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eyelid.evaluation.benchmarks._listing import LEADS_OUT, broken_image, is_data, is_harmless
from eyelid.evaluation.benchmarks._problems import Problem

_A_NAME = re.compile(r"[\w.-]{1,60}")
_A_PATH = re.compile(r"[\w./-]{1,160}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file and where it stands.

    Args:
        file: below the folder.
        place: such as "line 3".
        cells: its columns.
        key: of files that are one object: the name under which the row stands, else "".
    """

    file: str
    place: str
    cells: Mapping[str, Any] = field(repr=False)
    key: str = ""


class Folder:
    """Reads files below one folder; what is wrong is added to `problems` and never raised.

    Args:
        root: the folder, or one file where the benchmark is one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._noted: dict[Problem, None] = {}
        self.found = root.exists()
        if not self.found:
            self.wrong(".", "there is no such folder")
        self._below: dict[str, bool] = {}
        self._listed: dict[str, dict[str, os.DirEntry[str]] | None] = {}

    @property
    def problems(self) -> list[Problem]:
        """What was noted, in that order."""
        return list(self._noted)

    def wrong(self, file: str, what: str, place: str = "") -> None:
        """Note a problem; the same one is noted once."""
        problem = Problem(file or self.root.name, what, place)
        self._noted.setdefault(problem)

    def wrong_row(self, row: Row, what: str) -> None:
        """Note a problem of a row."""
        self.wrong(row.file, what, row.place)

    # Files

    def json(self, file: str) -> Any:
        """What a JSON file holds, or `None` after noting why it cannot be read. A name twice in an object is noted."""
        text = self.text(file)
        if text is None:
            return None

        def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
            for name in _twice(name for name, _ in found):
                self.wrong(file, f"{shown(name)} stands twice in one object")
            return dict(found)

        try:
            return json.loads(text, object_pairs_hook=pairs)
        except json.JSONDecodeError as error:
            self.wrong(file, "is not JSON", f"line {error.lineno}")
        except RecursionError:
            self.wrong(file, "is not JSON: nested too deeply")
        return None

    def keyed(self, file: str, columns: Collection[str]) -> list[Row]:
        """Rows of a JSON object that has an object of `columns` under every key."""
        held = self.json(file)
        if held is None:
            return []
        if not isinstance(held, dict):
            self.wrong(file, "must be one JSON object, with an object for every row")
            return []
        rows = [Row(file, f"entry {shown(key)}", cells, key) for key, cells in held.items()]
        return self._whole(file, rows, columns)

    def listed(self, file: str, columns: Collection[str]) -> list[Row]:
        """Rows of a JSON list of objects with `columns`."""
        held = self.json(file)
        if held is None:
            return []
        if not isinstance(held, list):
            self.wrong(file, "must be one JSON list, with an object for every row")
            return []
        rows = [Row(file, f"entry {number}", cells) for number, cells in enumerate(held, start=1)]
        return self._whole(file, rows, columns)

    def lines(self, file: str, columns: Collection[str]) -> list[Row]:
        """Rows of a file of JSON lines, plain or `.gz`, with `columns`."""
        text = self.text(file)
        rows = []
        for number, line in enumerate((text or "").split("\n"), start=1):
            if line.strip():
                try:
                    rows.append(Row(file, f"line {number}", json.loads(line)))
                except (ValueError, RecursionError):
                    self.wrong(file, "is not JSON", f"line {number}")
        return self._whole(file, rows, columns) if text is not None else []

    def table(self, file: str, columns: Collection[str], *, separator: str = ",") -> list[Row]:
        """Rows of a CSV file whose first line names at least `columns`; quoted cells may span lines."""
        text = self.text(file)
        if text is None:
            return []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        try:
            names = [name.strip() for name in next(reader, [])]
            lacking = [name for name in columns if name not in names]
            if lacking or len(set(names)) != len(names):
                what = f"lacks the columns {', '.join(lacking)}" if lacking else "names a column twice"
                self.wrong(file, what, "line 1")
                return []
            rows = list(self._cells(file, names, reader))
        except csv.Error:
            self.wrong(file, "is not CSV", f"line {reader.line_num}")
            return []
        return self._whole(file, rows, columns)

    def _cells(self, file: str, names: list[str], reader: Any) -> Iterator[Row]:
        before = reader.line_num
        for cells in reader:
            place = f"line {before + 1}"
            before = reader.line_num
            if cells and len(cells) != len(names):
                self.wrong(file, f"has {len(cells)} cells, not {len(names)}", place)
            elif cells:
                yield Row(file, place, dict(zip(names, cells, strict=True)))

    def text(self, file: str) -> str | None:
        """A file's text, or `None` after noting that it is missing or no UTF-8. A byte order mark is dropped."""
        path = self.root / file if file else self.root
        if not path.is_file():
            self.wrong(file or path.name, "is missing")
            return None
        try:
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            # Line ends as they come; a line separator within a row's text is no end of a line.
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, EOFError, zlib.error):
            self.wrong(file or path.name, "cannot be read")
        except UnicodeDecodeError:
            self.wrong(file or path.name, "is not UTF-8 text")
        return None

    def _whole(self, file: str, rows: list[Row], columns: Collection[str]) -> list[Row]:
        kept = []
        for row in rows:
            if not isinstance(row.cells, dict):
                self.wrong_row(row, "is no JSON object")
            elif lacking := [name for name in columns if name not in row.cells]:
                self.wrong_row(row, f"lacks {', '.join(repr(name) for name in lacking)}")
            else:
                kept.append(row)
        if not rows:
            self.wrong(file, "holds no row")
        return kept

    # Cells

    def word(self, row: Row, name: str, *, empty: bool = False) -> str:
        """A cell as text; a number becomes its digits. Anything else, or nothing in it, is noted."""
        held = row.cells.get(name)
        if isinstance(held, int | float) and not isinstance(held, bool):
            held = str(held)
        if not isinstance(held, str) or not (empty or held.strip()):
            self.wrong_row(row, f"{name!r} must be text" + ("" if empty else " and not empty"))
            return ""
        return held

    def choice(self, row: Row, name: str, values: Iterable[str]) -> str:
        """A cell that has one of a few values; any other is noted."""
        known = list(values)
        held = str(row.cells.get(name))
        if held not in known:
            self.wrong_row(row, f"{name!r} must be one of: {', '.join(known)}")
            return known[0]
        return held

    def unique(self, rows: Iterable[tuple[Row, str]], what: str = "id") -> None:
        """Note every row whose id another row before it has."""
        seen: dict[str, Row] = {}
        for row, name in rows:
            if name in seen:
                first = seen[name]
                where = first.place if first.file == row.file else f"{first.file}, {first.place}"
                self.wrong_row(row, f"has the same {what} as {where}")
            else:
                seen[name] = row

    # Images and other files

    def tree(self, suffix: str) -> list[str]:
        """All files below the folder whose names end so, hidden ones left out, sorted."""
        found = (path.relative_to(self.root) for path in self.root.rglob(f"*{suffix}") if path.is_file())
        return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))

    def names(self, directory: str = "") -> list[str]:
        """What lies in a directory, sorted; empty where there is none."""
        return sorted(self._entries(directory) or {})

    def image(self, directory: str, name: str, row: Row | None = None) -> Path:
        """The path of an image that must lie in a directory; its first bytes are looked at.

        A directory that is missing is noted once, and not once for each of its images.
        """
        where, place = f"{directory}/{name}" if directory else name, row.place if row else ""
        inner, _, last = where.rpartition("/")
        if {"", "..", "."} & set(where.split("/")) or "\\" in where or not where.isprintable():
            self.wrong(row.file if row else directory, "names an image by no plain path below the folder", place)
            return self.root
        entries = self._entries(inner)
        plain = where if _A_PATH.fullmatch(where) else f"{directory}, an image with a long or odd name"
        if entries is None:
            self.wrong(inner, "folder is missing")
        elif not self._inside(inner):
            self.wrong(inner, f"folder {LEADS_OUT}")
        elif last not in entries or not entries[last].is_file():
            self.wrong(plain, "image is missing" + (f" (named by {row.file}, {place})" if row else ""))
        elif what := broken_image(entries[last], self.root):
            self.wrong(plain, what)
        return self.root / where

    def expect(
        self, directory: str, names: Collection[str], what: str = "data file", *, data_only: bool = False
    ) -> None:
        """Note everything in a directory that is neither expected nor harmless, such as a README.

        Args:
            directory: below the folder; "" for the folder itself.
            names: what is expected there.
            what: they are, in the singular.
            data_only: whether only tables and rows are noted; other files and folders are nobody's business.
        """
        for name, entry in sorted((self._entries(directory) or {}).items()):
            ours = not data_only or (is_data(name) and not entry.is_dir())
            if name not in names and not is_harmless(name) and ours:
                where = f"{directory}/{name}" if directory else name
                self.wrong(where, f"is no {'folder' if entry.is_dir() else what} of this benchmark")

    def _inside(self, directory: str) -> bool:
        """Whether a directory lies below the folder in fact, links followed: images elsewhere are refused later."""
        if directory not in self._below:
            self._below[directory] = (self.root / directory).resolve().is_relative_to(self.root.resolve())
        return self._below[directory]

    def _entries(self, directory: str) -> dict[str, os.DirEntry[str]] | None:
        if directory not in self._listed:
            try:
                with os.scandir(self.root / directory) as found:
                    self._listed[directory] = {entry.name: entry for entry in found}
            except OSError:
                self._listed[directory] = None
        return self._listed[directory]


def shown(name: str) -> str:
    """A name in a message: as it stands where it is short and plain, so that no text of a row gets into one."""
    return f'"{name}"' if _A_NAME.fullmatch(name) else "with a long or odd name"


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
