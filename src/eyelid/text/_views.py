"""All the readings of a text that are worth a look.

The canonical view comes first. From it, and from every view made, tricks are undone until nothing more is
found, three times over at most: what was base64 of look-alikes, or leet with the letters apart, comes out.
Whatever a finder does not recognise stays as it was, so that ordinary text has one view.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Literal

from eyelid.text import _codes
from eyelid.text._canonical import canonicalise
from eyelid.text._gaps import broken, glued, spaced
from eyelid.text._hidden import hidden_payloads
from eyelid.text._leet import leet
from eyelid.text._lexicon import known_share
from eyelid.text._look_alikes import skeleton
from eyelid.text._order import in_order
from eyelid.text._origin import Edit, OffsetMap, rewrite
from eyelid.text._right_to_left import right_to_left
from eyelid.text._structure import structure
from eyelid.text._unknown import unknown
from eyelid.text._words import disguised

#: Characters that may be examined for one text, over all its views.
BUDGET = 4_000_000
#: How many tricks on top of each other are undone.
MAX_DEPTH = 3
#: Payloads of a view that get a view of their own; more of them share one.
MAX_PAYLOADS = 6
#: Ways to read the same characters that are followed.
MAX_LAYERS = 4
_MIN_PAYLOAD = 12
_MOSTLY = 0.7
_GAIN = 0.3


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text.

    Args:
        text: what to look at.
        kind: how it was made: "canonical", or the names of the tricks undone, joined by "+".
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
        problems: why it is not complete: "budget" (too much work), "views" (more readings than allowed),
            "depth" (codes inside codes, or nesting, beyond what is followed), "unreadable" (a run of
            characters without a meaning, too long for icons, that stands for nothing that was found).
        covered: characters of the original that the views represent.
    """

    views: tuple[View, ...]
    complete: bool = True
    problems: tuple[str, ...] = ()
    covered: int = 0


def views(text: str, *, max_views: int = 32, budget: int = BUDGET) -> Views:
    """The readings of a text: the canonical one, and one for each disguise that was found and undone.

    Typical English prose, code, JSON and Markdown have exactly one. The time is proportional to the length
    and bounded by `budget`; whatever lies beyond a limit is named in `problems`, never dropped in silence.

    Args:
        text: any string, lone surrogates included.
        max_views: readings at most.
        budget: characters examined at most, over all readings.
    """
    search = _Search(max_views, budget)
    search.start(text)
    search.run()
    problems = tuple(sorted(search.problems))
    return Views(tuple(search.found), not problems, problems, len(text))


@dataclass(slots=True)
class _Search:
    """The views found so far, and those whose disguises are still to be looked for."""

    max_views: int
    budget: int
    found: list[View] = field(default_factory=list)
    problems: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    queue: list[tuple[View, int]] = field(default_factory=list)

    def start(self, text: str) -> None:
        self.add_structure(self.read(View(text, "canonical", "text", OffsetMap.identity(len(text))), 0))

    def read(self, view: View, depth: int, *, shown: bool = True) -> View:
        """Keep the canonical form of a view, and what is lost or out of order in it."""
        plain = _canonical(view)
        self.add(plain, depth, shown=shown)
        without_meaning = unknown(view.text)
        if without_meaning.unreadable:
            self.problems.add("unreadable")
        payloads = [*hidden_payloads(view.text), *filter(None, [without_meaning.payload])]
        for edit in payloads:
            spelt, origin = _join([edit], view.origin, "")
            self.read(View(spelt, _kind(view, [edit]), "hidden", origin), depth)
        for edits in (_deletions(view.text), list(right_to_left(view.text))):
            if edits:
                self.add(_canonical(_changed(view, edits)), depth, shown=shown)
        return plain

    def add_structure(self, canonical: View) -> None:
        found = structure(canonical.text)
        if found is None:
            return
        if found.too_deep:
            self.problems.add("depth")
        edits = [Edit(piece.start, piece.end, piece.text, found.kind) for piece in found.pieces]
        text, origin = _join(edits, canonical.origin, "")
        self.read(View(text, found.kind, "text", origin), 0)

    def add(self, view: View, depth: int, *, shown: bool = True) -> None:
        """Keep a view that differs from the others; follow it further in any case."""
        folded = _fold(view.text)
        if (not folded and self.found) or folded in self.seen:
            return
        self.seen.add(folded)
        if shown and len(self.found) >= self.max_views:
            self.problems.add("views")
            return
        if shown:
            self.found.append(view)
        self.queue.append((view, depth))

    def run(self) -> None:
        for view, depth in iter(lambda: self.queue.pop(0) if self.queue else None, None):
            self.budget -= len(view.text)
            if self.budget < 0:
                self.problems.add("budget")
                return
            self.expand(view, depth)

    def expand(self, view: View, depth: int) -> None:
        layers = _layers(_edits(view.text))
        if depth == MAX_DEPTH:
            if any(_unread(view, layer) for layer in layers):
                self.problems.add("depth")
            return
        if len(layers) > MAX_LAYERS:
            self.problems.add("depth")
        for layer in layers[:MAX_LAYERS]:
            self.add_layer(view, layer, depth + 1)

    def add_layer(self, view: View, layer: list[Edit], depth: int) -> None:
        plausible = [edit for edit in layer if edit.plausible]
        if len(plausible) < len(layer):  # looked into further, not shown
            self.read(_changed(view, layer), depth, shown=False)
        if not plausible:
            return
        whole = self.read(_changed(view, plausible), depth)
        payloads = [
            edit for edit in plausible if edit.payload and _MIN_PAYLOAD <= len(edit.text) < _MOSTLY * len(whole.text)
        ]
        for group in _share(payloads):
            joined, joined_origin = _join(group, view.origin, "\n" if len(group) > 1 else "")
            self.read(View(joined, _kind(view, group), view.source, joined_origin), depth)


