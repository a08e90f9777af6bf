"""The passages of an exchange: each text in it that is looked at, and as what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from eyelid.guard._case import Case
from eyelid.protocols import ScoreRequest
from eyelid.text import View
from eyelid.types import Surface


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that is looked at.

    Args:
        text: all of it; its views are what detectors see.
        image: the number of the image it was read from; -1 for several texts joined, `None` for the text itself.
        asked: as what it is scored: the surface, and the request it answers.
    """

    text: str = field(repr=False)
    image: int | None
    asked: tuple[tuple[Surface, str], ...] = field(repr=False)

    def requests(self, view: View) -> list[ScoreRequest]:
        """What detectors are asked about one view of it."""
        source = view.source if self.image is None or view.source == "hidden" else "image"
        return [
            ScoreRequest(view.text, prompt=prompt, surface=surface, source=source) for surface, prompt in self.asked
        ]


JOINED = -1
#: Lines that hold nothing but list markers. They ask to be filled in and say nothing themselves.
_EMPTY_ITEMS = re.compile(r"^[ \t]*(?:(?:\d{1,2}[.):]|[-•●*])[ \t]*)+(?:\n|\Z)", re.MULTILINE)


def passages(case: Case, image_texts: Sequence[str]) -> list[Passage]:
    """The text; what was read in each image; and what they say together.

    What an image says is scored as a request, since a model takes it as one (FigStep, arXiv 2311.05608), and
    as a part of the surface it came by. A request may be cut up over several images, or over an image and the
    text, so they are joined as well.
    """
    exchange = case.exchange
    here = (exchange.surface, case.context)
    as_request = dict.fromkeys(((Surface.INPUT, ""), here))
    found = [Passage(exchange.text, None, (here,))] if exchange.text else []
    read = {number: text for number, text in enumerate(image_texts) if text.strip()}
    read = {number: _EMPTY_ITEMS.sub("", text) or text for number, text in read.items()}
    found += [Passage(text, number, tuple(as_request)) for number, text in read.items()]
    if len(read) > 1:
        found.append(Passage("\n".join(read.values()), JOINED, tuple(as_request)))
    if read and exchange.text:
        found.append(Passage("\n".join((exchange.text, *read.values())), JOINED, (here,)))
    return found
