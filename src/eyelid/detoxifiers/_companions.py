"""What goes along when a sentence is dropped: the rest of its steps, its lead-in, its heading, the pleasantries."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eyelid.detoxifiers._segments import Segment

#: Share of a bullet list that takes the other bullets along.
_LIST_SHARE = 1 / 3

_GOES_ON = re.compile(
    r"\W*(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|then|next|after (?:that|this|which|doing)|afterwards?|finally"
    r"|lastly|once|now|meanwhile|from there|when (?:that|this)|repeat|make sure)\b",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"\W*(?:sure|certainly|absolutely|of course|yes|okay|ok|great|gladly|no problem|happy to help"
    r"|as (?:you )?(?:asked|requested)|here['’]?s|here (?:is|are)|below (?:is|are)|the following|i['’]?d be happy"
    r"|let['’]?s (?:begin|start|get))\b",
    re.IGNORECASE,
)
_CLOSES = re.compile(
    r"\W*(?:i hope (?:this|that|it)|hope (?:this|that|it)|let me know|feel free|good luck|enjoy|by following|with these"
    r"|follow these|that['’]?s (?:it|all)|and that['’]?s|there you (?:go|have it)|remember|would you like|do you want"
    r"|if you (?:need|want|have))\b",
    re.IGNORECASE,
)


def with_companions(parts: Sequence[str], segments: Sequence[Segment], gone: set[int]) -> set[int]:
    """Add to the dropped sentences those that only made sense beside them; `parts` are the segments' texts."""
    if not gone:
        return gone
    grown = set(gone)
    for block in _blocks(segments):
        grown |= _rest_of_block(parts, segments, block, grown)
    grown |= _lead_ins(parts, segments, grown)
    return grown | _pleasantries(parts, grown)


def _blocks(segments: Sequence[Segment]) -> list[list[int]]:
    blocks: dict[int, list[int]] = {}
    for index, segment in enumerate(segments):
        blocks.setdefault(segment.block, []).append(index)
    return list(blocks.values())


def _rest_of_block(parts: Sequence[str], segments: Sequence[Segment], block: list[int], gone: set[int]) -> set[int]:
    dropped = [index for index in block if index in gone]
    if not dropped:
        return set()
    kind = segments[block[0]].kind
    in_order = kind == "step" or sum(bool(_GOES_ON.match(parts[index])) for index in block) > 1
    if in_order or (kind == "bullet" and len(dropped) >= _LIST_SHARE * len(block)):
        return set(block)
    after = {index + 1 for index in dropped}
    return {index for index in block if index in after and _GOES_ON.match(parts[index])}


def _lead_ins(parts: Sequence[str], segments: Sequence[Segment], gone: set[int]) -> set[int]:
    """Headings and sentences ending in a colon that lead to nothing any more; read from the end."""
    found: set[int] = set()
    for index in range(len(parts) - 2, -1, -1):
        leads = segments[index].kind == "heading" or parts[index].rstrip().endswith(":")
        if leads and index + 1 in gone | found and _section_is_gone(segments, index, gone | found):
            found.add(index)
    return found


def _section_is_gone(segments: Sequence[Segment], index: int, gone: set[int]) -> bool:
    """Whether nothing is kept up to the next heading, or for a plain lead-in of the block it introduces."""
    heading = segments[index].kind == "heading"
    following = segments[index + 1].block
    for later in range(index + 1, len(segments)):
        if segments[later].kind == "heading" if heading else segments[later].block != following:
            return True
        if later not in gone:
            return False
    return True


def _pleasantries(parts: Sequence[str], gone: set[int]) -> set[int]:
    """The opening and closing sentences that frame an answer, from both ends inwards."""
    found: set[int] = set()
    for index in range(len(parts)):
        if index not in gone and not _OPENS.match(parts[index]):
            break
        found.add(index)
    for index in range(len(parts) - 1, -1, -1):
        if index not in gone and not _CLOSES.match(parts[index]):
            break
        found.add(index)
    return found
