"""An outcome as JSON: the same for the command line and over HTTP."""

from __future__ import annotations

import json
from dataclasses import asdict

from eyelid.types import Outcome, Surface


def outcome_record(outcome: Outcome, surface: Surface) -> dict[str, object]:
    """What `check --json` prints, `scan` writes for each row and a server answers; the text is what to pass on."""
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
        "timings": {name: round(seconds, 4) for name, seconds in outcome.timings.items()},
        "seconds": round(sum(step.seconds for step in outcome.trace), 4),
        **_reasked(outcome),
    }


def _reasked(outcome: Outcome) -> dict[str, object]:
    """How the model judged its answer and how often it was asked, where it was; not what it said."""
    asked = outcome.reasked
    if asked is None:
        return {}
    return {"reasked": {"unsafe": asked.unsafe, "risk": round(asked.risk, 6), "calls": asked.calls}}


def to_json(record: object, *, indent: int | None = None) -> str:
    """JSON in UTF-8 where the text allows it; a lone surrogate makes the whole line ASCII."""
    line = json.dumps(record, ensure_ascii=False, indent=indent)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record, ensure_ascii=True, indent=indent)
    return line
