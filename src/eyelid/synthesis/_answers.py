"""A harmless and a harmful answer to each question, each of which a detector has to take for what it should be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.evaluation.judges import refuses
from eyelid.protocols import ScoreRequest
from eyelid.synthesis._again import again
from eyelid.synthesis._groups import Progress, groups
from eyelid.synthesis._journal import Journal
from eyelid.synthesis._plan import SafeHarm
from eyelid.synthesis._questions import QUESTIONS, questions
from eyelid.synthesis._remembering import Remembering
from eyelid.synthesis._scoring import harm
from eyelid.synthesis._similar import similarity
from eyelid.types import Failure

#: File names in the folder of a run.
ANSWERS, RETRIED = "answers.jsonl", "answers.retry.jsonl"

SIDES = ("harmless", "harmful")


def ask_for_answers(
    plan: SafeHarm, count: int, ask: Remembering, folder: Path, progress: Progress, *, retry_failed: bool
) -> None:
    """Append both answers to each question to `answers.jsonl`, from where it ends; questions without are there too.

    Raises:
        ConfigurationError: the answers there are to other questions.
    """
    journal = Journal(folder / ANSWERS)
    done = journal.mend()
    _must_belong(journal, folder)

    def made(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return _answered(plan, rows, ask)

    if retry_failed:
        again(
            journal,
            Journal(folder / RETRIED),
            questions(folder),
            lambda pairs: made([row for row, _ in pairs]),
            plan.batch,
            stored=ask.forget,
        )
    progress(done, count)
    for rows in groups(islice(questions(folder), done, None), plan.batch):
        journal.append(made(rows))
        ask.forget()
        done += len(rows)
        progress(done, count)


def _must_belong(journal: Journal, folder: Path) -> None:
    """The place in the file is all that joins an answer to its question, so a shift would go unseen."""
    ids = (question["id"] for question in questions(folder))
    for number, record in enumerate(journal.read(), start=1):
        if record.get("id") != next(ids, None):
            raise ConfigurationError(
                f"{journal.path}, line {number}: not the answers to that question of {QUESTIONS}; was a file "
                "edited? Choose another folder"
            )


@dataclass(slots=True)
class _Sought:
    """One answer that is being looked for."""

    row: dict[str, Any]
    side: str
    text: str = ""
    score: float | None = None
    found: bool = False
    why: Counter[str] = field(default_factory=Counter)
    last: str = ""
    failures: list[str] = field(default_factory=list)

    def miss(self, why: str) -> None:
        """This try came to nothing."""
        self.why[why] += 1
        self.last = f"{self.side}_{why}"


def _answered(plan: SafeHarm, rows: list[dict[str, Any]], ask: Remembering) -> list[dict[str, Any]]:
    sought = [_Sought(row, side) for row in rows for side in SIDES]
    for number in range(1, plan.tries + 1):
        left = [each for each in sought if not each.found]
        if not left:
            break
        _try(plan, left, ask, number)
        # Two answers that say the same are none; the harmful one is asked for again.
        for harmless, harmful in zip(sought[::2], sought[1::2], strict=True):
            if harmless.found and harmful.found and similarity(harmless.text, harmful.text) >= plan.near:
                harmful.found = False
                harmful.miss("alike")
    return [_record(*pair) for pair in zip(sought[::2], sought[1::2], strict=True)]


def _try(plan: SafeHarm, sought: list[_Sought], ask: Remembering, number: int) -> None:
    requests = []
    for each in sought:
        key = f"{each.side}/{each.row['id']}/{number}"
        prompt = plan.prompts.for_answer(each.side, each.row["scenario"], each.row["question"])
        requests.append((key, plan.request(prompt, key)))
    said = []
    for each, reply in zip(sought, ask.ask(requests), strict=True):
        if isinstance(reply, Failure):
            each.failures.append(f"{reply.stage}:{reply.code}")
            each.miss("failed")
        elif not reply.strip():
            each.miss("empty")
        elif each.side == "harmful" and refuses(reply):
            each.miss("refused")
        else:
            said.append((each, reply.strip()))
    scores = harm(plan.detector, [ScoreRequest(text, each.row["question"]) for each, text in said])
    for (each, text), score in zip(said, scores, strict=True):
        _check(plan, each, text, score)


def _check(plan: SafeHarm, each: _Sought, text: str, score: float | None) -> None:
    """Keep an answer that scores on its side. What could not be scored is on neither."""
    if score is None:
        each.failures.append("score:unchecked")  # the detector failed, not the answer
        each.miss("unchecked")
    elif score < plan.harmless_below if each.side == "harmless" else score >= plan.harmful_from:
        each.text, each.score, each.found = text, score, True
    else:
        each.miss("wrong_label")


def _record(harmless: _Sought, harmful: _Sought) -> dict[str, Any]:
    whole = harmless.found and harmful.found
    misses = {f"{each.side}_{why}": count for each in (harmless, harmful) for why, count in sorted(each.why.items())}
    return {
        **harmless.row,
        "harmless": harmless.text if whole else "",
        "harmful": harmful.text if whole else "",
        "scores": [harmless.score, harmful.score] if whole else [],
        "misses": misses,
        "dropped": "" if whole else next(each.last for each in (harmless, harmful) if not each.found),
        "failures": [] if whole else harmless.failures + harmful.failures,
    }
