"""From kinds of requests to different questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from eyelid.errors import EngineError
from eyelid.evaluation.judges import refuses
from eyelid.synthesis._groups import Progress, groups
from eyelid.synthesis._journal import Journal, line, whole
from eyelid.synthesis._lists import entries
from eyelid.synthesis._plan import SafeHarm
from eyelid.synthesis._remembering import Remembering
from eyelid.synthesis._settings import digest
from eyelid.synthesis._similar import Seen, normalised
from eyelid.types import Failure

_COUNTED = (
    "scenarios",
    "scenarios_without_questions",
    "lists",
    "lists_refused",
    "lists_failed",
    "questions_written",
    "duplicates_exact",
    "duplicates_near",
    "questions",
)
#: File names in the folder of a run.
SCENARIOS, LISTS, QUESTIONS = "scenarios.jsonl", "lists.jsonl", "questions.jsonl"


@dataclass(slots=True)
class _Found:
    """What a list was asked for, and what came of it."""

    key: str
    wanted: int
    texts: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.wanted - len(self.texts)

    def take(self, reply: str | Failure) -> None:
        """Add the new entries of a reply."""
        self.asked += 1
        if isinstance(reply, Failure):
            self.failures.append(f"{reply.stage}:{reply.code}")
            return
        found = entries(reply)
        if not found and refuses(reply):
            self.refused += 1
        for entry in found[: self.wanted]:
            if self.missing and (plain := normalised(entry)):
                self.texts.setdefault(plain, entry)


def ask_for_scenarios(plan: SafeHarm, count: int, ask: Remembering, folder: Path) -> list[str]:
    """Kinds of harmful requests, asked for once and then read from the folder.

    Raises:
        EngineError: the model named none.
    """
    journal = Journal(folder / SCENARIOS)
    if not journal.mend():
        found = _Found("scenarios", count)
        for part in range(1, plan.tries + 1):
            if found.missing:
                key = f"scenarios/{part}"
                found.take(ask.ask([(key, plan.request(plan.prompts.for_scenarios(count), key))])[0])
        _must_have_answered(found)
        if not found.texts:
            raise EngineError(f"the host {plan.host.name!r} named no scenario; give a file of them")
        row = {"scenarios": list(found.texts.values()), "asked": found.asked, "refused": found.refused}
        journal.append([row])
        ask.forget()
    return [str(name) for name in next(journal.read())["scenarios"]]


def ask_for_questions(
    plan: SafeHarm, scenarios: Sequence[str], ask: Remembering, folder: Path, progress: Progress
) -> None:
    """Append a list of questions for each scenario to `lists.jsonl`, from where it ends.

    Raises:
        EngineError: the model did not answer at all; the lists before it are kept.
    """
    journal = Journal(folder / LISTS)
    done = journal.mend()
    progress(done, len(scenarios))
    for group in groups(scenarios[done:], plan.batch):
        journal.append(_lists(plan, group, ask))
        ask.forget()
        done += len(group)
        progress(done, len(scenarios))


def _lists(plan: SafeHarm, scenarios: Sequence[str], ask: Remembering) -> list[dict[str, Any]]:
    found = [_Found(f"questions/{digest(scenario)}", plan.questions) for scenario in scenarios]
    for part in range(1, ceil(plan.questions / plan.together) + plan.tries):
        short = [(each, name) for each, name in zip(found, scenarios, strict=True) if each.missing]
        requests = []
        for each, name in short:
            key = f"{each.key}/{part}"
            wanted = min(plan.together, each.missing)
            requests.append((key, plan.request(plan.prompts.for_questions(name, wanted, part), key)))
        for (each, _), reply in zip(short, ask.ask(requests) if requests else [], strict=True):
            each.take(reply)
    for each in found:
        _must_have_answered(each)
    return [
        {
            "scenario": name,
            "questions": list(each.texts.values()),
            "asked": each.asked,
            "refused": each.refused,
            "failures": each.failures,
        }
        for each, name in zip(found, scenarios, strict=True)
    ]


def _must_have_answered(found: _Found) -> None:
    """A model that is down is not one that has nothing to say."""
    if found.asked and len(found.failures) == found.asked:
        raise EngineError(
            f"the host answered none of {found.asked} requests for a list ({found.failures[-1]}); mend it, and the "
            "same call goes on from here"
        )


def choose_questions(plan: SafeHarm, folder: Path) -> dict[str, Any]:
    """Write the different questions of all lists to `questions.jsonl`; always the same ones.

    Returns:
        What was asked for, what came of it, and how many were left out for what reason.
    """
    seen, count = Seen(threshold=plan.near), Counter[str]()
    with whole(folder / QUESTIONS) as file:
        for row in Journal(folder / LISTS).read():
            count.update(
                scenarios=1, lists=row["asked"], lists_refused=row["refused"], lists_failed=len(row["failures"])
            )
            count["scenarios_without_questions"] += not row["questions"]
            for question in row["questions"]:
                why = seen.add(question)
                count["questions_written"] += 1
                count[f"duplicates_{why}" if why else "questions"] += 1
                if not why:
                    file.write(line({"id": digest(question), "scenario": row["scenario"], "question": question}))
    return {name: count[name] for name in _COUNTED}


def questions(folder: Path) -> Iterator[dict[str, Any]]:
    """The questions, in order: `id`, `scenario` and `question`."""
    return Journal(folder / QUESTIONS).read()
