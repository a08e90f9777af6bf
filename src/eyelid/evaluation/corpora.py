"""Reading labelled texts from files the user names: JSON lines, plain or gzipped."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text.

    Args:
        id: of the row.
        source: the corpus it came from.
        query: the request, or "".
        response: the answer or document, or "" where only a request is given.
        label: 1 harmful or injected, 0 not.
        category: as its corpus calls it, or "".
        noisy: whether the label is weak or follows another notion of harm.
        kind: "response", "prompt", "text", "injection" or "benign".
    """

    id: str
    source: str
    query: str = field(default="", repr=False)
    response: str = field(default="", repr=False)
    label: int = 0
    category: str = ""
    noisy: bool = False
    kind: str = "response"


def read_rows(path: Path) -> list[Row]:
    """All rows of a `.jsonl` or `.jsonl.gz` file.

    Raises:
        ConfigurationError: no such file, or a line that is not such a row; names the file and the line.
    """
    return [_row(entry, path, number) for number, entry in _entries(path)]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image file and what is known of it: its topic, the text in it and the question asked about it."""

    path: Path
    label: int
    category: str = ""
    text: str = field(default="", repr=False)
    question: str = field(default="", repr=False)


def read_image_manifest(folder: Path) -> list[LabelledImage]:
    """The images listed in `manifest.jsonl` of a folder, by rows `{file, label, category, text, question}`.

    Raises:
        ConfigurationError: no manifest, a broken line, or a file outside the folder.
    """
    manifest = folder / "manifest.jsonl"
    images = []
    for number, entry in _entries(manifest):
        path = (folder / str(entry.get("file", ""))).resolve()
        if not path.is_file() or not path.is_relative_to(folder.resolve()):
            raise ConfigurationError(f"{manifest}, line {number}: the file it names is not in this folder")
        words = {name: str(entry.get(name) or "") for name in ("category", "text", "question")}
        images.append(LabelledImage(path, _label(entry, manifest, number), **words))
    return images


def sample(rows: Sequence[Row], count: int, *, seed: int = 0) -> list[Row]:
    """`count` rows at random, or all of them where there are fewer; the same for the same seed."""
    return list(rows) if len(rows) <= count else random.Random(seed).sample(list(rows), count)


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _object(line, path, number)


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        # Without the cause, which would quote the line.
        raise ConfigurationError(f"{path}, line {number}: not JSON") from None
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{path}, line {number}: not a JSON object")
    return entry


def _row(entry: dict[str, Any], path: Path, number: int) -> Row:
    words = {name: str(entry.get(name) or "") for name in ("source", "query", "response", "category")}
    if not words["query"] and not words["response"]:
        raise ConfigurationError(f"{path}, line {number}: neither query nor response")
    return Row(
        id=str(entry.get("id", number)),
        label=_label(entry, path, number),
        noisy=bool(entry.get("noisy")),
        kind=str(entry.get("kind") or "response"),
        **words,
    )


def _label(entry: dict[str, Any], path: Path, number: int) -> int:
    label = entry.get("label")
    if label not in (0, 1):
        raise ConfigurationError(f"{path}, line {number}: label must be 0 or 1")
    return int(label)
