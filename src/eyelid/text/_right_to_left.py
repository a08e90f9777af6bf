"""Text that is stored backwards and shown forwards, between marks that override the direction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from eyelid.text._origin import Edit

_OVERRIDE = "\u202e"
_CLOSE, _CLOSE_ISOLATE = "\u202c", "\u2069"
_ISOLATES = "\u2066\u2067\u2068"
# Marks that open or close a direction, and the ends of paragraphs, which close all.
_MARK = re.compile("[\u202a-\u202e\u2066-\u2069\n\r\x1c-\x1e\x85\u2029]")
_PARAGRAPH = "\n\r\x1c\x1d\x1e\x85\u2029"
_MAX_DEPTH = 125  # Unicode Standard Annex 9, BD2


@dataclass(slots=True)
class _Scope:
    """What stands between a mark and the one that closes it, in the order in which it is shown."""

    mark: str
    start: int
    pieces: list[str] = field(default_factory=list)

    def shown(self) -> str:
        return "".join(reversed(self.pieces) if self.mark == _OVERRIDE else self.pieces)


def right_to_left(text: str) -> Iterator[Edit]:
    """Stretches under a right-to-left override as they are shown, letters of all scripts alike.

    The explicit part of Unicode Standard Annex 9. Embeddings and isolates without an override leave Latin
    letters in their order, also inside of one.
    """
    if _OVERRIDE not in text:
        return
    scopes: list[_Scope] = []
    here = ignored = 0
    for match in _MARK.finditer(text):
        _show(scopes, text[here : match.start()])
        mark, here = match.group(), match.end()
        if mark in _PARAGRAPH:
            yield from _close(scopes, 0, match.start())
            ignored = 0
        elif mark == _CLOSE_ISOLATE:
            isolates = [index for index, scope in enumerate(scopes) if scope.mark in _ISOLATES]
            if isolates:
                yield from _close(scopes, isolates[-1], here)
        elif mark == _CLOSE:
            if ignored:
                ignored -= 1
            elif scopes and scopes[-1].mark not in _ISOLATES:
                yield from _close(scopes, len(scopes) - 1, here)
        elif len(scopes) < _MAX_DEPTH:
            scopes.append(_Scope(mark, match.start()))
        else:
            ignored += 1
    _show(scopes, text[here:])
    yield from _close(scopes, 0, len(text))


def _show(scopes: list[_Scope], piece: str) -> None:
    if scopes and piece:
        scopes[-1].pieces.append(piece[::-1] if scopes[-1].mark == _OVERRIDE else piece)


def _close(scopes: list[_Scope], depth: int, end: int) -> Iterator[Edit]:
    """Close scopes until `depth` are left; an override that is in no other gives an edit."""
    while len(scopes) > depth:
        scope = scopes.pop()
        shown = scope.shown()
        if scope.mark == _OVERRIDE and all(outer.mark != _OVERRIDE for outer in scopes):
            yield Edit(scope.start, end, shown, "right-to-left")
        if scopes:
            scopes[-1].pieces.append(shown)
