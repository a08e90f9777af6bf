"""What a file seems to be, by its name and its first bytes."""

from __future__ import annotations

import os
import re
from pathlib import Path

from eyelid.types import MAX_IMAGE_BYTES

#: What may lie beside the data of any benchmark.
_HARMLESS_NAMES = re.compile(r"\..*|__\w+|(readme|licen[cs]e|notice|citation|changelog)([\W_].*)?", re.IGNORECASE)
_HARMLESS_SUFFIXES = frozenset({".md", ".zip", ".tar", ".py", ".sh", ".pdf", ".ipynb", ".bib"})
_DATA_SUFFIXES = frozenset({".json", ".jsonl", ".csv", ".tsv", ".gz", ".parquet"})
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")

LEADS_OUT = "is a link that leads out of the benchmark's folder; put the files themselves there, or a mount"


def is_harmless(name: str) -> bool:
    """Whether a file of that name is nothing that could have been meant as data."""
    return bool(_HARMLESS_NAMES.fullmatch(name)) or Path(name).suffix.lower() in _HARMLESS_SUFFIXES


def is_data(name: str) -> bool:
    """Whether a file of that name holds rows."""
    return Path(name).suffix.lower() in _DATA_SUFFIXES


def broken_image(entry: os.DirEntry[str], root: Path) -> str:
    """What is wrong with an image by its place, size and first bytes; "" where nothing is."""
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root.resolve()):
        return f"image {LEADS_OUT}"
    if entry.stat().st_size > MAX_IMAGE_BYTES:
        return f"image is larger than {MAX_IMAGE_BYTES} bytes"
    with open(entry.path, "rb") as file:
        head = file.read(12)
    known = head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")
    return "" if known else "is no PNG, JPEG, WebP or GIF image"
