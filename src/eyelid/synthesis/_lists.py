"""Lists that a model wrote, and files of scenarios."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.synthesis._items import items, wrong

_ENTRY = re.compile(r"^\s*(?:\(?\d{1,4}[.):]|[-*•])\s+(\S.*)$")
_QUOTES = "\"'“”‘’*`"
#: Characters of an entry; what is longer is no entry but prose.
_SHORTEST, _LONGEST = 3, 600


def entries(text: str) -> list[str]:
    """The entries of a list: of a JSON array of strings, or else the lines that are numbered or have a bullet."""
    found = _array(text) or [match[1] for match in map(_ENTRY.match, text.splitlines()) if match]
    trimmed = (" ".join(entry.replace("**", "").split()).strip(_QUOTES).strip() for entry in found)
    return [entry for entry in trimmed if _SHORTEST <= len(entry) <= _LONGEST]


def _array(text: str) -> list[str]:
    start, end = text.find("["), text.rfind("]")
    if not 0 <= start < end:
        return []
    try:
        found: Any = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return []
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def read_scenarios(path: Path) -> list[str]:
    """Kinds of requests from a file: one a line, or with `.jsonl` or `.json` objects that have a `scenario`.

    Blank lines are left out, and lines of a text file that start with #; so are repetitions.

    Raises:
        ConfigurationError: it cannot be read, has none, or a row is no scenario; names file and line.
    """
    if path.suffix in (".jsonl", ".json"):
        found = [_scenario(row.get("scenario"), path, line) for line, row in items(path)]
    else:
        try:
            lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror or 'no reason given'}") from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path} is not UTF-8") from None
        found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise ConfigurationError(f"{path} names no scenario; write one a line")
    return list(dict.fromkeys(found))


def _scenario(value: object, path: Path, line: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise wrong(path, line, "`scenario` must be a text")
    return value.strip()
