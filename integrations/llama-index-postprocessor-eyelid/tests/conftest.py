"""No test opens a connection; what a test needs of a guard is made of fakes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eyelid import Guard, Policy
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader

BAD = "ZQXBAD"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector({BAD: 0.99}, injection={"IGNORE ALL": 0.99})


@pytest.fixture
def make_guard(detector: FakeDetector) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def make(**parts: Any) -> Guard:
        default = {
            "policy": Policy.preset("balanced"),
            "detoxifier": FakeDetoxifier({BAD: "[removed]"}),
            "decoder": FakeDecoder(),
            "reader": FakeReader(),
        }
        made.append(Guard([detector], **{**default, **parts}))
        return made[-1]

    yield make
    for guard in made:
        guard.close()


@pytest.fixture
def guard(make_guard: Callable[..., Guard]) -> Guard:
    return make_guard()
