"""A detector that is not asked again what it has already answered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from eyelid.detectors._verdict_store import CacheStats, VerdictStore, keepable
from eyelid.engine import after, current_claim
from eyelid.errors import ConfigurationError, EngineError
from eyelid.protocols import Assessment, Deferred, Detector, ScoreRequest
from eyelid.types import Failure

Found = Assessment | Failure


class CachedDetector:
    """Remembers what a detector found, for requests that are equal in every part: text, prompt, surface and source.

    It stands under the guard and keeps findings, not rulings: the policy decides afresh on each, so that a changed
    policy can never meet an old verdict. Failures and partial looks are not kept. What one caller of the engine
    (`eyelid.engine.claim`) asked is not known to another, who could otherwise learn it from the time an answer takes.

    Args:
        detector: what is asked where nothing is known. Its scores must depend on the request alone.
        max_bytes: that the findings may take; those not asked for longest go first.
        fingerprint: changes whenever the detector's weights do; its own attribute of that name if left out.

    Raises:
        ConfigurationError: nothing says when the detector changes, or there is no room for anything.
    """

    def __init__(self, detector: Detector, *, max_bytes: int = 16 * 2**20, fingerprint: str | None = None) -> None:
        self._detector = detector
        self._fixed = fingerprint
        if not self.fingerprint:
            raise ConfigurationError(
                f"nothing says when the detector {detector.name!r} changes; give a fingerprint of its weights"
            )
        self._store = VerdictStore(max_bytes)
        # Nobody outside this process can tell which requests would share a key.
        self._secret = os.urandom(32)

    @property
    def name(self) -> str:
        return self._detector.name

    @property
    def incremental(self) -> bool:
        """Whether the detector keeps what it has read of a growing text."""
        return bool(getattr(self._detector, "incremental", False))

    @property
    def fingerprint(self) -> str:
        """What the findings depend on beside the request."""
        return str(self._fixed if self._fixed is not None else getattr(self._detector, "fingerprint", ""))

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Found]:
        """What is known, and what the detector finds for the rest, in one call."""
        asked = self._asked(batch)
        return self._answered(asked, self._detector.score(asked.unknown) if asked.unknown else ())

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`; holds no thread where the detector need not."""
        asked = self._asked(batch)
        if asked.unknown and isinstance(self._detector, Deferred):
            return after([self._detector.start(asked.unknown)], lambda made: self._answered(asked, _given(made[0])))
        done: Future[Sequence[Found]] = Future()
        done.set_result(self._answered(asked, self._detector.score(asked.unknown) if asked.unknown else ()))
        return done

    def stats(self) -> CacheStats:
        """Hits, misses, entries and bytes."""
        return self._store.stats()

    def clear(self) -> None:
        """Forget everything."""
        self._store.reset()

    def _asked(self, batch: Sequence[ScoreRequest]) -> _Asked:
        owner = (self.fingerprint, current_claim().caller)
        keys = [self._key(request, owner) for request in batch]
        known = self._store.get(keys)
        new = {key: request for key, request in zip(keys, batch, strict=True) if key not in known}
        return _Asked(keys, known, list(new), list(new.values()))

    def _key(self, request: ScoreRequest, owner: tuple[str, str]) -> bytes:
        digest = hashlib.blake2b(digest_size=16, key=self._secret)
        for part in (*owner, request.surface, request.source, request.prompt, request.text):
            data = str(part).encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))  # so that no part can pass for the end of another
            digest.update(data)
        return digest.digest()

    def _answered(self, asked: _Asked, results: Any) -> list[Found]:
        if not isinstance(results, Sequence) or len(results) != len(asked.unknown):
            raise EngineError(f"the detector {self.name!r} did not give one result for each item")
        for key, request, found in zip(asked.new, asked.unknown, results, strict=True):
            kept = keepable(request, found)
            if kept is not None:
                self._store.put(key, kept)
        everything: dict[bytes, Found] = {**asked.known, **dict(zip(asked.new, results, strict=True))}
        return [everything[key] for key in asked.keys]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A batch: the key of each request, what is known, and what is not, each once."""

    keys: list[bytes]
    known: dict[bytes, Assessment]
    new: list[bytes]
    unknown: list[ScoreRequest]


def _given(made: Any) -> Any:
    if isinstance(made, BaseException):
        raise made
    return made
