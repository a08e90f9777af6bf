"""ECSO over a file of requests: a record of each, in order, with everything that was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from eyelid.ecso import EcsoRules
from eyelid.errors import ConfigurationError, ImageError
from eyelid.evaluation.runs import digest_of, guard_identity
from eyelid.guard import ClosedAnswer, EyesClosed, Guard
from eyelid.protocols import AskRequest, Detector, Host, ScoreRequest
from eyelid.synthesis._again import again
from eyelid.synthesis._groups import Progress, groups
from eyelid.synthesis._journal import Journal
from eyelid.synthesis._scoring import harm
from eyelid.synthesis._unlabelled import Source, Unlabelled
from eyelid.types import Image

#: File names in the folder of a run.
RECORDS, RETRIED = "records.jsonl", "records.retry.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """How requests get their answers.

    Args:
        host: the model; it answers, judges, describes the image and answers again.
        host_name: what is to stand in the card about it, such as the hash of its weights; its name if left out.
        guard: looks at answers as well; without one the model's own judgement decides, as in the paper.
        guard_detectors: what is to stand in the card about the guard's detectors, such as the hash of their weights.
        rules: of ECSO; those of the guard's policy, or else the default ones.
        detector: scores the answers that are kept, so that those it flags can be left out.
        detector_name: what is to stand in the card about it; its name if left out.
        budget: tokens of a first answer at most.
        temperature, seed: of first answers.
        batch: rows worked on together; so many are lost at most when the process is killed.
        seconds: for each answer of the host, where there is no guard.

    Raises:
        ConfigurationError: a number out of range.
    """

    host: Host
    host_name: str = ""
    guard: Guard | None = None
    guard_detectors: str = ""
    rules: EcsoRules | None = None
    detector: Detector | None = None
    detector_name: str = ""
    budget: int = 1024
    temperature: float = 0.0
    seed: int = 0
    batch: int = 32
    seconds: float = 120.0

    def __post_init__(self) -> None:
        for name in ("budget", "batch"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be at least 1")
        if not 0.0 <= self.temperature < float("inf"):
            raise ConfigurationError(f"temperature is {self.temperature!r}; it must be 0 or a number above")
        if not 0.0 < self.seconds < float("inf"):
            raise ConfigurationError(f"seconds is {self.seconds!r}; it must be a number above 0")

    @property
    def effective_rules(self) -> EcsoRules:
        """The rules that hold."""
        return self.rules or (self.guard.policy.ecso if self.guard else EcsoRules())

    def settings(self, source: Source) -> dict[str, Any]:
        """What has to be the same for a run to go on."""
        return {
            "kind": "ecso",
            "input": source.identity(),
            "host": self.host_name or self.host.name,
            "rules": digest_of(self.effective_rules),
            "guard": guard_identity(self.guard.policy, self.guard_detectors) if self.guard else "",
            "detector": (self.detector_name or self.detector.name) if self.detector else "",
            "budget": self.budget,
            "temperature": self.temperature,
            "seed": self.seed,
            "version": version("eyelid"),
        }


def label(
    source: Source,
    images: Path,
    folder: Path,
    how: Labelling,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> None:
    """Append a record of each request to `records.jsonl`, from where it ends.

    The order of the input is fixed, so the number of records is the place to go on from. A last record that was cut
    is made anew. All of the input is read once before the first question is asked, so that a broken row ends a run
    before it costs anything.

    Args:
        source: the requests.
        images: the folder below which the images lie; files outside it are not read.
        folder: of the run.
        how: the answers come about.
        limit: the first so many requests.
        retry_failed: whether records with failures are made anew, and answers are scored that the detector could not
            look at.
        progress: is told after each batch.

    Raises:
        ConfigurationError: a row of the input is broken; names file and line.
    """
    total = sum(1 for _ in islice(source, limit))
    work = _Work(how, images)
    try:
        if retry_failed:
            old, new = Journal(folder / RECORDS), Journal(folder / RETRIED)
            again(
                old,
                new,
                source,
                work.anew,
                how.batch,
                wanted=lambda record: bool(record["failures"]) or unchecked(record),
            )
        journal = Journal(folder / RECORDS)
        done = journal.mend()
        for rows in groups(islice(source, done, limit), how.batch):
            journal.append(work.records(rows))
            done += len(rows)
            if progress is not None:
                progress(done, total)
        if progress is not None:
            progress(min(done, total), total)
    finally:
        work.close()


class _Work:
    """Makes records of requests."""

    def __init__(self, how: Labelling, images: Path) -> None:
        self._how, self._images = how, images
        self._closed = EyesClosed(how.host, guard=how.guard, rules=how.rules, ask_seconds=how.seconds)

    def close(self) -> None:
        self._closed.close()

    def records(self, rows: list[Unlabelled]) -> list[dict[str, Any]]:
        """One record for each, in order; what goes wrong with a row stands in its record."""
        loaded = [self._load(row) for row in rows]
        ready = [(row, images) for row, images in zip(rows, loaded, strict=True) if not isinstance(images, str)]
        answers = iter(self._closed.answer_many([self._request(row, images) for row, images in ready]))
        records = [
            _record(row, None, code) if isinstance(code, str) else _record(row, next(answers))
            for row, code in zip(rows, loaded, strict=True)
        ]
        self._score(records)
        return records

    def anew(self, failed: list[tuple[Unlabelled, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Records in the place of those that failed; where only the detector did, the answer stays and is scored."""
        made = iter(self.records([row for row, record in failed if record["failures"]]))
        unscored = [record for _, record in failed if not record["failures"]]
        self._score(unscored)
        return [next(made) if record["failures"] else record for _, record in failed]

    def _load(self, row: Unlabelled) -> tuple[Image, ...] | str:
        """The images of a request, or why there is nothing to answer."""
        if not row.image:
            return () if self._how.guard else "no_image"
        try:
            return (Image.from_path(Path(row.image), root=self._images),)
        except ImageError as error:
            return f"decode:{error.code}"

    def _request(self, row: Unlabelled, images: tuple[Image, ...]) -> AskRequest:
        how = self._how
        return AskRequest(row.query, images, budget=how.budget, temperature=how.temperature, seed=how.seed)

    def _score(self, records: list[dict[str, Any]]) -> None:
        if self._how.detector is None:
            return
        answered = [record for record in records if record["text"].strip() and not record["failures"]]
        requests = [ScoreRequest(record["text"], record["query"]) for record in answered]
        for record, score in zip(answered, harm(self._how.detector, requests), strict=True):
            record["harm"] = score


def unchecked(record: Mapping[str, Any]) -> bool:
    """Whether there was a detector, and it could not look at the answer."""
    return "harm" in record and record["harm"] is None


def _record(row: Unlabelled, closed: ClosedAnswer | None, code: str = "") -> dict[str, Any]:
    """Everything that was said of a row, under the names of the authors' release where these have one."""
    record: dict[str, Any] = {"id": row.id, "image": row.image, "query": row.query, "text": "", "failures": []}
    if closed is None:
        return record | {"failures": [code]}
    reasked = closed.reasked
    return record | {
        "text": closed.text,
        "unsafe": _unsafe(closed),
        "unsafe_answer": closed.direct if closed.replaced else "",
        "replaced": closed.replaced and not closed.failures,
        "caption": reasked.caption if reasked else "",
        "calls": [call.step for call in closed.calls],
        "failures": [f"{failure.stage}:{failure.code}" for failure in closed.failures],
    }


def _unsafe(closed: ClosedAnswer) -> str:
    """Yes or No, or "" where nobody judged."""
    if closed.reasked is not None:
        return "Yes" if closed.reasked.unsafe else "No"
    if closed.outcome is not None and not closed.failures:
        return "No" if closed.outcome.allowed else "Yes"
    return ""
