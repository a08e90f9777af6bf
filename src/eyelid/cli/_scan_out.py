"""The file that `scan` writes: which rows are in it already, and a line that was cut off."""

from __future__ import annotations

import json
from pathlib import Path

from eyelid.cli._exit import usage
from eyelid.cli._rows import parse_object

#: How every line that `scan` writes begins; nothing else is ever cut off from a file.
LINE_START = b'{"id": '


def ids_already_in(out: Path) -> set[str]:
    """Ids of an earlier run, as JSON. A last line that was cut off in the writing is taken away again."""
    if not out.exists():
        return set()
    done: set[str] = set()
    whole = 0
    with out.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if not raw.endswith(b"\n") and _is_cut(raw):
                break
            try:
                done.add(_outcome_id(raw))
            except (KeyError, ValueError):
                usage(f"line {number} of {out} is no outcome of a scan; choose another --out")
            whole += len(raw)
    _cut(out, whole)
    return done


def _outcome_id(raw: bytes) -> str:
    record = parse_object(raw)
    if "action" not in record:
        raise ValueError
    return json.dumps(record["id"])


def _is_cut(raw: bytes) -> bool:
    """Whether this is the beginning of a line that `scan` wrote: without its end, or without the line's end alone."""
    try:
        return "action" in parse_object(raw)
    except ValueError:
        return raw.startswith(LINE_START[: len(raw)])


def _cut(out: Path, size: int) -> None:
    if size < out.stat().st_size:
        with out.open("r+b") as file:
            file.truncate(size)
