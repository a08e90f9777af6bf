"""Guards of fakes: they find ZQXBAD in texts and read it in the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from eyelid import Guard, Policy
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader

MARKER = "ZQXBAD"
PICTURE = b"a picture that says it"


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector({MARKER: 0.9})


@pytest.fixture
def make_guard(detector: FakeDetector) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def make(policy: Policy | None = None, *, rewrites: bool = True) -> Guard:
        detoxifier = FakeDetoxifier({MARKER: "[gone]"}) if rewrites else None
        reader = FakeReader.of({PICTURE: f"it says {MARKER}"})
        made.append(Guard([detector], policy=policy, detoxifier=detoxifier, decoder=FakeDecoder(), reader=reader))
        return made[-1]

    yield make
    for guard in made:
        guard.close()


@pytest.fixture
def guard(make_guard: Callable[..., Guard]) -> Guard:
    return make_guard()
