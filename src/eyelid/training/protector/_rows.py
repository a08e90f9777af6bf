"""Training rows: pairs of answers as PKU-SafeRLHF has them, single labelled answers, and rewrites."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from eyelid.errors import ConfigurationError

#: What stands for an answer where both are unsafe.
REFUSAL = "I can't help with that. I'm glad to help with a safe side of the question."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and whether it is safe."""

    text: str = field(repr=False)
    safe: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one request, of which `better` is the safer one."""

    prompt: str = field(repr=False)
    better: Answer
    worse: Answer

    @property
    def contradicts(self) -> bool:
        """Whether the one called safer is unsafe and the other is not: then a label is wrong."""
        return self.worse.safe and not self.better.safe

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Both, the safer one first."""
        return (self.better, self.worse)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer to a request."""

    prompt: str = field(repr=False)
    answer: Answer

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The one."""
        return (self.answer,)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A harmful answer to a request, and the one that is to be written instead."""

    prompt: str = field(repr=False)
    original: str = field(repr=False)
    target: str = field(repr=False)


Judged: TypeAlias = Pair | Labelled
Source: TypeAlias = Pair | Rewrite


def read_judged(files: Sequence[Path]) -> list[Judged]:
    """Rows for a detector.

    Each row is either a pair (`prompt` or `question`, `response_0`, `response_1`, `is_response_0_safe`,
    `is_response_1_safe`, `safer_response_id`: PKU-SafeRLHF, arXiv 2406.15513) or a single answer (`query` or `prompt`,
    `response`, `label`: 1 harmful, 0 not). An answer without a request is a text that stands alone.

    Args:
        files: `.jsonl`, `.jsonl.gz`, or `.json` with a list.

    Raises:
        ConfigurationError: no such file, or a row of neither form; names the file and the line (in a list, the number
            of the row), never its content.
    """
    return [_judged(raw, place) for file in files for raw, place in _entries(file)]


def read_sources(files: Sequence[Path]) -> list[Source]:
    """Rows for a detoxifier as they stand there: rewrites (`query` or `prompt`, `original`, `target`), or pairs.

    Raises:
        ConfigurationError: as `read_judged`.
    """
    return [_source(raw, place) for file in files for raw, place in _entries(file)]


def rewrites_of(rows: Sequence[Source], *, refusal: str = REFUSAL, both_safe: bool = True) -> list[Rewrite]:
    """What a detoxifier learns of rows.

    Of a pair the less safe answer is the original and the safer one the target, or `refusal` where both are unsafe. A
    pair that contradicts itself is left out: its target would be an answer that is labelled unsafe.

    Args:
        rows: pairs and rewrites.
        refusal: the target where there is no safe answer.
        both_safe: whether pairs of two safe answers are used, as the published training does.
    """
    found = (row if isinstance(row, Rewrite) else _made(row, refusal, both_safe) for row in rows)
    return [row for row in found if row is not None]


def read_rewrites(files: Sequence[Path], *, refusal: str = REFUSAL, both_safe: bool = True) -> list[Rewrite]:
    """`rewrites_of` the rows in files.

    Raises:
        ConfigurationError: as `read_judged`.
    """
    return rewrites_of(read_sources(files), refusal=refusal, both_safe=both_safe)


def held_out(row: Judged | Rewrite, share: float, *, seed: int = 0) -> bool:
    """Whether a row belongs to the part that is not trained on: all rows with the same request do, or do not.

    Requests that differ in spaces or capitals alone are the same. Rows without a request go by their first text.
    """
    first = row.original if isinstance(row, Rewrite) else row.answers[0].text
    same = " ".join((row.prompt or first).casefold().split())
    digest = hashlib.blake2b(f"{seed}\0{same}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def digest_of(files: Sequence[Path]) -> str:
    """SHA-256 over the contents of the files."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                whole.update(block)
    return whole.hexdigest()


def _judged(raw: dict[str, Any], place: str) -> Judged:
    if "response_0" in raw:
        return _pair(raw, place)
    if raw.get("label") not in (0, 1) or not isinstance(raw.get("response"), str):
        raise ConfigurationError(f"{place}: neither a pair (response_0, ...) nor an answer (response, label 0 or 1)")
    return Labelled(_request(raw, place), Answer(raw["response"], raw["label"] == 0))


def _pair(raw: dict[str, Any], place: str) -> Pair:
    answers = []
    for number in (0, 1):
        safe = raw.get(f"is_response_{number}_safe")
        if not isinstance(safe, bool):
            raise ConfigurationError(f"{place}: is_response_{number}_safe must be true or false")
        answers.append(Answer(_text(raw, place, f"response_{number}"), safe))
    better = raw.get("safer_response_id")
    if better not in (0, 1):
        raise ConfigurationError(f"{place}: safer_response_id must be 0 or 1")
    return Pair(_text(raw, place, "prompt", "question"), answers[better], answers[1 - better])


def _source(raw: dict[str, Any], place: str) -> Source:
    if "original" in raw:
        return Rewrite(_request(raw, place), _text(raw, place, "original"), _text(raw, place, "target"))
    if "response_0" not in raw:
        raise ConfigurationError(f"{place}: neither a rewrite (original, target) nor a pair (response_0, ...)")
    return _pair(raw, place)


def _made(pair: Pair, refusal: str, both_safe: bool) -> Rewrite | None:
    if pair.contradicts or (pair.worse.safe and not both_safe):
        return None
    return Rewrite(pair.prompt, pair.worse.text, pair.better.text if pair.better.safe else refusal)


def _request(raw: dict[str, Any], place: str) -> str:
    names = ("query", "prompt", "question")
    return _text(raw, place, *names) if any(raw.get(name) is not None for name in names) else ""


def _text(raw: dict[str, Any], place: str, *names: str) -> str:
    value = next((raw[name] for name in names if raw.get(name) is not None), None)
    if not isinstance(value, str):
        raise ConfigurationError(f"{place}: {' or '.join(names)} must be a text")
    return value


def _entries(file: Path) -> Iterator[tuple[dict[str, Any], str]]:
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    open_text: Any = gzip.open if file.suffix == ".gz" else open
    try:
        with open_text(file, "rt", encoding="utf-8") as stream:
            for raw, place in _parsed(stream, file):
                if not isinstance(raw, dict):
                    raise ConfigurationError(f"{place}: not a JSON object")
                yield raw, place
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {type(error).__name__}") from None


def _parsed(stream: Any, file: Path) -> Iterator[tuple[Any, str]]:
    """Each row of a file, and where it stands."""
    if file.name.endswith(".json"):
        whole = _json(stream.read(), str(file))
        if not isinstance(whole, list):
            raise ConfigurationError(f"{file}: not a list of rows")
        yield from ((raw, f"{file}, row {number}") for number, raw in enumerate(whole, start=1))
        return
    for number, line in enumerate(stream, start=1):
        if line.strip():
            place = f"{file}, line {number}"
            yield _json(line, place), place


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # the latter where it is nested without end
        raise ConfigurationError(f"{place}: not JSON") from None
