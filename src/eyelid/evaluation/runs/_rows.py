"""Which rows are run, in which order, and a digest that says which they were."""

from __future__ import annotations

import hashlib
import json
import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eyelid.errors import ConfigurationError
from eyelid.evaluation.samples import Sample


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a benchmark that can be gone through more than once, without all of them being in memory.

    Rows that count together, such as MME's two questions about one image, are not torn apart: if one is chosen, so are
    the others of its group.

    Args:
        samples: all there are; gone through once for the digest and once for the run, always in the same order.
        root: the benchmark's folder, or the file's where it is one file.
        limit: the first so many.
        draw: so many at random, in their order; taken before `limit`.
        seed: of the drawing.

    Raises:
        ConfigurationError: a number is below 1.
    """

    samples: Iterable[Sample]
    root: Path
    limit: int | None = None
    draw: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("limit", "draw"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ConfigurationError(f"{name} is {number}; it must be at least 1, or left out for all rows")
        if iter(self.samples) is self.samples:
            raise ConfigurationError("the rows can be gone through only once; give a list, or what makes them anew")

    def __iter__(self) -> Iterator[Sample]:
        chosen = None if self.draw is None else self._drawn(self.draw)
        given, group = 0, ""
        for number, sample in enumerate(self.samples):
            if chosen is not None and number not in chosen:
                continue
            if self.limit is not None and given >= self.limit and not (group and sample.group == group):
                return
            given, group = given + 1, sample.group
            yield sample

    def _drawn(self, count: int) -> frozenset[int]:
        groups = [sample.group for sample in self.samples]
        rows = range(len(groups))
        drawn = set(rows if count >= len(rows) else random.Random(self.seed).sample(rows, count))
        whole = {groups[number] for number in drawn} - {""}
        return frozenset(number for number in rows if number in drawn or groups[number] in whole)

    def names(self, sample: Sample) -> tuple[str, ...]:
        """Names of the images of a row, below the folder where they are."""
        base = self.folder.resolve() if sample.images else self.folder
        found = [path.resolve() for path in sample.images]
        return tuple(str(path.relative_to(base)) if path.is_relative_to(base) else path.name for path in found)

    @property
    def folder(self) -> Path:
        """What images are taken below."""
        return self.root.parent if self.root.is_file() else self.root


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How many rows there are, and a digest of their ids and contents in order."""

    count: int
    digest: str


def fingerprint(rows: Rows) -> Fingerprint:
    """Of all chosen rows. Of an image its name and size count.

    Raises:
        ConfigurationError: an id is there twice, or there is no row.
    """
    whole = hashlib.sha256()
    keys = array("Q")  # 8 bytes a row, so that millions can be told apart
    for sample in rows:
        whole.update(_content(sample, rows))
        keys.append(int.from_bytes(hashlib.blake2b(sample.id.encode("utf-8", "replace"), digest_size=8).digest()))
    if not keys:
        raise ConfigurationError("there are no rows to run")
    ordered = np.sort(np.frombuffer(keys, dtype=np.uint64))
    if len(ordered) > 1 and (ordered[1:] == ordered[:-1]).any():
        raise ConfigurationError("two rows have the same id; ids name rows and must differ")
    return Fingerprint(len(keys), whole.hexdigest()[:16])


def _content(sample: Sample, rows: Rows) -> bytes:
    sizes = [_size(path) for path in sample.images]
    parts = (
        sample.id,
        sample.scenario,
        sample.kind.value,
        sample.condition,
        sample.surface.value,
        sample.prompt,
        sample.response,
        sample.label,
        sample.references,
        sample.scoring,
        sample.group,
        sorted(sample.facts.items()),
        list(zip(rows.names(sample), sizes, strict=True)),
    )
    return json.dumps(parts).encode()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1  # the row will fail by itself, with the reason
