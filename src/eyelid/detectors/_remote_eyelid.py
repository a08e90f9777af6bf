"""How another eyelid is asked: whole requests, with windows and views being the server's concern."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eyelid.detectors._remote_pieces import Piece
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.remote import SCORE_PATH, AnyReply, Prepared, ScoreResult, Trouble, score_call


@dataclass(frozen=True, slots=True)
class EyelidScores:
    """Speaks with `eyelid serve`: what its detectors find in each text, the highest score of each category."""

    path = SCORE_PATH

    def cut(self, request: ScoreRequest, /) -> Sequence[Piece]:
        """The text as a whole."""
        return [Piece(request, 0, len(request.text))]

    def prepare(self, pieces: Sequence[Piece], seconds: float, /) -> Prepared[Assessment]:
        """One call. Its ids cannot be guessed, so no other answer can pass for its own."""
        call = secrets.token_hex(8)
        asked = {f"{call}-{number}": piece.request for number, piece in enumerate(pieces)}

        def read(body: bytes) -> list[Assessment | Trouble]:
            results = AnyReply.model_validate_json(body).results
            return [_result(id, request, raw) for (id, request), raw in zip(asked.items(), results, strict=True)]

        return Prepared(score_call(asked, seconds=seconds).model_dump_json().encode(), read)


def _result(id: str, request: ScoreRequest, raw: Any) -> Assessment | Trouble:
    try:
        result = ScoreResult.model_validate(raw)
    except ValidationError:
        return Trouble("invalid", "the server's answer about this text makes no sense")
    if result.id != id:
        return Trouble("invalid", "the server's answer is about another text")
    if result.failure is not None:
        failure = result.failure.failure("score", "")
        return Trouble(failure.code, failure.detail)
    if result.assessment is None or result.assessment.covered > len(request.text):
        return Trouble("invalid", "the server's answer is not about this text alone")
    return result.assessment.assessment()
