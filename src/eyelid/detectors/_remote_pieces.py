"""What a server is asked about, and how its answers about parts of a text become one about the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.remote import Prepared, Trouble, sendable, size
from eyelid.text import token_windows
from eyelid.types import Scores, Span

#: Spans kept of a text, best first.
_SPANS = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """The characters `[start, end)` of a request's text, or all of them."""

    request: ScoreRequest
    start: int
    end: int

    @property
    def text(self) -> str:
        """What it sees."""
        return self.request.text[self.start : self.end]

    @property
    def size(self) -> int:
        """Bytes in a call, about."""
        return size(self.text) + size(self.request.prompt)


class Dialect(Protocol):
    """How a kind of server is talked to."""

    @property
    def path(self) -> str:
        """Below the server's URL."""

    def cut(self, request: ScoreRequest, /) -> Sequence[Piece] | Trouble:
        """What is to be asked about a text, so that all of it is seen; nothing where there is nothing to be seen."""

    def prepare(self, pieces: Sequence[Piece], seconds: float, /) -> Prepared[Assessment]:
        """A call about some pieces, to be answered within so many seconds."""


def joined(request: ScoreRequest, cut: Sequence[Piece], found: Sequence[Assessment]) -> Assessment:
    """One assessment of a text from those of its pieces: the highest scores, and where they are."""
    if len(found) == 1 and (cut[0].start, cut[0].end) == (0, len(request.text)):
        return found[0]
    spans = [
        Span(piece.start + span.start, piece.start + span.end, span.category, span.score)
        for piece, each in zip(cut, found, strict=True)
        for span in each.spans
    ]
    whole = all(each.covered == piece.end - piece.start for piece, each in zip(cut, found, strict=True))
    return Assessment(
        Scores.maximum([each.scores for each in found]),
        tuple(sorted(spans, key=lambda span: -span.score)[:_SPANS]),
        covered=len(request.text) if whole else 0,
        looks=sum(each.looks for each in found),
    )


@dataclass(frozen=True, slots=True)
class Windows:
    """Cuts texts for a server that knows nothing but plain texts of a bounded length.

    Neighbouring windows overlap by half, so that any passage shorter than that lies whole in one of them. The server
    is never asked to cut a text off: a window that is too long for its model is refused, and is a failed look.

    Args:
        form: what is sent for a window: its text stands for "{text}", the request it answers for "{prompt}".
        size: characters of a window, those of the prompt included where the form has it.

    Raises:
        ConfigurationError: the form has no place for the text, or the windows none for a character.
    """

    form: str = "{text}"
    size: int = 4000

    def __post_init__(self) -> None:
        if self.form.count("{text}") != 1 or self.form.count("{prompt}") > 1:
            raise ConfigurationError("a form needs {text} once and {prompt} at most once")
        if self.size < 64:
            raise ConfigurationError(f"windows of {self.size} characters are too short to be judged; give 64 or more")

    def cut(self, request: ScoreRequest) -> Sequence[Piece] | Trouble:
        """Windows that together show all of a text; none for a blank one."""
        if not request.text.strip():
            return []
        room = self.size - (len(request.prompt) if "{prompt}" in self.form else 0)
        if room < self.size // 2:
            return Trouble("limit", f"the prompt has {len(request.prompt)} characters, too many beside a window")
        return [Piece(request, *ends) for ends in token_windows(len(request.text), size=room, overlap=room // 2)]

    def text(self, piece: Piece) -> str:
        """What is sent."""
        before, after = self.form.split("{text}")
        prompt = sendable(piece.request.prompt)
        # The two are put in apart: a text that holds "{prompt}" stays as it is.
        return before.replace("{prompt}", prompt) + sendable(piece.text) + after.replace("{prompt}", prompt)


def assessed(piece: Piece, scores: Scores) -> Assessment:
    """What a server that gives no places found in a piece: the scores, and the piece as their place."""
    length = piece.end - piece.start
    spans = tuple(Span(0, length, name, value) for name, value in scores.items() if value > 0.0)
    return Assessment(scores, spans, covered=length)
