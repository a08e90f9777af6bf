"""A host whose answers are kept until a batch is done, so that nothing that was answered is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eyelid.evaluation.asking import BoundedHost
from eyelid.protocols import AskRequest, Reply
from eyelid.synthesis._journal import Journal
from eyelid.types import Failure


class Remembering:
    """Asks a host, and writes down what it answers before anybody uses it.

    Args:
        host: who answers.
        path: where answers are kept. What is there from a run that was killed is taken from it.
    """

    def __init__(self, host: BoundedHost, path: Path) -> None:
        self._host, self._journal = host, Journal(path)
        self._journal.mend()
        self._known = {row["key"]: row["text"] for row in self._journal.read()}
        self.asked = 0  #: requests that went to the host since this object was made

    def ask(self, requests: Sequence[tuple[str, AskRequest]]) -> list[str | Failure]:
        """The answer to each request, in order. Failures are not kept, so that they are asked again.

        Args:
            requests: each with a key that no other one has until `forget`.
        """
        new = [(key, request) for key, request in requests if key not in self._known]
        failed: dict[str, Failure] = {}
        if new:
            self.asked += len(new)
            replies = self._host.ask([request for _, request in new])
            said = {}
            for (key, _), reply in zip(new, replies, strict=True):
                if isinstance(reply, Reply):
                    said[key] = reply.text
                else:
                    failed[key] = reply
            self._journal.append({"key": key, "text": text} for key, text in said.items())
            self._known |= said
        return [failed[key] if key in failed else self._known[key] for key, _ in requests]

    def forget(self) -> None:
        """What was answered so far stands elsewhere now."""
        self._known.clear()
        self._journal.clear()
