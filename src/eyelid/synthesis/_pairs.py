"""Rows of the data set, in train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from eyelid.synthesis._answers import ANSWERS
from eyelid.synthesis._journal import Journal, line, whole
from eyelid.synthesis._plan import SPLITS, SafeHarm
from eyelid.synthesis._settings import digest
from eyelid.synthesis._similar import normalised


def write_pairs(plan: SafeHarm, folder: Path) -> dict[str, Any]:
    """Write `train.jsonl`, `validation.jsonl` and `test.jsonl` from the answers.

    Returns:
        The rows of each, and how many questions were dropped for what reason.
    """
    rows, dropped, misses = Counter[str](), Counter[str](), Counter[str]()
    with ExitStack() as files:
        outs = {name: files.enter_context(whole(folder / f"{name}.jsonl")) for name in SPLITS}
        for record in Journal(folder / ANSWERS).read():
            misses.update(record["misses"])
            if record["dropped"]:
                dropped[record["dropped"]] += 1
                continue
            name = split_of(record["question"], plan)
            outs[name].write(line(_row(record, plan)))
            rows[name] += 1
    return {
        "splits": {name: rows[name] for name in SPLITS},
        "dropped": dict(sorted(dropped.items())),
        "misses": dict(sorted(misses.items())),
    }


def split_of(question: str, plan: SafeHarm) -> str:
    """The part that a question belongs to: by what it says and the seed, whatever stands around it."""
    place = int(digest("split", str(plan.seed), normalised(question)), 16) / 2**64
    train, validation, _ = plan.splits
    return SPLITS[0] if place < train else SPLITS[1] if place < train + validation else SPLITS[2]


def _row(record: Mapping[str, Any], plan: SafeHarm) -> dict[str, Any]:
    """A pair under the names of PKU-SafeRLHF (arXiv 2406.15513); which answer comes first is drawn."""
    first = int(digest("order", str(plan.seed), record["id"]), 16) % 2
    answers = [record["harmless"], record["harmful"]]
    safe = [True, False]
    if first:
        answers.reverse()
        safe.reverse()
    return {
        "id": record["id"],
        "scenario": record["scenario"],
        "prompt": record["question"],
        "question": record["question"],
        "response_0": answers[0],
        "response_1": answers[1],
        "is_response_0_safe": safe[0],
        "is_response_1_safe": safe[1],
        "safer_response_id": safe.index(True),
        "source": plan.source,
    }
