"""What detectors found, kept within a number of bytes; what was not asked for longest goes first."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from eyelid.engine import in_every_fork
from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Scores, Span

_NAMES = {str(category): str(category) for category in Category}
#: Of an entry beside what it holds, measured: dictionary slot, links, tuple, assessment, scores and their proxy.
_ENTRY = 800


@dataclass(frozen=True, slots=True)
class CacheStats:
    """How a cache did.

    Args:
        hits: requests that were answered without asking the detector.
        misses: requests that it was asked about.
        entries: findings kept.
        bytes: that they take, estimated from above.
    """

    hits: int = 0
    misses: int = 0
    entries: int = 0
    bytes: int = 0


class VerdictStore:
    """Key → assessment. May be used by several threads; empty in a forked child.

    Args:
        max_bytes: that all entries may take.

    Raises:
        ConfigurationError: there would be no room for anything.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ConfigurationError(f"a cache of {max_bytes} bytes keeps nothing; leave it out")
        self._max_bytes = max_bytes
        self._begin()
        in_every_fork(self, VerdictStore._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything, the statistics too."""
        with self._lock:
            self._entries: OrderedDict[bytes, tuple[Assessment, int]] = OrderedDict()
            self._bytes = self._hits = self._misses = 0

    def get(self, keys: list[bytes]) -> dict[bytes, Assessment]:
        """What is known of these keys. One that is repeated counts as asked once and found for the rest."""
        with self._lock:
            known = {key: entry[0] for key in keys if (entry := self._entries.get(key)) is not None}
            for key in known:
                self._entries.move_to_end(key)
            new = len(set(keys)) - len(known)
            self._misses += new
            self._hits += len(keys) - new
            return known

    def put(self, key: bytes, found: Assessment) -> None:
        """Keep a finding, and let older ones go if there is no room."""
        size = _size(key, found)
        with self._lock:
            if size > self._max_bytes or key in self._entries:
                return
            self._entries[key] = (found, size)
            self._bytes += size
            while self._bytes > self._max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed

    def stats(self) -> CacheStats:
        """Counted since the store was made."""
        with self._lock:
            return CacheStats(self._hits, self._misses, len(self._entries), self._bytes)


def keepable(request: ScoreRequest, found: object) -> Assessment | None:
    """A copy of a finding that nobody else can change; `None` for what is no whole and sound look.

    That leaves out failures, partial looks, and whatever the guard would refuse.
    """
    if type(found) is not Assessment or type(found.covered) is not int or found.covered != len(request.text):
        return None
    scores, spans, looks = _untyped(found)
    if not isinstance(scores, Scores) or type(looks) is not int or any(type(span) is not Span for span in spans):
        return None
    try:
        own = Scores({_NAMES[name]: value for name, value in scores.items()})
        return Assessment(own, tuple(_own(span) for span in spans), found.covered, looks)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _untyped(found: Assessment) -> tuple[Any, Any, Any]:
    """Its parts as what they are: a detector may be anyone's code."""
    return found.scores, tuple(found.spans), found.looks


def _own(span: Span) -> Span:
    return Span(int(span.start), int(span.end), _NAMES[span.category], float(span.score))


def _size(key: bytes, found: Assessment) -> int:
    """Bytes of an entry. Names are shared by all."""
    numbers = sys.getsizeof(1.0)
    scores = len(found.scores) * (numbers + 72)
    spans = len(found.spans) * (sys.getsizeof(Span(0, 1)) + numbers + 2 * sys.getsizeof(2**31) + 24)
    return _ENTRY + sys.getsizeof(key) + scores + spans
