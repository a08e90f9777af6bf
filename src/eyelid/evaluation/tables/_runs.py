"""Folders that runs left, read back; and whether two of them may stand in one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from eyelid.errors import ConfigurationError
from eyelid.evaluation.records import Manifest, Record

MANIFEST, RECORDS = "run.json", "records.jsonl"
_NAMES = tuple(each.name for each in fields(Manifest))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it was made with, and its rows by id.

    Args:
        name: of its folder.
        manifest: what it was made with.
        records: one for each row.
        label: how its columns are headed.
    """

    name: str
    manifest: Manifest
    records: tuple[Record, ...] = field(repr=False)
    label: str = ""

    @property
    def defended(self) -> bool:
        return self.manifest.defense != "none"


def read_run(folder: Path, *, partial: bool = False) -> Run:
    """The run in a folder.

    Args:
        folder: with `run.json` and `records.jsonl`.
        partial: take a run that is not finished, too.

    Raises:
        ConfigurationError: a file is missing or broken, a row is there twice, or rows are missing.
    """
    manifest = _manifest(folder)
    records = _records(folder / RECORDS)
    if len(records) > manifest.samples or (len(records) < manifest.samples and not partial):
        raise ConfigurationError(
            f"{folder} holds {len(records)} of {manifest.samples} rows; finish the run, or ask for a partial report"
        )
    return Run(folder.name, manifest, tuple(sorted(records, key=lambda record: record.id)))


def read_runs(folders: Sequence[Path], *, partial: bool = False) -> list[Run]:
    """The runs in these folders, each with a label of its own, in the order given.

    Raises:
        ConfigurationError: as `read_run`, or there is none, or two asked different rows; the message names them.
    """
    if not folders:
        raise ConfigurationError("a report needs at least one run")
    runs = [read_run(Path(folder), partial=partial) for folder in folders]
    for folder, run in zip(folders[1:], runs[1:], strict=True):
        _same_rows(str(folders[0]), runs[0].manifest, str(folder), run.manifest)
    return labelled(runs)


def labelled(runs: Sequence[Run]) -> list[Run]:
    """The runs with labels: host and defence; with the folder's name, and a number at need, where these are alike."""
    several = len({run.manifest.host for run in runs}) > 1
    plain = [" · ".join(filter(None, (run.manifest.host if several else "", run.manifest.defense))) for run in runs]
    named = [
        f"{label} ({run.name})" if plain.count(label) > 1 else label for label, run in zip(plain, runs, strict=True)
    ]
    numbered = [f"{label} #{n}" if named.count(label) > 1 else label for n, label in enumerate(named, 1)]
    return [Run(run.name, run.manifest, run.records, label) for run, label in zip(runs, numbered, strict=True)]


def _same_rows(one: str, first: Manifest, other: str, second: Manifest) -> None:
    for name in ("benchmark", "options", "samples", "fingerprint"):
        here, there = getattr(first, name), getattr(second, name)
        if here != there:
            raise ConfigurationError(
                f"{one} and {other} cannot stand in one table: their {name} differ ({here!r} and {there!r}); "
                "report them apart, or run both on the same rows"
            )


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text("utf-8"))
        known = {name: raw[name] for name in _NAMES if name in raw}
        return Manifest(**{**known, "judges": tuple(known.get("judges", ()))})
    except OSError:
        raise ConfigurationError(f"{path} cannot be read; is {folder} the folder of a run?") from None
    except (ValueError, TypeError, KeyError):
        raise ConfigurationError(f"{path} does not describe a run; was it edited or cut?") from None


def _records(path: Path) -> list[Record]:
    records: dict[str, Record] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    _add(records, line, f"{path}, line {number}")
    except OSError:
        raise ConfigurationError(f"{path} cannot be read; is it the folder of a run?") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8; was it edited or cut?") from None
    return list(records.values())


def _add(records: dict[str, Record], line: str, place: str) -> None:
    try:
        record = Record.from_json(line)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from None
    if record.id in records:
        raise ConfigurationError(f"{place}: the row was there before; a row counts once")
    records[record.id] = record