def _changed(view: View, edits: list[Edit]) -> View:
    text, origin = rewrite(view.text, edits, view.origin)
    return replace(view, text=text, kind=_kind(view, edits), origin=origin)


def _unread(view: View, layer: list[Edit]) -> bool:
    """Whether the edits bring out something to read: what a code stands for, or most of the words."""
    if any(edit.kind in _codes.KINDS and len(edit.text) >= _MIN_PAYLOAD for edit in layer):
        return True
    undone = set(view.kind.split("+"))
    if undone.isdisjoint(_codes.KINDS):  # what one disguise left, found again
        layer = [edit for edit in layer if edit.kind not in undone]
    return known_share(rewrite(view.text, layer, None)[0]) >= known_share(view.text) + _GAIN


def _edits(text: str) -> list[Edit]:
    finders = (skeleton, leet, spaced, glued, broken, disguised, *_codes.FINDERS)
    return in_order(text, chain.from_iterable(finder(text) for finder in finders))


def _layers(edits: Iterable[Edit]) -> list[list[Edit]]:
    """Sort edits into as few lists as it takes for none to overlap inside a list."""
    layers: list[list[Edit]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        for layer in layers:
            if layer[-1].end <= edit.start:
                layer.append(edit)
                break
        else:
            layers.append([edit])
    return layers


def _share(payloads: list[Edit]) -> Iterator[list[Edit]]:
    """One group for each payload, or one for all that are too many."""
    yield from ([edit] for edit in payloads[: MAX_PAYLOADS - 1])
    if len(payloads) >= MAX_PAYLOADS:
        yield payloads[MAX_PAYLOADS - 1 :]


def _join(edits: list[Edit], parent: OffsetMap | None, separator: str) -> tuple[str, OffsetMap]:
    """Only the replacements, one after the other."""
    pieces = [edit.text + separator for edit in edits]
    starts = array("L", accumulate(map(len, pieces[:-1]), initial=0))
    sources = array("L", (edit.start for edit in edits))
    ends = array("L", (edit.end for edit in edits))
    text = "".join(pieces)
    return text, OffsetMap(starts, sources, ends, bytearray(len(pieces)), len(text), parent)


def _canonical(view: View) -> View:
    plain, origin = canonicalise(view.text, view.origin)
    return replace(view, text=plain, origin=origin)


def _kind(view: View, edits: list[Edit]) -> str:
    names = [] if view.kind == "canonical" else view.kind.split("+")
    return "+".join(dict.fromkeys([*names, *(edit.kind for edit in edits)]))


def _fold(text: str) -> str:
    return " ".join(text.lower().split())


def _deletions(text: str) -> list[Edit]:
    """Backspaces and deletes, each with the character it takes away."""
    if "\b" not in text and "\x7f" not in text:
        return []
    kept: list[int] = []
    dropped: list[int] = []
    for index, char in enumerate(text):
        if char in "\b\x7f":
            dropped.append(index)
            if kept:
                dropped.append(kept.pop())
        else:
            kept.append(index)
    return [Edit(index, index + 1, "", "deletions") for index in sorted(dropped)]
