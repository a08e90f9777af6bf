"""How a rewriter asks for scores without knowing the detector: a generator of questions.

A plan yields texts to be looked at and is sent one risk for each: the largest of score / threshold over the
categories asked about, so that 1.0 and more means "flagged". It returns the rewritten text or a failure.
Many plans are stepped together, so that one question of each becomes one batch.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from eyelid.types import Failure, Span

T = TypeVar("T")
#: A part of a plan that asks and then returns a `T`.
Asking = Generator[list[str], list[float], T]
Plan = Asking[str | Failure]

#: How often what is left is looked at again before the plan gives up.
ROUNDS = 4
#: Sentences that are looked at together.
_NEIGHBOURS = 3


def neighbourhoods(kept: Sequence[int]) -> list[list[int]]:
    """Runs of up to three neighbours, such that every element is once first, once in the middle and once last."""
    return [list(kept[max(0, first) : first + _NEIGHBOURS]) for first in range(1 - _NEIGHBOURS, len(kept))]


def always_flagged(kept: Sequence[int], risks: Sequence[float]) -> set[int]:
    """Elements of which every neighbourhood is flagged; `risks` are those of `neighbourhoods(kept)`."""
    around = ((element, risks[place : place + _NEIGHBOURS]) for place, element in enumerate(kept))
    return {element for element, near in around if min(near) >= 1.0}


def overlapping(ranges: Sequence[tuple[int, int]], spans: Sequence[Span]) -> set[int]:
    """Indices of the ranges that share a character with a span."""
    return {
        index
        for index, (start, end) in enumerate(ranges)
        if any(span.start < end and start < span.end for span in spans)
    }
