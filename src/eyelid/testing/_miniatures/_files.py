"""Writing the files of a miniature: tables, JSON, and images of a few pixels."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any


def write_json(path: Path, held: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(held, ensure_ascii=False, indent=1), "utf-8")


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line; gzipped where the name ends with ".gz"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.write_text(text.getvalue(), "utf-8")


def write_image(path: Path) -> None:
    """A plain picture in the format that the name ends with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_plain(path.suffix.lower()))


@cache
def _plain(suffix: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (24, 16), (190, 200, 210)).save(file, format="PNG" if suffix == ".png" else "JPEG")
    return file.getvalue()
