"""A server on this machine that answers as a test tells it, also wrongly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eyelid.protocols import Assessment
from eyelid.remote import (
    REWRITE_PATH,
    SCORE_PATH,
    RewriteCall,
    RewriteReply,
    RewriteResult,
    ScoreCall,
    ScoreReply,
    ScoreResult,
)
from eyelid.testing import FakeDetector, FakeDetoxifier
from eyelid.types import Failure


class Answer:
    """What a handler may do with a request: everything that goes wrong on a network."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.handler, self.body = handler, body
        self.headers, self.path = dict(handler.headers), handler.path

    def send(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode())

    def drop(self) -> None:
        """Close the connection without a word."""
        self.handler.close_connection = True

    def half(self, body: bytes) -> None:
        """Promise more than is sent."""
        self.send(200, body, Content_Length=str(2 * len(body) + 10))
        self.handler.close_connection = True

    def drip(self, seconds: float, *, header: bool = False) -> None:
        """A byte now and then, for ever: what a limit on each read never ends."""
        self.handler.close_connection = True
        if not header:
            self.handler.send_response(200)
            self.handler.end_headers()
        for _ in range(int(seconds / 0.05)):
            try:
                self.handler.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.05)


class Server:
    """A running server.

    Args:
        behave: what it does with each request, given its number from 0.
    """

    def __init__(self, behave: Callable[[Answer, int], None]) -> None:
        self.requests: list[Answer] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                answer = Answer(self, self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append(answer)
                behave(answer, number)

            def log_message(self, *args: object) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 128

        self._server = Listener(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that leave are expected
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(behave: Callable[[Answer, int], None]) -> Iterator[Server]:
    server = Server(behave)
    try:
        yield server
    finally:
        server.close()


def eyelid_server(detector: FakeDetector | None = None, detoxifier: FakeDetoxifier | None = None) -> Any:
    """Behaves as an eyelid server does."""
    scorer, rewriter = detector or FakeDetector({"bad": 0.9}), detoxifier or FakeDetoxifier({"bad": "***"})

    def behave(answer: Answer, number: int) -> None:
        if answer.path == SCORE_PATH:
            call = ScoreCall.model_validate_json(answer.body)
            found: list[Assessment | Failure] = scorer.score([item.request() for item in call.items])
            scored = [ScoreResult.of(item.id, each) for item, each in zip(call.items, found, strict=True)]
            answer.send(200, ScoreReply(model="fake", results=scored).model_dump_json().encode())
        elif answer.path == REWRITE_PATH:
            asked = RewriteCall.model_validate_json(answer.body)
            texts = rewriter.rewrite([item.request() for item in asked.items])
            rewritten = [RewriteResult.of(item.id, each) for item, each in zip(asked.items, texts, strict=True)]
            answer.send(200, RewriteReply(model="fake", results=rewritten).model_dump_json().encode())
        else:
            answer.send(404)

    return behave
