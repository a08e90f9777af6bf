"""What a finished run says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError

RESULT = "result.json"
CARD = "MODEL_CARD.md"


def counted(rows: int, used: int, held_out: int, trained: int) -> dict[str, int]:
    """What became of the rows.

    Args:
        rows: in the files.
        used: without those that no model should learn, such as pairs that contradict themselves.
        held_out: of those used.
        trained: the rest without those that are too long.

    Raises:
        ConfigurationError: none is left to train on.
    """
    counts = {"rows": rows, "trained": trained, "too_long": used - held_out - trained}
    counts |= {"held_out": held_out, "left_out": rows - used}
    if not trained:
        raise ConfigurationError(f"no row is left to train on: {told_of(counts)}")
    return counts


def told_of(counts: Mapping[str, int]) -> str:
    """The same in a line for people."""
    return (
        f"{counts['trained']} of {counts['rows']} rows, {counts['too_long']} are too long, "
        f"{counts['held_out']} held out, {counts['left_out']} left out"
    )


def write_result(
    out: Path,
    *,
    task: str,
    base: Path,
    folder: Path,
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
    card: str,
    kind: str = "AutoModelForSequenceClassification",
) -> None:
    """Write metrics and card; with result.json, the last of them, the run is finished."""
    (folder / CARD).write_text(card, encoding="utf-8")
    (out / CARD).write_text(card, encoding="utf-8")
    (out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    result = {"task": task, "class": kind, "base": str(base), "weights": folder.name, "counts": counts}
    partial = (out / RESULT).with_suffix(".partial")
    partial.write_text(json.dumps({**result, "metrics": metrics}, indent=1) + "\n", encoding="utf-8")
    partial.replace(out / RESULT)  # a run that is killed while it writes this is not finished
