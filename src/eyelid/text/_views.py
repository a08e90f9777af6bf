"""All the readings of a text that are worth a look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from eyelid.text._canonical import canonicalise
from eyelid.text._origin import OffsetMap

#: Characters that may be examined or produced for one text.
BUDGET = 4_000_000


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text.

    Args:
        text: what to look at.
        kind: how it was made: "canonical", "structure", or the names of the tricks undone, joined by "+".
        source: "text", or "hidden" for a payload that a reader would not have seen.
        origin: where its characters came from, if that is known.
    """

    text: str = field(repr=False)
    kind: str
    source: Literal["text", "hidden"] = "text"
    origin: OffsetMap | None = field(default=None, repr=False)

    def locate(self, start: int, end: int) -> tuple[int, int] | None:
        """The range of the original text behind `[start, end)` of this view, or None if it cannot be said."""
        return self.origin.locate(start, end) if self.origin else None


@dataclass(frozen=True, slots=True)
class Views:
    """The readings of one text.

    Args:
        views: the canonical view of the whole text first, then those that add something.
        complete: whether everything was examined; False is a failed look.
        problems: why it is not complete, in words such as "budget", "views", "depth".
        covered: characters of the original that the views represent.
    """

    views: tuple[View, ...]
    complete: bool = True
    problems: tuple[str, ...] = ()
    covered: int = 0


def views(text: str, *, max_views: int = 32, budget: int = BUDGET) -> Views:
    """The readings of a text, the canonical one first."""
    plain, origin = canonicalise(text)
    return Views((View(plain, "canonical", "text", origin),), covered=len(text))
