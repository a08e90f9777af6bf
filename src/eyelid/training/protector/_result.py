"""What a finished run says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULT = "result.json"
CARD = "MODEL_CARD.md"


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
    (out / RESULT).write_text(json.dumps({**result, "metrics": metrics}, indent=1) + "\n", encoding="utf-8")
