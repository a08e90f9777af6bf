"""What a run cost: calls of the host, tokens, and seconds until the first and until the final answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eyelid.evaluation.records import Record


@dataclass(frozen=True, slots=True)
class Seconds:
    """Of all rows: the mean, the median, and what 95 % of the rows stay within."""

    mean: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run.

    Args:
        rows: how many.
        calls: of the host, for each row on average.
        calls_by_number: how many rows took 1, 2, ... calls.
        counted: rows of which the host told the tokens.
        prompt_tokens, reply_tokens: for each of these on average; `None` where there is none.
        direct, final: seconds until the first and until the final answer.
        ratio: mean time with the defence, as a multiple of the time without; `None` where none was measured.
    """

    rows: int
    calls: float
    calls_by_number: Mapping[int, int]
    counted: int
    prompt_tokens: float | None
    reply_tokens: float | None
    direct: Seconds
    final: Seconds
    ratio: float | None


def cost(records: Sequence[Record]) -> Cost:
    """The cost of these rows; there must be one at least."""
    known = [
        (r.prompt_tokens, r.reply_tokens) for r in records if r.prompt_tokens is not None and r.reply_tokens is not None
    ]
    direct, final = _seconds([r.seconds_direct for r in records]), _seconds([r.seconds for r in records])
    return Cost(
        rows=len(records),
        calls=float(np.mean([r.calls for r in records])),
        calls_by_number=dict(sorted(Counter(r.calls for r in records).items())),
        counted=len(known),
        prompt_tokens=float(np.mean([prompt for prompt, _ in known])) if known else None,
        reply_tokens=float(np.mean([reply for _, reply in known])) if known else None,
        direct=direct,
        final=final,
        ratio=final.mean / direct.mean if direct.mean > 0 else None,
    )


def _seconds(values: Sequence[float]) -> Seconds:
    p50, p95 = np.percentile(values, [50, 95])
    return Seconds(float(np.mean(values)), float(p50), float(p95))
