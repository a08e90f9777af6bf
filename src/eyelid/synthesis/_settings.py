"""What data was made with: written before the first row, and the same when the work goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.synthesis._journal import write_json

#: File name in the folder of a run.
SETTINGS = "run.json"


def begin(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Start a run, or go on with the one that is there.

    Returns:
        The settings with when the run was `started`.

    Raises:
        ConfigurationError: the run there was made with other settings, each of which is named.
    """
    path = folder / SETTINGS
    here = json.loads(json.dumps(settings))
    if not path.exists():
        if any(folder.glob("*.jsonl")):
            raise ConfigurationError(f"{folder} holds rows without {SETTINGS}; choose another folder")
        here["started"] = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(path, here)
        return dict(here)
    there = read_settings(folder)
    names = sorted((set(there) | set(here)) - {"started"})
    other = [
        f"{name} is {there.get(name)!r} there and {here.get(name)!r} here"
        for name in names
        if there.get(name) != here.get(name)
    ]
    if other:
        raise ConfigurationError(
            f"{folder} was begun with other settings: {'; '.join(other)}. Go on with the same, or choose another folder"
        )
    return there


def read_settings(folder: Path) -> dict[str, Any]:
    """What the run in a folder was made with.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    try:
        found = json.loads((folder / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{folder / SETTINGS} cannot be read; was it edited or cut?")
    return found


def digest(*parts: str) -> str:
    """Sixteen hex digits of some texts, in order."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def digest_of_file(path: Path) -> str:
    """Sixteen hex digits of a file's bytes.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or 'no reason given'}") from None
