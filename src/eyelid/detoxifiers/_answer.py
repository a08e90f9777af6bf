"""An answer without its harmful part: sentences go, and with them what only made sense beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eyelid.detoxifiers._companions import with_companions
from eyelid.detoxifiers._plan import ROUNDS, Asking, Plan, always_flagged, neighbourhoods, overlapping
from eyelid.detoxifiers._segments import segment
from eyelid.types import Span

#: Below this share of an answer's characters, nothing worth reading is left.
_WORTH_KEEPING = 0.5
#: Characters that may be looked at to find the block that makes an answer harmful as a whole.
_SEARCH_BUDGET = 100_000


class _Draft:
    """An answer in segments, and which of them are still kept."""

    def __init__(self, text: str) -> None:
        self.segments = segment(text)
        self.parts = [text[part.start : part.end] for part in self.segments]
        self.kept = list(range(len(self.parts)))

    @property
    def untouched(self) -> bool:
        return len(self.kept) == len(self.parts)

    @property
    def share(self) -> float:
        return len(self.join(self.kept)) / max(1, sum(map(len, self.parts)))

    def join(self, indices: Iterable[int]) -> str:
        return "".join(self.parts[index] for index in indices)

    def drop(self, guilty: set[int]) -> None:
        gone = set(range(len(self.parts))).difference(self.kept) | guilty
        gone = with_companions(self.parts, self.segments, gone)
        self.kept = [index for index in self.kept if index not in gone]


def rewrite_answer(text: str, notice: str, spans: Sequence[Span]) -> Plan:
    """Plan the rewrite of an answer: the kept sentences as they were, then the notice.

    Sentences are looked at alone, what is left in context. Steps stay or go together, and an answer of which
    little is left becomes the notice alone. Clean text comes back as it was.
    """
    draft = _Draft(text.removesuffix(notice))
    *alone, whole = yield [*draft.parts, text]
    draft.drop({index for index, risk in enumerate(alone) if risk >= 1.0})
    if draft.untouched and whole < 1.0:
        # What the plain text does not show, such as an encoded payload: only the caller knows where it is.
        draft.drop(overlapping([(part.start, part.end) for part in draft.segments], spans))
        if draft.untouched:
            return text
    clean = yield from _clean_in_context(draft)
    kept = draft.join(draft.kept).strip() if clean else ""
    return f"{kept}\n\n{notice}" if kept else notice


def _clean_in_context(draft: _Draft) -> Asking[bool]:
    """Drop until what is left is harmless as a whole; false where too little would be left."""
    for _ in range(ROUNDS):
        if draft.share < _WORTH_KEEPING:
            return False
        *near, whole = yield [*map(draft.join, neighbourhoods(draft.kept)), draft.join(draft.kept)]
        guilty = always_flagged(draft.kept, near)
        if not guilty:
            if whole < 1.0:
                return True
            guilty = yield from _worst_block(draft)
        draft.drop(guilty)
    return False


def _worst_block(draft: _Draft) -> Asking[set[int]]:
    """The paragraph or list without which the rest is least harmful; everything where there is only one."""
    blocks: dict[int, set[int]] = {}
    for index in draft.kept:
        blocks.setdefault(draft.segments[index].block, set()).add(index)
    if len(blocks) == 1 or len(blocks) * sum(map(len, draft.parts)) > _SEARCH_BUDGET:
        return set(draft.kept)
    groups = list(blocks.values())
    risks = yield [draft.join(index for index in draft.kept if index not in group) for group in groups]
    return groups[min(range(len(groups)), key=risks.__getitem__)]
