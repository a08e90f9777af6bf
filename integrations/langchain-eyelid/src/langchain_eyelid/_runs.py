"""Runs under way: which run is inside which, and what the last model of each was asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from langchain_core.messages import BaseMessage

from langchain_eyelid._case import Context
from langchain_eyelid._conversation import last_turn
from langchain_eyelid._images import Found, load
from langchain_eyelid._messages import parts
from langchain_eyelid._settings import ImageLoader

#: Runs that are remembered at most; of a run that never ends nobody is told.
MAX_RUNS = 10_000
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model was asked: the text and the images of the last messages of the user."""

    prompt: str = field(repr=False)
    images: tuple[Found, ...] = ()
    uninspectable: int = 0

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> Asked:
        """What the user sent last, be it in one message or in several on end."""
        found = [parts(message) for message in messages[last_turn(messages)]]
        return cls(
            "\n".join(each.text for each in found if each.text),
            tuple(image for each in found for image in each.images),
            sum(each.uninspectable for each in found),
        )

    def context(self, loader: ImageLoader | None) -> Context:
        """As what an answer to it is looked at with. Blocks while it fetches images."""
        images, missing = load(self.images, loader)
        return Context(self.prompt, images, missing=self.uninspectable + missing)


@dataclass(slots=True)
class _Run:
    parent: UUID | None
    asked: Asked | None = None
    #: Models inside it that have not ended, and whether they were asked different things at the same time.
    models: set[UUID] = field(default_factory=set)
    ambiguous: bool = False


class Runs:
    """May be used by many threads. It remembers the last `MAX_RUNS` runs, and of each only what is under way."""

    def __init__(self) -> None:
        self._runs: OrderedDict[UUID, _Run] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._runs)

    def begin(self, run: UUID, parent: UUID | None, asked: Asked | None = None) -> None:
        """A run began.

        Args:
            run: its id.
            parent: the run it is inside.
            asked: what is asked, if it is a model's.
        """
        with self._lock:
            self._remember(run, _Run(parent, asked))
            if asked is None:
                return
            if parent is not None and parent not in self._runs:
                self._remember(parent, _Run(None))  # it may have begun before anybody listened
            for _, above in self._above(parent):
                above.ambiguous = bool(above.models) and (above.ambiguous or above.asked != asked)
                above.asked = asked
                above.models.add(run)

    def end(self, run: UUID) -> Asked | None:
        """A run ended: what its model was asked, if it is a model's."""
        with self._lock:
            ended = self._runs.pop(run, None)
            if ended is None:
                return None
            for _, above in self._above(ended.parent):
                above.models.discard(run)
            return ended.asked

    def asked(self, run: UUID | None) -> Asked | None:
        """What the last model was asked in the nearest run, from `run` outwards, in which there was one.

        None where there was none, or where several were asked different things at the same time, so that nobody
        knows whose answer is meant.
        """
        with self._lock:
            for _, above in self._above(run):
                if above.asked is not None:
                    return None if above.ambiguous else above.asked
        return None

    def _remember(self, run: UUID, found: _Run) -> None:
        self._runs[run] = found
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)

    def _above(self, run: UUID | None) -> Iterator[tuple[UUID, _Run]]:
        """A run and those it is inside, from the innermost outwards."""
        for _ in range(_MAX_DEPTH):
            if run is None or run not in self._runs:
                return
            found = self._runs[run]
            yield run, found
            run = found.parent
