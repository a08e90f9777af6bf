"""A call of a test's own: texts in, the same texts out."""

import json
from collections.abc import Sequence

from tests.remote.server import Answer

from eyelid.remote import Endpoint, Prepared, Trouble


def prepare(items: Sequence[str], seconds: float) -> Prepared[str]:
    def read(body: bytes) -> list[str | Trouble]:
        reply = json.loads(body)
        if not isinstance(reply, dict) or not isinstance(reply.get("texts"), list):
            raise ValueError("not such a reply")
        return reply["texts"]

    return Prepared(json.dumps({"texts": list(items)}).encode(), read)


def ask(endpoint: Endpoint, *items: str, deadline: float = float("inf")) -> list[str | Trouble]:
    return endpoint.call("/echo", items, prepare, deadline=deadline).result(timeout=20)


def echo(answer: Answer, number: int = 0) -> None:
    answer.json(json.loads(answer.body))


def codes(found: Sequence[str | Trouble]) -> list[str]:
    return [each.code if isinstance(each, Trouble) else "" for each in found]
