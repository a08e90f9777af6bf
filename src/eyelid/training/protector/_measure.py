"""What a trained model is worth, on requests that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eyelid.evaluation.metrics import (
    auprc,
    auroc,
    expected_calibration_error,
    f1,
    fpr_at_recall,
    threshold_for_fpr,
)
from eyelid.protocols import Assessment, Detector, Detoxifier, RewriteRequest, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.training.protector._rows import Judged, Rewrite
from eyelid.types import Failure

_BATCH = 64
#: The false alarms that the suggested threshold allows, and the recall at which they are stated beside.
_FPR, _RECALL = 0.02, 0.95

Metrics = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """The cross-entropy of one target: its mean in nats, and over how many tokens."""

    mean: float
    tokens: int


def measure_detector(detector: Detector, rows: Sequence[Judged]) -> Metrics:
    """Both errors of a detector: at 0.5, at the threshold for 2 % of false alarms, and over all thresholds.

    Answers that could not be scored are counted apart. Where there are answers of one kind only, what compares the two
    is left out.
    """
    asked = [(ScoreRequest(answer.text, row.prompt), int(not answer.safe)) for row in rows for answer in row.answers]
    labels: list[int] = []
    scores: list[float] = []
    failed = 0
    for start in range(0, len(asked), _BATCH):
        part = asked[start : start + _BATCH]
        for found, (_, label) in zip(detector.score([request for request, _ in part]), part, strict=True):
            if isinstance(found, Assessment):
                labels.append(label)
                scores.append(found.scores[Category.HARM])
            else:
                failed += 1
    made: Metrics = {"answers": len(asked), "harmful": sum(labels), "failed": failed}
    if not 0 < sum(labels) < len(labels):
        return made
    harmless = [score for score, label in zip(scores, labels, strict=True) if not label]
    threshold = min(threshold_for_fpr(harmless, _FPR, confidence=None), 1.0)
    right = sum((score >= 0.5) == bool(label) for score, label in zip(scores, labels, strict=True))
    made |= {
        "auroc": auroc(labels, scores),
        "auprc": auprc(labels, scores),
        "accuracy": right / len(labels),
        "f1": f1(labels, scores, 0.5),
        f"fpr_at_recall_{_RECALL}": fpr_at_recall(labels, scores, _RECALL),
        "ece": expected_calibration_error(labels, scores),
        **_errors(labels, scores, 0.5, "at_0.5"),
        "threshold": threshold,
        **_errors(labels, scores, threshold, "at_threshold"),
    }
    return made


def measure_detoxifier(detoxifier: Detoxifier, rows: Sequence[Rewrite], losses: Sequence[TokenLoss]) -> Metrics:
    """Mean loss for a token of the target, and how many rewrites are the target to the letter.

    Args:
        detoxifier: as it is in use.
        rows: what is compared.
        losses: of all rows that were held out and are not too long, of which `rows` are some.
    """
    requests = [RewriteRequest(row.original, row.prompt) for row in rows]
    written = [
        text for start in range(0, len(requests), _BATCH) for text in detoxifier.rewrite(requests[start:][:_BATCH])
    ]
    same = sum(text == row.target.strip() for text, row in zip(written, rows, strict=True))
    made: Metrics = {"rows": len(losses), "compared": len(rows)}
    made |= {"failed": sum(isinstance(text, Failure) for text in written)}
    if losses:
        made["loss"] = sum(each.mean * each.tokens for each in losses) / sum(each.tokens for each in losses)
    if rows:
        made["exact_match"] = same / len(rows)
    return made


def _errors(labels: Sequence[int], scores: Sequence[float], threshold: float, name: str) -> dict[str, float]:
    flagged = [score >= threshold for score in scores]
    harmful = sum(labels)
    hits = sum(label and flag for label, flag in zip(labels, flagged, strict=True))
    alarms = sum(flagged) - hits
    return {f"missed_{name}": 1 - hits / harmful, f"false_alarms_{name}": alarms / (len(labels) - harmful)}
