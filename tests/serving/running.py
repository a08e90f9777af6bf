"""A guard with fakes, an application in this thread, and a server in another one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi.testclient import TestClient

from eyelid import Failure, Guard, Policy
from eyelid.protocols import Assessment, Detector, ScoreRequest
from eyelid.serving import Listen, Probe, Settings, create_app
from eyelid.serving._server import _bound, _config, _Server, _url
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader

#: What the fake detector finds; "poison" can be rewritten, "venom" cannot.
HARM = {"poison": 0.9, "venom": 0.95}
PROBE = Probe(bad="venom", good="tea")


class Slow(FakeDetector):
    """Waits until it is told to go on; not with the probe, which is looked at before anybody may ask."""

    def __init__(self) -> None:
        super().__init__(HARM)
        self.go = threading.Event()
        self.begun = threading.Event()

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        if not any(request.text.endswith(")") for request in batch):
            self.begun.set()
            self.go.wait(10)
        return super().score(batch)


def guard_of(*detectors: Detector, policy: Policy | None = None) -> Guard:
    return Guard(
        detectors or [FakeDetector(HARM, injection={"obey me": 0.97})],
        policy=policy,
        detoxifier=FakeDetoxifier({"poison": "flowers", "obey me": ""}),
        decoder=FakeDecoder(),
        reader=FakeReader.of({b"picture of venom": "drink venom"}),
    )


def settings_of(**changes: Any) -> Settings:
    return Settings(**{"probe": PROBE, **changes})


@contextmanager
def client(guard: Guard | None = None, **changes: Any) -> Iterator[TestClient]:
    """The application, asked without a network."""
    with (
        guard or guard_of() as used,
        TestClient(create_app(used, settings_of(**changes)), raise_server_exceptions=True) as asking,
    ):
        yield asking


@contextmanager
def server(guard: Guard | None = None, listen: Listen | None = None, **changes: Any) -> Iterator[str]:
    """A real server on a free port; gives its URL."""
    listen = listen or Listen(port=0)
    with guard or guard_of() as used, _bound(listen) as place:
        running = _Server(_config(create_app(used, settings_of(**changes)), listen))
        begun = threading.Event()
        running.on_start = begun.set
        thread = threading.Thread(target=running.run, args=([place],))
        thread.start()
        assert begun.wait(10)
        try:
            yield _url(listen, place)
        finally:
            running.should_exit = True
            thread.join(10)


def post(url: str, **more: Any) -> httpx.Response:
    """Without certificates, which take longer to load than most tests to run."""
    return httpx.post(url, verify=False, **more)


def get(url: str, **more: Any) -> httpx.Response:
    return httpx.get(url, verify=False, **more)


def events_of(text: str) -> list[tuple[str, Any]]:
    """Server-sent events: name and data of each."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def passed_on(events: Sequence[tuple[str, Any]]) -> str:
    return "".join(data["text"] for name, data in events if name == "text")
