"""Names that somebody writes down and may misspell."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from eyelid.errors import PolicyError


def known(kind: str, name: str, names: Iterable[str]) -> None:
    """Check that a name is one of the known ones.

    Raises:
        PolicyError: it is not; the message names the nearest known one.
    """
    choices = [str(choice) for choice in names]
    if name in choices:
        return
    nearest = get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(choices)}"
    raise PolicyError(f"unknown {kind} {name!r}; {hint}")
