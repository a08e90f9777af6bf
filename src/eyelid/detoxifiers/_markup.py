"""A tool's text cut into sentences and the mark-up between them, so that a cut leaves the mark-up whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from eyelid.detoxifiers._segments import segment

#: Bounded and without nested repetition, so that a hostile text cannot make it slow.
_TAG = re.compile(r"</?([A-Za-z][\w:-]{0,40})(?:[\s/][^<>]{0,4000})?>")
#: What belongs to the line and not to the sentence: list marks, quotes, table bars.
_PREFIX = re.compile(r"\s*(?:(?:[-*+•]|#{1,6}|>{1,4}|\d{1,3}[.)])\s+)*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tool's text.

    Args:
        text: its characters; the pieces of a text join to that text.
        kind: "text" can be replaced by a remark, a "tag" loses its attributes, a "comment" goes.
    """

    text: str = field(repr=False)
    kind: Literal["text", "tag", "comment"] = "text"

    def without(self, remark: str) -> str:
        """What is left of it once its content is removed."""
        if self.kind == "comment":
            return ""
        if self.kind == "tag":
            closing = "/" if self.text.endswith("/>") else ""
            return re.sub(r"^<(/?[\w:-]+).*$", rf"<\1{closing}>", self.text, flags=re.DOTALL)
        content = self.text.rstrip().rstrip("|")
        prefix = _PREFIX.match(content)
        assert prefix is not None
        return prefix.group() + fitting(remark, len(content) - prefix.end()) + self.text[len(content) :]


def fitting(remark: str, room: int) -> str:
    """The remark, or a shorter one, or none: what takes the place of a text never is longer than it."""
    return next((words for words in (remark, "[removed]") if len(words) <= room), "")


def pieces(text: str) -> list[Piece]:
    """Cut a text at tags, comments, table bars, lines and sentences."""
    return [piece for part in _split_markup(text) for piece in _split_text(part)]


def _split_markup(text: str) -> Iterator[Piece]:
    place = start = 0
    while (place := text.find("<", place)) >= 0:
        piece = _markup_at(text, place)
        if piece is None:
            place += 1
            continue
        if start < place:
            yield Piece(text[start:place])
        yield piece
        start = place = place + len(piece.text)
    if start < len(text):
        yield Piece(text[start:])


def _markup_at(text: str, place: int) -> Piece | None:
    if text.startswith("<!--", place):
        end = text.find("-->", place)
        return Piece(text[place : end + 3 if end >= 0 else len(text)], "comment")
    tag = _TAG.match(text, place)
    return Piece(tag.group(), "tag") if tag else None


def _split_text(piece: Piece) -> Iterator[Piece]:
    if piece.kind != "text":
        yield piece
        return
    for part in segment(piece.text):
        sentence = piece.text[part.start : part.end]
        cells = re.split(r"(?<=[|\t])", sentence) if "|" in sentence or "\t" in sentence else [sentence]
        yield from (Piece(cell) for cell in cells if cell)
