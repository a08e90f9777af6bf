"""Outcomes as plain JSON, for `response_metadata["eyelid"]`, graph states and custom events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eyelid import Outcome, Surface

#: Where verdicts stand in a message's `response_metadata`.
KEY = "eyelid"


def verdict(found: Iterable[tuple[Surface, Outcome]]) -> dict[str, Any]:
    """One verdict for all outcomes: the worst of them, with the failures of all. It never holds content.

    Keys: "action" ("allow", "rewrite", "block"), "status" ("clean", "flagged", "failed"), "surface", "category",
    "score", "reason", "failures" (a list of "stage: code").
    """
    raise NotImplementedError
