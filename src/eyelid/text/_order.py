"""Which of two disguises on top of each other was put on last.

Digits for letters and rot13 can both be found in a text that had one put on the other. Undone in the wrong
order they leave a garble in which more and more disguises seem to be found.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from eyelid.text._leet import leet
from eyelid.text._lexicon import known_share
from eyelid.text._origin import Edit, rewrite

_MARGIN = 0.05  # in the share of letters that are in words


def in_order(text: str, found: Iterable[Edit]) -> list[Edit]:
    """The edits without those to be found again, and better, once others are made."""
    edits = list(found)
    early: set[int] = set()
    for edit in edits:
        if edit.kind == "rot13" and edit.plausible:
            inside = [other for other in edits if other.kind == "leet" and _within(other, edit)]
            if inside:
                early.update(map(id, _too_early(text, edit, inside)))
    return [edit for edit in edits if id(edit) not in early]


def _within(inner: Edit, outer: Edit) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _too_early(text: str, rot13: Edit, leets: list[Edit]) -> list[Edit]:
    moved = [Edit(edit.start - rot13.start, edit.end - rot13.start, edit.text, edit.kind) for edit in leets]
    letters, _ = rewrite(text[rot13.start : rot13.end], moved, None)
    leet_first = known_share(codecs.encode(letters, "rot13"), shortest=2)
    rot13_first = known_share(rewrite(rot13.text, leet(rot13.text), None)[0], shortest=2)
    if leet_first > rot13_first + _MARGIN:
        return [rot13]
    return leets if rot13_first > leet_first + _MARGIN else []
