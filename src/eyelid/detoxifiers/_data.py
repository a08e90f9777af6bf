"""A tool's result or a retrieved text without the instructions put into it; its data and its form stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from eyelid.detoxifiers._markup import Piece, fitting, pieces
from eyelid.detoxifiers._plan import Asking, Plan, always_flagged, neighbourhoods, overlapping
from eyelid.text import map_json_strings
from eyelid.types import Failure, Span

#: Below this share of a text's characters the rest is not worth keeping.
_WORTH_KEEPING = 0.25

UNREPAIRABLE = Failure("rewrite", "unrepairable", "what was found is not in a part that can be taken out")


def rewrite_data(text: str, remark: str, spans: Sequence[Span]) -> Plan:
    """Plan the rewrite of data: offending sentences become the remark, everything else stays in place.

    JSON stays valid and keeps its keys; tags stay and lose what their attributes said. What cannot be taken
    out that way, such as an instruction in a key, is a failure.
    """
    leaves = _string_leaves(text)
    if leaves is None:
        result = yield from _rewrite_leaf(text, remark, spans)
    else:
        found = yield from _rewrite_leaves(leaves, remark)
        result = _with_leaves(text, found)
        (risk,) = yield [result]
        if risk >= 1.0:  # what is left of a string may still tell the rest of what was taken out of it
            result = _with_leaves(text, {leaf: fitting(remark, len(leaf)) for leaf in found})
    (risk,) = yield [result]
    return UNREPAIRABLE if risk >= 1.0 else result


def _with_leaves(text: str, changed: Mapping[str, str]) -> str:
    """The JSON text with some of its strings changed."""
    rewritten = map_json_strings(text, lambda leaf: changed.get(leaf, leaf)) if changed else None
    return text if rewritten is None else rewritten


def _string_leaves(text: str) -> list[str] | None:
    """The different strings in a JSON text; None where it is not JSON."""
    leaves: dict[str, None] = {}

    def note(leaf: str) -> str:
        leaves[leaf] = None
        return leaf

    return None if map_json_strings(text, note) is None else [leaf for leaf in leaves if leaf.strip()]


def _rewrite_leaves(leaves: list[str], remark: str) -> Asking[dict[str, str]]:
    found: dict[str, str] = {}
    risks = (yield leaves) if leaves else []
    for leaf, risk in zip(leaves, risks, strict=True):
        if risk >= 1.0:
            found[leaf] = yield from _rewrite_leaf(leaf, remark, ())
    return found


def _rewrite_leaf(text: str, remark: str, spans: Sequence[Span]) -> Asking[str]:
    """One run of text without its offending sentences; the remark alone where they cannot be told apart."""
    parts = pieces(text)
    *alone, whole = yield [part.text for part in parts] + [text]
    gone = {index for index, risk in enumerate(alone) if risk >= 1.0}
    if not gone and whole < 1.0:
        gone = overlapping(_ranges(parts), spans)
        if not gone:
            return text
    suspects = 1
    while _kept_share(parts, gone) >= _WORTH_KEEPING:
        kept = [index for index in range(len(parts)) if index not in gone]
        near = [*neighbourhoods(kept), *([left, right] for left, right in pairwise(kept))]
        joined = ["".join(parts[index].text for index in run) for run in near]
        *risks, whole = yield [*joined, _join(parts, gone, remark)]
        guilty = always_flagged(kept, risks)
        if not guilty:
            if whole < 1.0:
                return _join(parts, gone, remark)
            guilty = _smallest_flagged(near, risks) or set(sorted(kept, key=lambda i: -alone[i])[:suspects])
            suspects *= 2  # few rounds even where nothing stands out
        gone |= guilty
    return _join(parts, gone, remark) if len(gone) == 1 else fitting(remark, len(text))


def _kept_share(parts: Sequence[Piece], gone: set[int]) -> float:
    lengths = [len(part.text.strip()) for part in parts]
    return 1 - sum(lengths[index] for index in gone) / max(1, sum(lengths))


def _smallest_flagged(runs: list[list[int]], risks: Sequence[float]) -> set[int]:
    """The members of the shortest flagged runs: an instruction told in two harmless halves."""
    flagged = [run for run, risk in zip(runs, risks, strict=True) if risk >= 1.0]
    shortest = min(map(len, flagged), default=0)
    return {index for run in flagged if len(run) == shortest for index in run}


def _ranges(parts: Sequence[Piece]) -> list[tuple[int, int]]:
    ranges, end = [], 0
    for part in parts:
        ranges.append((end, end + len(part.text)))
        end += len(part.text)
    return ranges


def _join(parts: Sequence[Piece], gone: set[int], remark: str) -> str:
    """The text with one remark in the place of every run of dropped sentences."""
    output, said = [], False
    for index, part in enumerate(parts):
        if index in gone:
            output.append(part.without("" if said else remark))
            said = said or part.kind == "text"
        else:
            output.append(part.text)
            said = said and not part.text.strip()
    return "".join(output)
