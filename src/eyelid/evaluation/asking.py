"""A host that may fail, hang or give nonsense, asked so that every request gets a reply or a failure of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eyelid.engine import Workers, failure_code
from eyelid.errors import ConfigurationError
from eyelid.protocols import AskRequest, Host, Reply
from eyelid.types import Failure

#: How long one answer may take, in seconds, where nothing else is said.
ASK_SECONDS = 120.0


class BoundedHost:
    """Another host with a deadline, that never raises.

    A batch that raises or comes back with another number of replies is asked again one by one, so that only the
    culprit fails; one that hangs is given up and fails as a whole.

    Args:
        host: who answers.
        seconds: for each answer.
        workers: calls at the same time.

    Raises:
        ConfigurationError: `seconds` is not above 0.
    """

    def __init__(self, host: Host, *, seconds: float = ASK_SECONDS, workers: int = 4) -> None:
        if not seconds > 0:
            raise ConfigurationError(f"seconds is {seconds!r}; a model needs more than 0 to answer")
        self._host, self._seconds, self._workers = host, seconds, Workers(workers)

    @property
    def name(self) -> str:
        """The host's own."""
        return self._host.name

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """A reply or a failure for each request, in order."""
        requests = list(batch)
        made = self._call(requests) if requests else []
        if isinstance(made, Failure) and made.code != "timeout" and len(requests) > 1:
            return [reply for request in requests for reply in self.ask([request])]
        return [made] * len(requests) if isinstance(made, Failure) else made

    def close(self) -> None:
        """Let its threads end; the host itself stays as it is."""
        self._workers.close()

    def _call(self, requests: list[AskRequest]) -> list[Reply | Failure] | Failure:
        seconds = self._seconds * len(requests)
        late = self._failure("timeout", f"no answer within {seconds:g} s")
        future = self._workers.submit(lambda: self._host.ask(requests), seconds=seconds, late=lambda: late)
        if (error := future.exception()) is not None:  # a host is anyone's code, and one answer must not end a long run
            return self._failure(failure_code(error), type(error).__name__)
        made: Any = future.result()
        if isinstance(made, Failure):
            return made
        if not isinstance(made, Sequence) or isinstance(made, (str, bytes)) or len(made) != len(requests):
            return self._failure("invalid", "not one reply for each request")
        return [self._vetted(reply) for reply in made]

    def _vetted(self, reply: object) -> Reply | Failure:
        if isinstance(reply, Failure) or (isinstance(reply, Reply) and isinstance(reply.text, str)):
            return reply
        return self._failure("invalid", "what came back is no reply")

    def _failure(self, code: str, detail: str) -> Failure:
        return Failure("ask", code, detail, self.name)
