"""An outcome as JSON, and text made safe for a terminal."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict

from eyelid.types import Outcome, Surface


def outcome_record(outcome: Outcome, surface: Surface) -> dict[str, object]:
    """What `check --json` prints and `scan` writes for each row; the text is what to pass on."""
    return {
        "surface": surface.value,
        "action": outcome.verdict.action.value,
        "status": outcome.status.value,
        "category": outcome.verdict.category,
        "score": round(outcome.verdict.score, 6),
        "scores": {name: round(value, 6) for name, value in outcome.scores.items()},
        "text": outcome.text,
        "reason": outcome.verdict.reason,
        "spans": [asdict(span) for span in outcome.verdict.spans],
        "image_texts": list(outcome.image_texts),
        "failures": [asdict(failure) for failure in outcome.failures],
        "coverage": {**asdict(outcome.coverage), "complete": outcome.coverage.complete},
        "seconds": round(sum(step.seconds for step in outcome.trace), 4),
    }


def to_json(record: object, *, indent: int | None = None) -> str:
    """JSON in UTF-8 where the text allows it; a lone surrogate makes the whole line ASCII."""
    line = json.dumps(record, ensure_ascii=False, indent=indent)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record, ensure_ascii=True, indent=indent)
    return line


def printable(text: str) -> str:
    """Text for a terminal: control, bidirectional and invisible characters are shown, never obeyed."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else ascii(c)[1:-1] for c in text)
