"""The roles of a guard asked directly, for a guard elsewhere."""

import asyncio

import pytest

from eyelid import Failure, Guard, Policy, Surface
from eyelid.protocols import Assessment, RewriteRequest, ScoreRequest
from eyelid.testing import FakeDetector, FakeDetoxifier, FaultyDetector


def guard_of(*detectors: FakeDetector | FaultyDetector, policy: Policy | None = None) -> Guard:
    return Guard(detectors, policy=policy, detoxifier=FakeDetoxifier({"poison": "flowers"}))


def test_the_worst_of_all_detectors_counts() -> None:
    with guard_of(FakeDetector({"poison": 0.4}), FakeDetector({"poison": 0.9, "tea": 0.2}, name="other")) as guard:
        first, second = guard.score([ScoreRequest("poison"), ScoreRequest("tea")])
    assert isinstance(first, Assessment)
    assert isinstance(second, Assessment)
    assert (first.scores["harm"], second.scores["harm"]) == (0.9, 0.2)
    assert [span.score for span in first.spans] == [0.9, 0.4]
    assert (first.covered, first.looks) == (len("poison"), 2)


def test_one_detector_that_fails_is_a_failure_of_the_text_alone() -> None:
    with guard_of(FakeDetector(), FaultyDetector("raises", poison="bad")) as guard:
        good, bad = guard.score([ScoreRequest("good"), ScoreRequest("bad")])
    assert isinstance(good, Assessment)
    assert isinstance(bad, Failure)


def test_only_the_detectors_of_a_surface_are_asked() -> None:
    policy = Policy.from_mapping({"surfaces": {"input": {"detectors": ["second"]}}})
    first, second = FakeDetector({"x": 0.9}, name="first"), FakeDetector(name="second")
    with guard_of(first, second, policy=policy) as guard:
        found = guard.score([ScoreRequest("x", surface=Surface.INPUT), ScoreRequest("x")])
    assert [each.scores["harm"] for each in found if isinstance(each, Assessment)] == [0.0, 0.9]
    assert (first.log.sizes, second.log.sizes) == ([1], [2])


def test_rewriting() -> None:
    with guard_of(FakeDetector()) as guard:
        assert guard.rewrite([RewriteRequest("poison")]) == ["flowers"]
    with Guard([FakeDetector()]) as guard:
        (failure,) = guard.rewrite([RewriteRequest("poison")])
    assert isinstance(failure, Failure)
    assert failure.code == "unsupported"


@pytest.mark.parametrize("texts", [[], ["poison", "tea"]])
def test_both_twins_give_the_same(texts: list[str]) -> None:
    with guard_of(FakeDetector({"poison": 0.9})) as guard:
        scoring, rewriting = [ScoreRequest(text) for text in texts], [RewriteRequest(text) for text in texts]
        assert asyncio.run(guard.ascore(scoring)) == guard.score(scoring)
        assert asyncio.run(guard.arewrite(rewriting)) == guard.rewrite(rewriting)
