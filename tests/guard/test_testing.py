"""The fakes keep their contracts, and the conformance suites notice who does not."""

from collections.abc import Sequence

import pytest

from eyelid.protocols import (
    AskRequest,
    Assessment,
    Detector,
    Detoxifier,
    Host,
    ImageDecoder,
    ImageReader,
    Reply,
    ScoreRequest,
)
from eyelid.testing import (
    ODD_TEXTS,
    FakeDecoder,
    FakeDetector,
    FakeDetoxifier,
    FakeHost,
    FakeReader,
    Fault,
    FaultyDecoder,
    FaultyDetector,
    FaultyDetoxifier,
    FaultyReader,
    check_detector,
    check_detoxifier,
    check_host,
    check_reader,
)
from eyelid.types import Failure, Image, Scores

#: Faults that keep the contract of a role: they can happen to anyone.
HONEST = {Fault.FAILS, Fault.UNREADABLE}


def test_the_fakes_keep_their_contracts() -> None:
    check_detector(FakeDetector({"words": 0.4, "x": 0.9}, injection={"value": 0.7}), ["some words"])
    check_reader(FakeReader())
    check_detoxifier(FakeDetoxifier({"words": "deeds"}))


def test_the_fakes_are_the_roles_they_stand_for() -> None:
    assert isinstance(FakeDetector(), Detector)
    assert isinstance(FakeReader(), ImageReader)
    assert isinstance(FakeDetoxifier(), Detoxifier)
    assert isinstance(FakeDecoder(), ImageDecoder)
    assert isinstance(FakeHost(), Host)
    host = FakeHost({"q": "a"}, default="so")
    replies = host.ask([AskRequest("q"), AskRequest("r", (Image(b"one"),))])
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == ["a", "so"]
    assert [len(request.images) for request in host.asked] == [0, 1]
    check_host(host)
    check_host(FakeHost(lambda request: request.prompt.upper(), chances={"yes": 0.25, "no": 0.5}))
    with pytest.raises(AssertionError, match="chances"):
        check_host(FakeHost(chances={"yes": 0.75, "no": 0.5}))


@pytest.mark.parametrize("fault", sorted(set(FaultyDetector.faults()) - HONEST - {Fault.HANGS}))
def test_a_faulty_detector_is_noticed(fault: Fault) -> None:
    with pytest.raises((AssertionError, RuntimeError, MemoryError, SystemExit)):
        check_detector(FaultyDetector(fault))


@pytest.mark.parametrize("fault", sorted(set(FaultyReader.faults()) - HONEST - {Fault.HANGS}))
def test_a_faulty_reader_is_noticed(fault: Fault) -> None:
    with pytest.raises((AssertionError, RuntimeError, MemoryError, SystemExit)):
        check_reader(FaultyReader(fault))


class Positional(FakeDetector):
    """Scores by the place in the batch instead of by the text."""

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        return [Assessment(Scores(harm=n / len(batch)), covered=len(r.text)) for n, r in enumerate(batch)]


class Cutting(FakeDetector):
    """Sees only the first hundred characters."""

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        return [Assessment(Scores(), covered=min(100, len(request.text))) for request in batch]


@pytest.mark.parametrize(("detector", "promise"), [(Positional(), "the same alone"), (Cutting(), "covered")])
def test_a_broken_promise_is_named(detector: FakeDetector, promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        check_detector(detector)


def test_a_fault_that_a_role_cannot_have_is_refused() -> None:
    for role, fault in ((FaultyDetector, "blank"), (FaultyReader, "nan"), (FaultyDetoxifier, "partial")):
        with pytest.raises(ValueError, match="has no fault"):
            role(fault)
    assert set(Fault) == {
        fault for role in (FaultyDetector, FaultyReader, FaultyDetoxifier, FaultyDecoder) for fault in role.faults()
    }


def test_the_odd_texts_differ() -> None:
    assert len(set(ODD_TEXTS)) == len(ODD_TEXTS)
