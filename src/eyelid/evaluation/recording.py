"""A detector that remembers what it was shown, to prove that nothing else was let through."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from eyelid.protocols import Assessment, Detector, ScoreRequest
from eyelid.types import Failure


class RecordingDetector:
    """Asks another detector and keeps the texts whose every character it saw.

    Args:
        inner: the detector that scores.
    """

    def __init__(self, inner: Detector) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._seen: dict[str, None] = {}

    @property
    def name(self) -> str:
        return self._inner.name

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Assessment | Failure]:
        """What the inner detector says."""
        results = self._inner.score(batch)
        whole = [
            _letters(request.text)
            for request, result in zip(batch, results, strict=True)
            if isinstance(result, Assessment) and result.covered >= len(request.text)
        ]
        with self._lock:
            self._seen.update(dict.fromkeys(whole))
        return results

    def saw(self, text: str) -> bool:
        """Whether all letters and digits of a text stood together in one text that was scored as a whole."""
        letters = _letters(text)
        with self._lock:
            return any(letters in seen for seen in self._seen)

    def forget(self) -> None:
        """Start afresh."""
        with self._lock:
            self._seen.clear()


def _letters(text: str) -> str:
    """What normalising leaves alone: white space, marks and case may differ between a text and its view."""
    return "".join(character for character in text.casefold() if character.isascii() and character.isalnum())
