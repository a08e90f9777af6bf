"""Files that grow by whole lines, safe against being killed at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError

_LOCK = "run.lock"


class Journal:
    """Objects as lines of JSON, appended and forced to the disk a batch at a time.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def mend(self) -> int:
        """Take off a last line that was cut, and count the whole ones."""
        if not self.path.exists():
            return 0
        count = end = 0
        with self.path.open("rb") as lines:
            for raw in lines:
                if not raw.endswith(b"\n"):
                    break
                count, end = count + 1, end + len(raw)
        if end < self.path.stat().st_size:
            os.truncate(self.path, end)
        return count

    def read(self) -> Iterator[dict[str, Any]]:
        """The whole lines, in order; one that was cut off is left out.

        Raises:
            ConfigurationError: a line holds no object; it is named.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                if not raw.endswith(b"\n"):
                    return
                yield _object(raw, self.path, number)

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write whole lines, and do not come back before they are on the disk."""
        with self.path.open("ab") as file:
            file.write(b"".join(line(row) for row in rows))
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)


def line(row: Mapping[str, Any]) -> bytes:
    """An object as one line of JSON."""
    return (encoded(row) + "\n").encode("utf-8")


def encoded(row: object) -> str:
    """A value as JSON that can be written as UTF-8, whatever a model wrote."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair can only be written by its number
        return json.dumps(row)
    return text


@contextmanager
def whole(path: Path) -> Iterator[Any]:
    """A binary file that takes the place of `path` when it is complete, and else leaves it as it was."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    _sync(path.parent)


def write_json(path: Path, value: object) -> None:
    """A value as JSON, indented for people: all of it or nothing of it."""
    with whole(path) as file:
        file.write((json.dumps(value, indent=1) + "\n").encode("utf-8"))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out; the lock goes with the process, however it ends.

    Raises:
        ConfigurationError: another process is writing there, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / _LOCK).open("ab")
    except OSError as error:
        raise ConfigurationError(f"the folder {folder} cannot be written: {error.strerror or 'no reason'}") from error
    with held:
        try:
            import fcntl  # not on every system; where it is missing, two processes are the user's to avoid

            fcntl.flock(held.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            raise ConfigurationError(f"another process is writing {folder}; wait for it, or choose another") from None
        yield


def _object(raw: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(raw)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ConfigurationError(f"{path}, line {number}: no JSON object; was the file edited?")
    return row


def _sync(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    try:
        place = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(place)
    finally:
        os.close(place)
