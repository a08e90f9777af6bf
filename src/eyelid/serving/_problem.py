"""What a server says when it does not do what it was asked: a status and a message that never quotes the request."""

from __future__ import annotations

import json

_TYPES = {
    401: "authentication_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class Problem(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        code: a stable word.
        message: for people; without anything that was in the request.
        param: which part of the request it is about, by the names of this interface.
        retry_after: seconds after which to try again.
        headers: more of them.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self._headers = headers

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Of the answer, its content's own left out."""
        pairs = self._headers if self.retry_after is None else (*self._headers, ("retry-after", str(self.retry_after)))
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in pairs]

    def record(self) -> dict[str, object]:
        """As OpenAI's interface words errors, so that its clients understand them."""
        kind = _TYPES.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def body(self) -> bytes:
        """The record as JSON."""
        return json.dumps(self.record()).encode("ascii")


class GoneError(Exception):
    """The client went away; there is nobody to answer."""
