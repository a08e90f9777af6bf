"""Answers as JSON."""

from __future__ import annotations

from fastapi import Response

from eyelid.serving._record import to_json


def answer(record: object, *, status: int = 200) -> Response:
    """A record as a response; one that says the server itself failed also says when to try again."""
    headers = {"retry-after": "1"} if status == 503 else {}
    return Response(to_json(record).encode("utf-8"), status, headers, "application/json")
