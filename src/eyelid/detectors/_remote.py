"""A detector on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from itertools import chain, islice
from typing import Any

from eyelid.detectors._remote_eyelid import EyelidScores
from eyelid.detectors._remote_pieces import Dialect, Piece, joined
from eyelid.engine import after, current_claim
from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.remote import MAX_ITEMS, Endpoint, Trouble, lots
from eyelid.types import Failure, Scores

Found = Assessment | Failure


class RemoteDetector:
    """Asks a server: another eyelid, an OpenAI-compatible moderation endpoint, or a classifier on vLLM.

    A batch is one call, or several where it is too large for one. It ends with the claim of its work on the engine
    (the policy's deadline) and holds no thread. Whatever is wrong with an answer is a failed look at the items
    concerned. Guard models that answer in a chat are not spoken to yet.

    Args:
        server: its URL, or an `eyelid.remote.Endpoint` with token and time limit; roles that share one share its
            connections and what is known of its state.
        speaks: how it is talked to: `EyelidScores` (the default), `Moderations`, `Classify` or `Pooling`.
        name: its name.
        most: texts of one call.
        heaviest: bytes of one call; a longer text goes alone.

    Raises:
        ConfigurationError: the URL or a number cannot be.
        MissingExtraError: the extra "remote" is not installed.
    """

    def __init__(
        self,
        server: Endpoint | str,
        speaks: Dialect | None = None,
        *,
        name: str = "remote",
        most: int = 64,
        heaviest: int = 2**20,
    ) -> None:
        if not 1 <= most <= MAX_ITEMS or heaviest < 1:
            raise ConfigurationError(f"a call holds 1 to {MAX_ITEMS} texts and at least a byte, not {most}, {heaviest}")
        self.server = server if isinstance(server, Endpoint) else Endpoint(server)
        self.name = name
        self._dialect = speaks or EyelidScores()
        self._most, self._heaviest = most, heaviest

    def __repr__(self) -> str:
        return f"RemoteDetector({self.server!r}, {type(self._dialect).__name__})"

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found]:
        """What the server finds in each text."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`, without waiting for it."""
        cuts = [self._dialect.cut(request) for request in batch]
        pieces = [piece for cut in cuts if not isinstance(cut, Trouble) for piece in cut]
        calls = lots(pieces, lambda piece: piece.size, most=self._most, heaviest=self._heaviest)
        deadline = current_claim().deadline
        futures = [self.server.call(self._dialect.path, lot, self._dialect.prepare, deadline=deadline) for lot in calls]

        def answer(made: list[Any]) -> Sequence[Found]:
            results = chain.from_iterable(_given(each) for each in made)
            return [self._joined(request, cut, results) for request, cut in zip(batch, cuts, strict=True)]

        return after(futures, answer)

    def close(self) -> None:
        """Close the connections, also for other roles on the same endpoint."""
        self.server.close()

    def _joined(self, request: ScoreRequest, cut: Sequence[Piece] | Trouble, results: Any) -> Found:
        """The next results belong to this request, one for each of its pieces."""
        if isinstance(cut, Trouble):
            return cut.failure("score", self.name)
        own = list(islice(results, len(cut)))
        for result in own:
            if isinstance(result, Trouble):
                return result.failure("score", self.name)
        if not cut:
            return Assessment(Scores(), covered=len(request.text), looks=0)
        return joined(request, cut, own)


def _given(made: Any) -> Any:
    if isinstance(made, BaseException):
        raise made
    return made
