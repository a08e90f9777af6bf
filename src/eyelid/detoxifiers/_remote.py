"""A detoxifier on another machine."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import chain
from typing import Any

from pydantic import ValidationError

from eyelid.engine import current_claim
from eyelid.errors import ConfigurationError
from eyelid.protocols import RewriteRequest
from eyelid.remote import (
    MAX_ITEMS,
    REWRITE_PATH,
    AnyReply,
    Endpoint,
    Prepared,
    RewriteResult,
    Trouble,
    lots,
    rewrite_call,
    size,
)
from eyelid.types import Failure

#: Seconds for a call, where the endpoint is made from a URL: rewriting may be generating.
_SECONDS = 60.0


class RemoteDetoxifier:
    """Asks another eyelid to make texts harmless. What comes back is scored again by the guard, like any rewrite.

    Args:
        server: its URL, or an `eyelid.remote.Endpoint`; one that detectors share is as quick as they need it.
        name: its name.
        most: texts of one call.
        heaviest: bytes of one call; a longer text goes alone.

    Raises:
        ConfigurationError: the URL or a number cannot be.
        MissingExtraError: the extra "remote" is not installed.
    """

    def __init__(
        self, server: Endpoint | str, *, name: str = "remote-detoxifier", most: int = 16, heaviest: int = 2**20
    ) -> None:
        if not 1 <= most <= MAX_ITEMS or heaviest < 1:
            raise ConfigurationError(f"a call holds 1 to {MAX_ITEMS} texts and at least a byte, not {most}, {heaviest}")
        self.server = server if isinstance(server, Endpoint) else Endpoint(server, seconds=_SECONDS)
        self.name = name
        self._most, self._heaviest = most, heaviest

    def __repr__(self) -> str:
        return f"RemoteDetoxifier({self.server!r})"

    def rewrite(self, batch: Sequence[RewriteRequest], /) -> list[str | Failure]:
        """The server's rewrite of each text; one that it could not mend is a `Failure` of its own."""
        calls = lots(batch, lambda each: size(each.text) + size(each.prompt), most=self._most, heaviest=self._heaviest)
        deadline = current_claim().deadline
        futures = [self.server.call(REWRITE_PATH, lot, _prepare, deadline=deadline) for lot in calls]
        found = chain.from_iterable(future.result() for future in futures)
        return [each.failure("rewrite", self.name) if isinstance(each, Trouble) else each for each in found]

    def close(self) -> None:
        """Close the connections, also for other roles on the same endpoint."""
        self.server.close()


def _prepare(requests: Sequence[RewriteRequest], seconds: float) -> Prepared[str]:
    """One call. Its ids cannot be guessed, so no other answer can pass for its own."""
    call = secrets.token_hex(8)
    asked = {f"{call}-{number}": request for number, request in enumerate(requests)}

    def read(body: bytes) -> list[str | Trouble]:
        results = AnyReply.model_validate_json(body).results
        return [_result(id, raw) for id, raw in zip(asked, results, strict=True)]

    return Prepared(rewrite_call(asked, seconds=seconds).model_dump_json().encode(), read)


def _result(id: str, raw: Any) -> str | Trouble:
    try:
        result = RewriteResult.model_validate(raw)
    except ValidationError:
        return Trouble("invalid", "the server's answer about this text makes no sense")
    if result.id != id:
        return Trouble("invalid", "the server's answer is about another text")
    if result.failure is not None:
        failure = result.failure.failure("rewrite", "")
        return Trouble(failure.code, failure.detail)
    return result.text or ""
