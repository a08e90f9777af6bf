"""The folder of a run: what it was made with, and its records in the order of the rows, safe against being killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eyelid.errors import ConfigurationError
from eyelid.evaluation.records import Manifest, Record

MANIFEST, RECORDS = "run.json", "records.jsonl"
#: Where failed rows are done anew, until it takes the place of the records.
RETRIED = "records.retry.jsonl"
_LOCK = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out; the lock goes with the process, however it ends.

    Raises:
        ConfigurationError: another process is writing this run, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("ab") as held:
            _lock(held.fileno(), folder)
            yield
    except OSError as error:
        raise ConfigurationError(
            f"the run {folder} cannot be written: {error.strerror or 'no reason given'}"
        ) from error


def _lock(file: int, folder: Path) -> None:
    try:
        import fcntl  # not on every system; where it is missing, two processes are the user's to avoid
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(
            f"another process is writing the run {folder}; wait for it, or choose another"
        ) from None


def begin(folder: Path, manifest: Manifest) -> Manifest:
    """Start a run, or go on with the one that is there.

    Returns:
        What the run was begun with.

    Raises:
        ConfigurationError: the run there was made with other settings, each of which is named, or it is none.
    """
    path = folder / MANIFEST
    if path.exists():
        there = read_manifest(folder)
        _same(there, manifest, folder)
        return there
    if (folder / RECORDS).exists():
        raise ConfigurationError(f"{folder} holds records without {MANIFEST}; choose another folder")
    _write(path, manifest.to_json())
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """What the run in a folder was made with.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        return Manifest.from_json(path.read_text("utf-8"))
    except OSError:
        raise ConfigurationError(f"{path} cannot be read; is {folder} the folder of a run?") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def differences(one: Manifest, other: Manifest, names: Iterable[str] | None = None) -> list[str]:
    """Settings that differ, each with both values, in words."""
    here, there = (json.loads(json.dumps(each.settings)) for each in (one, other))
    return [
        f"{name} is {here[name]!r} there and {there[name]!r} here"
        for name in (here if names is None else names)
        if here[name] != there[name]
    ]


def records_in(path: Path) -> Iterator[Record]:
    """The whole records of a file, in order; a last line that was cut off is left out.

    Raises:
        ConfigurationError: a line is no record; it is named.
    """
    for _, record in _lines(path):
        yield record


def is_failed(record: Record) -> bool:
    """Whether something went wrong with a row: the host, the guard or a judge; what `--retry-failed` does anew."""
    return bool(record.failures) or any(each.failed for each in (*record.judged_direct, *record.judged))


class Ledger:
    """Records in the order of the rows, appended and forced to the disk a batch at a time.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def resume(self, ids: Iterator[str]) -> Iterator[Record]:
        """The records that are there, and off with a last line that was cut.

        Args:
            ids: of the rows; one is taken for each record.

        Raises:
            ConfigurationError: a line is no record, or of another row.
        """
        whole = 0
        if not self.path.exists():
            return
        for end, record in _lines(self.path):
            if record.id != next(ids, None):
                raise ConfigurationError(f"{self.path} holds other rows, or in another order; choose another folder")
            whole = end
            yield record
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)

    def append(self, lines: Iterable[str]) -> None:
        """Write whole lines, and do not come back before they are on the disk."""
        with self.path.open("ab") as file:
            file.write("".join(line + "\n" for line in lines).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())


def _lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Each whole record with the place where its line ends, in bytes."""
    end = 0
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if not raw.endswith(b"\n"):
                return
            end += len(raw)
            try:
                record = Record.from_json(raw.decode("utf-8"))
            except (UnicodeDecodeError, ConfigurationError):
                raise ConfigurationError(f"{path}, line {number}: no record; was the file edited?") from None
            yield end, record


def _same(there: Manifest, here: Manifest, folder: Path) -> None:
    if found := differences(there, here):
        raise ConfigurationError(
            f"the run in {folder} was made with other settings: {'; '.join(found)}. "
            "Go on with the same ones, or choose another folder"
        )


def _write(path: Path, text: str) -> None:
    """All of the file or nothing of it."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    try:
        place = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(place)
    finally:
        os.close(place)
