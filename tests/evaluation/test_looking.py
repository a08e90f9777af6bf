from eyelid.evaluation.looking import check_all, flagged, stopped
from eyelid.evaluation.recording import RecordingDetector
from eyelid.guard import Guard
from eyelid.protocols import ScoreRequest
from eyelid.testing import FakeDetector, FaultyDetector
from eyelid.types import Exchange


def test_outcomes_come_in_order_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    texts = ["Fine.", "A zorb.", "Fine.", "Fine.", "A zorb."]
    with Guard([FakeDetector({"zorb": 0.9})]) as guard:
        asked = [Exchange(response=text) for text in texts]
        outcomes = check_all(guard, asked, batch=2, progress=lambda done, of: told.append((done, of)))
    assert [flagged(outcome) for outcome in outcomes] == ["zorb" in text for text in texts]
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_failed_look_is_stopped_and_not_flagged() -> None:
    with Guard([FaultyDetector("nan")]) as guard:
        (outcome,) = check_all(guard, [Exchange(response="Fine.")])
    assert stopped(outcome)
    assert not flagged(outcome)


def test_a_recording_detector_knows_what_it_saw() -> None:
    detector = RecordingDetector(FakeDetector({"zorb": 0.9}))
    (found,) = detector.score([ScoreRequest("The  Door\nis open.")])
    assert found == FakeDetector().score([ScoreRequest("The  Door\nis open.")])[0]
    assert detector.saw("the door is")
    assert not detector.saw("the window is")
    detector.forget()
    assert not detector.saw("the door is")


def test_what_was_seen_in_part_was_not_seen() -> None:
    detector = RecordingDetector(FaultyDetector("partial"))
    detector.score([ScoreRequest("The door is open.")])
    assert not detector.saw("The door")
