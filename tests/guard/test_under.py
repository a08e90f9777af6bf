import pytest

from eyelid.errors import HarmfulContentError, InputError, PolicyError
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.testing import FakeDetector, FakeDetoxifier
from eyelid.types import Action, Exchange, Status, Surface


def guard() -> Guard:
    return Guard([FakeDetector({"bomb": 0.9})], detoxifier=FakeDetoxifier({"bomb": "cake"}))


def test_a_guard_under_another_policy_shares_all_but_the_rules() -> None:
    first = guard()
    second = first.under(first.policy.adjust(Surface.OUTPUT, strategy="block"))
    assert second.check(response="a bomb").verdict.action is Action.BLOCK
    assert first.check(response="a bomb").text == "a cake"
    assert second.check(response="a bomb", surface=Surface.TOOL_RESULT).text == "a cake"
    third = second.under(second.policy.adjust(strategy="raise"))
    with pytest.raises(HarmfulContentError):
        third.check(response="a bomb", surface=Surface.TOOL_RESULT)
    assert first._by_name is third._by_name
    with pytest.raises(PolicyError, match="did you mean 'fake'"):
        first.under(Policy.from_mapping({"surfaces": {"output": {"detectors": ["fakr"]}}}))


def test_adjusting_a_policy_names_what_it_does_not_know() -> None:
    policy = Policy.preset()
    assert policy.adjust(Surface.INPUT, on_failure="allow").for_surface(Surface.INPUT).on_failure == "allow"
    assert policy.adjust(Surface.INPUT, on_failure="allow").for_surface(Surface.OUTPUT).on_failure == "block"
    with pytest.raises(PolicyError, match="did you mean 'rewrite'"):
        policy.adjust(strategy="rewrit")
    with pytest.raises(PolicyError, match="did you mean 'output'"):
        policy.adjust("outpt")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["tea", "bomb", ""])
def test_parts_that_nobody_can_look_at_are_a_failed_look(text: str) -> None:
    first = guard()
    outcome = first.check(Exchange(response=text, uninspectable=2))
    assert outcome.verdict.action is Action.BLOCK
    assert outcome.failures[0].code == "uninspectable"
    assert not outcome.coverage.complete
    trusting = first.under(first.policy.adjust(on_failure="allow"))
    assert trusting.check(Exchange(response="tea", uninspectable=2)).text == "tea"
    assert trusting.check(Exchange(response="bomb", uninspectable=2)).text == "cake"
    assert first.check(Exchange(response="tea")).status is Status.CLEAN
    with pytest.raises(InputError, match="0 or more"):
        Exchange(uninspectable=-1)
