"""Whatever a role does wrong, in whatever way a guard is asked: the content is stopped. Zero passes."""

import logging

import pytest
from tests.guard.ways import WAYS, on

from eyelid.guard import Guard
from eyelid.guard._effects import Answer, Effect, Stage
from eyelid.policy import Policy
from eyelid.testing import (
    FakeDecoder,
    FakeDetector,
    FakeDetoxifier,
    FakeReader,
    Fault,
    FaultyDecoder,
    FaultyDetector,
    FaultyDetoxifier,
    FaultyReader,
)
from eyelid.types import Action, Image, Outcome, Status, Surface

BENIGN = "The kettle is on. " * 12
HARMFUL = "The kettle is on. " * 12 + "Then the bomb."
SOON = Policy.from_mapping({"deadlines": {"text": 0.05, "image": 0.05, "rewrite": 0.05}})

ways = pytest.mark.parametrize("way", WAYS)


#: Where the roles that do not hang have to come to an end, also on a busy machine.
LATER = Policy.from_mapping({"deadlines": {"text": 0.5, "rewrite": 0.05}})


def policy_for(fault: Fault, hanging: Policy = SOON) -> Policy:
    return hanging if fault is Fault.HANGS else Policy.preset()


def assert_failed_look(outcome: Outcome, text: str) -> None:
    assert (outcome.verdict.action, outcome.status) == (Action.BLOCK, Status.FAILED)
    assert outcome.failures
    assert text not in outcome.text
    assert outcome.images == ()


@ways
@pytest.mark.parametrize("fault", FaultyDetector.faults())
def test_a_faulty_detector_stops_the_text(fault: Fault, way: str) -> None:
    detector = FaultyDetector(fault)
    with Guard([FakeDetector(), detector], policy=policy_for(fault)) as guard:
        for surface in Surface:
            assert_failed_look(WAYS[way](guard, on(surface, BENIGN)), BENIGN)
    detector.release()


@ways
@pytest.mark.parametrize("fault", FaultyDetector.faults())
def test_a_faulty_detector_stops_a_text_that_another_flags(fault: Fault, way: str) -> None:
    detector = FaultyDetector(fault)
    parts = {"detoxifier": FakeDetoxifier({"bomb": "cake"}), "policy": policy_for(fault, LATER)}
    with Guard([FakeDetector({"bomb": 0.9}), detector], **parts) as guard:
        outcome = WAYS[way](guard, on(Surface.OUTPUT, HARMFUL))
    detector.release()
    assert (outcome.verdict.action, outcome.status) == (Action.BLOCK, Status.FLAGGED)
    assert outcome.failures
    assert "bomb" not in outcome.text


@ways
@pytest.mark.parametrize("fault", FaultyReader.faults())
def test_a_faulty_reader_stops_text_and_image(fault: Fault, way: str) -> None:
    reader = FaultyReader(fault)
    with Guard([FakeDetector()], policy=policy_for(fault), decoder=FakeDecoder(), reader=reader) as guard:
        for surface in Surface:
            assert_failed_look(WAYS[way](guard, on(surface, BENIGN, images=(Image(b"one"),))), BENIGN)
    reader.release()


@ways
@pytest.mark.parametrize("fault", FaultyDecoder.faults())
def test_a_faulty_decoder_stops_text_and_image(fault: Fault, way: str) -> None:
    decoder = FaultyDecoder(fault)
    with Guard([FakeDetector()], policy=policy_for(fault), decoder=decoder, reader=FakeReader()) as guard:
        for surface in Surface:
            assert_failed_look(WAYS[way](guard, on(surface, BENIGN, images=(Image(b"one"),))), BENIGN)
    decoder.release()


@ways
@pytest.mark.parametrize("fault", FaultyDetoxifier.faults())
def test_a_faulty_detoxifier_leads_to_a_refusal(fault: Fault, way: str) -> None:
    detoxifier = FaultyDetoxifier(fault)
    with Guard([FakeDetector({"bomb": 0.9})], policy=policy_for(fault, LATER), detoxifier=detoxifier) as guard:
        for surface in (Surface.OUTPUT, Surface.TOOL_RESULT, Surface.RETRIEVED):
            outcome = WAYS[way](guard, on(surface, HARMFUL))
            assert (outcome.verdict.action, outcome.status) == (Action.BLOCK, Status.FLAGGED)
            assert "bomb" not in outcome.text
            assert outcome.failures or fault in (Fault.STILL_HARMFUL, Fault.BLANK)
    detoxifier.release()


@pytest.mark.parametrize("fault", FaultyDetector.faults())
def test_a_detector_that_fails_only_on_the_rewrite_leads_to_a_refusal(fault: Fault) -> None:
    detector = FaultyDetector(fault, poison="cake")
    parts = {"detoxifier": FakeDetoxifier({"bomb": "cake"}), "policy": policy_for(fault, LATER)}
    with Guard([FakeDetector({"bomb": 0.9}), detector], **parts) as guard:
        outcome = guard.check(response=HARMFUL)
    detector.release()
    assert (outcome.verdict.action, outcome.status) == (Action.BLOCK, Status.FLAGGED)
    assert outcome.failures


@pytest.mark.parametrize("fault", sorted(set(FaultyDetector.faults()) - {Fault.HANGS}))
def test_one_poisonous_text_in_a_batch_leaves_the_others_as_they_are(fault: Fault) -> None:
    exchanges = [on(Surface.OUTPUT, f"text {number}") for number in range(32)]
    exchanges[13] = on(Surface.OUTPUT, "text 13 with poison")
    faulty = Guard([FaultyDetector(fault, poison="poison", inner=FakeDetector({"text 7": 0.9}))])
    outcomes = faulty.check_many(exchanges)
    assert_failed_look(outcomes[13], "poison")
    honest = Guard([FakeDetector({"text 7": 0.9}, name="faulty")])
    for number in set(range(32)) - {13}:
        alone = honest.check(exchanges[number])
        assert (outcomes[number].text, outcomes[number].verdict) == (alone.text, alone.verdict)
        assert (outcomes[number].failures, outcomes[number].coverage) == ((), alone.coverage)


CANARY = "canary-5f0c2a"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FaultyDetector.faults())
def test_nothing_that_is_printed_or_logged_holds_the_content(
    fault: Fault, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    detector = FaultyDetector(fault, poison=CANARY)
    policy = Policy.from_mapping({"deadlines": {"text": 0.05}}) if fault is Fault.HANGS else None
    exchange = on(Surface.TOOL_RESULT, f"bomb {CANARY}", prompt=CANARY, history=(CANARY,))
    with caplog.at_level(logging.DEBUG), Guard([FakeDetector({"bomb": 0.9}), detector], policy=policy) as guard:
        outcome = WAYS[way](guard, exchange)
    detector.release()
    assert CANARY not in repr(outcome) + repr(exchange) + repr(guard) + outcome.text + caplog.text


def test_what_passes_between_flow_and_roles_shows_no_content() -> None:
    assert CANARY not in repr(Effect(Stage.TEXT, (CANARY,))) + repr(Answer((CANARY,)))
