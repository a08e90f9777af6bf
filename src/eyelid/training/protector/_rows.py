"""Training rows: pairs of answers as PKU-SafeRLHF has them, single labelled answers, and rewrites."""

from __future__ import annotations

import gzip
import hashlib
import json
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


def read_judged(files: Sequence[Path]) -> list[Judged]:
    """Rows for a detector.

    Each row is either a pair (`prompt` or `question`, `response_0`, `response_1`, `is_response_0_safe`,
    `is_response_1_safe`, `safer_response_id`: PKU-SafeRLHF, arXiv 2406.15513) or a single answer (`query` or `prompt`,
    `response`, `label`: 1 harmful, 0 not).

    Args:
        files: `.jsonl`, `.jsonl.gz`, or `.json` with a list.

    Raises:
        ConfigurationError: no such file, or a row of neither form; names the file and the row, never its content.
    """
    return [_judged(raw, place) for file in files for raw, place in _entries(file)]


def read_rewrites(files: Sequence[Path], *, refusal: str = REFUSAL, both_safe: bool = True) -> list[Rewrite]:
    """Rows for a detoxifier: rewrites (`query` or `prompt`, `original`, `target`), or made from pairs.

    Of a pair the less safe answer is the original and the safer one the target, or `refusal` where both are unsafe.

    Args:
        files: as in `read_judged`.
        refusal: the target where there is no safe answer.
        both_safe: whether pairs of two safe answers are used, as the published training does.

    Raises:
        ConfigurationError: as `read_judged`.
    """
    found = (_rewrite(raw, place, refusal, both_safe) for file in files for raw, place in _entries(file))
    return [row for row in found if row is not None]


def held_out(prompt: str, share: float, *, seed: int = 0) -> bool:
    """Whether a request belongs to the part that is not trained on; the same request always does or does not."""
    digest = hashlib.blake2b(f"{seed}\0{prompt}".encode("utf-8", "replace"), digest_size=8).digest()
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
    return Labelled(_text(raw, place, "query", "prompt", "question"), Answer(raw["response"], raw["label"] == 0))


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


def _rewrite(raw: dict[str, Any], place: str, refusal: str, both_safe: bool) -> Rewrite | None:
    if "original" in raw:
        prompt = _text(raw, place, "query", "prompt", "question")
        return Rewrite(prompt, _text(raw, place, "original"), _text(raw, place, "target"))
    if "response_0" not in raw:
        raise ConfigurationError(f"{place}: neither a rewrite (original, target) nor a pair (response_0, ...)")
    pair = _pair(raw, place)
    if pair.worse.safe and pair.better.safe and not both_safe:
        return None
    unsafe = not pair.better.safe and not pair.worse.safe
    return Rewrite(pair.prompt, pair.worse.text, refusal if unsafe else pair.better.text)


def _text(raw: dict[str, Any], place: str, *names: str) -> str:
    value = next((raw[name] for name in names if name in raw), None)
    if not isinstance(value, str):
        raise ConfigurationError(f"{place}: {' or '.join(names)} must be a text")
    return value


def _entries(file: Path) -> Iterator[tuple[dict[str, Any], str]]:
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    open_text: Any = gzip.open if file.suffix == ".gz" else open
    try:
        with open_text(file, "rt", encoding="utf-8") as stream:
            lines = enumerate(_parsed(stream, file), start=1)
            for number, raw in lines:
                place = f"{file}, row {number}"
                if not isinstance(raw, dict):
                    raise ConfigurationError(f"{place}: not a JSON object")
                yield raw, place
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {type(error).__name__}") from None


def _parsed(stream: Any, file: Path) -> Iterator[Any]:
    if file.name.endswith(".json"):
        try:
            whole = json.load(stream)
        except ValueError:
            raise ConfigurationError(f"{file}: not JSON") from None
        if not isinstance(whole, list):
            raise ConfigurationError(f"{file}: not a list of rows")
        yield from whole
        return
    for number, line in enumerate(stream, start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                raise ConfigurationError(f"{file}, line {number}: not JSON") from None
