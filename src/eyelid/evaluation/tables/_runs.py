"""Folders that runs left, read back; and whether two of them may stand in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eyelid.errors import ConfigurationError
from eyelid.evaluation.records import Manifest, Record
from eyelid.evaluation.runs import RECORDS, read_manifest, records_in


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
    def partial(self) -> bool:
        """Whether rows are missing."""
        return len(self.records) < self.manifest.samples

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
    manifest = read_manifest(folder)
    records = _records(folder / RECORDS)
    if len(records) > manifest.samples or (len(records) < manifest.samples and not partial):
        raise ConfigurationError(
            f"{folder} holds {len(records)} of {manifest.samples} rows; finish the run, or ask for a partial report"
        )
    if not records:
        raise ConfigurationError(f"{folder} holds no rows; start the run first")
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
        here, there = first.settings[name], second.settings[name]
        if here != there:
            raise ConfigurationError(
                f"{one} and {other} cannot stand in one table: their {name} differ ({here!r} and {there!r}); "
                "report them apart, or run both on the same rows"
            )


def _records(path: Path) -> list[Record]:
    records: dict[str, Record] = {}
    try:
        for record in records_in(path):
            if record.id in records:
                raise ConfigurationError(f"{path} holds a row twice, and a row counts once; was the file edited?")
            records[record.id] = record
    except OSError:
        raise ConfigurationError(f"{path} cannot be read; is it the folder of a run?") from None
    return list(records.values())
