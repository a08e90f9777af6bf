"""Rows of the data folder → training examples, as the recipe says."""

from __future__ import annotations

import gzip
import json
import random
import tomllib
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError

#: File of the data folder → task.
FILES = {"responses": "response", "prompts": "request", "texts": "hate", "injection": "injection"}
#: The heads of the detector, in the order of their logits.
TASKS = ("response", "request", "injection", "hate", "refusal")
#: Documents that *speak about* injection: neither training nor test, looked at apart.
AMBIGUOUS = "inj_mention:"


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text.

    Args:
        targets: head → 1.0 harmful (or: injected, refusing), 0.0 not. Other heads are not trained by it.
        weight: of its loss.
    """

    id: str
    source: str
    prompt: str = field(repr=False)
    text: str = field(repr=False)
    targets: Mapping[str, float]
    weight: float = 1.0
    request: bool = False  # a request stands alone, in the prompt's segment


def load_recipe(path: Path | None = None) -> dict[str, Any]:
    """The packaged recipe, or one of the same shape."""
    text = (
        path.read_text(encoding="utf-8")
        if path
        else files("eyelid.training").joinpath("recipe.toml").read_text("utf-8")
    )
    return tomllib.loads(text)


def read_rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Task → rows of the training files below `folder`.

    Raises:
        ConfigurationError: a file is missing or a line is not a JSON object with a label.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, task in FILES.items():
        path = folder / f"{name}.jsonl.gz"
        if not path.is_file():
            raise ConfigurationError(f"{path.name} is missing in the data folder; see docs/training.md for its form")
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows[task] = [_row(line, path.name, number) for number, line in enumerate(lines, start=1)]
    return rows


def _row(line: str, name: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ConfigurationError(f"{name}:{number} is not JSON") from error
    if not isinstance(row, dict) or row.get("label") not in (0, 1) or "source" not in row:
        raise ConfigurationError(f"{name}:{number} needs a source and a label of 0 or 1")
    return row


def is_dev(row: Mapping[str, Any]) -> bool:
    """A tenth of the queries, by hash: what shares a query stays on one side."""
    return zlib.crc32((row.get("query") or row.get("response") or "").strip().lower().encode()) % 10 == 0


@dataclass(frozen=True, slots=True)
class Split:
    """Examples by task: to train on, the same sources' other queries, and sources never trained on."""

    train: dict[str, list[Example]]
    dev: dict[str, list[Example]]
    held: dict[str, list[Example]]


def split(
    rows: Mapping[str, list[dict[str, Any]]], recipe: Mapping[str, Any], *, share: float = 1.0, seed: int = 0
) -> Split:
    """Sort all rows into train, dev and held-out sources; `share` of the rows to train on are kept."""
    train, dev, held = ({task: list[Example]() for task in FILES.values()} for _ in range(3))
    result = Split(train, dev, held)
    for task, found in rows.items():
        for row in found:
            rule = recipe[task].get(row["source"], {})
            if row["source"].startswith(AMBIGUOUS) or (row.get("noisy") and rule.get("noisy") == "drop"):
                continue
            example = to_example(row, task, rule, recipe["noisy"])
            if not example.text.strip():
                continue
            if row["source"] == "toxigen_seed":
                example = replace(example, targets={"hate": float(row["label"])})
            part = result.held if rule.get("held") else result.dev if is_dev(row) else result.train
            part["hate" if row["source"] == "toxigen_seed" else task].append(example)
    if share < 1.0:
        rng = random.Random(seed)
        for task, examples in result.train.items():
            result.train[task] = rng.sample(examples, int(len(examples) * share))
    return result


def to_example(row: Mapping[str, Any], task: str, rule: Mapping[str, Any], noisy: float) -> Example:
    """One row as an example of its task, with what it says about refusing."""
    label = float(row["label"])
    targets = {task: label}
    refusal = _refusal(row, rule, label) if task == "response" else None
    if refusal is not None:
        targets["refusal"] = refusal
    request = task == "request"
    return Example(
        id=row["id"],
        source=row["source"],
        prompt="" if request else row.get("query") or "",
        text=(row.get("query") if request else row.get("response")) or "",
        targets=targets,
        weight=rule.get("weight", 1.0) * (noisy if row.get("noisy") else 1.0),
        request=request,
    )


def _refusal(row: Mapping[str, Any], rule: Mapping[str, Any], label: float) -> float | None:
    if row.get("category") == "refusal" or "contrast-refuse" in str(row.get("category")):
        return 1.0
    if "contrast-comply" in str(row.get("category")):
        return 0.0
    match rule.get("style"):
        case "refusal":
            return 1.0
        case "comply":
            return 0.0
        case "positives-comply":
            return 0.0 if label else None
        case "labels":
            return 1.0 - label
    return None


def draw(examples: Iterable[Example], rules: Mapping[str, Any], rng: random.Random) -> list[Example]:
    """One epoch's rows: each source up to its cap, drawn anew."""
    by_source: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_source[example.source].append(example)
    drawn: list[Example] = []
    for source, found in sorted(by_source.items()):
        cap = rules.get(source, {}).get("cap", len(found))
        drawn += rng.sample(found, min(cap, len(found)))
    return drawn
