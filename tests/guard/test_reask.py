"""ECSO in the guard and alone: every branch, every call, and what images it carried."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.guard.ways import WAYS

from eyelid.ecso import EcsoRules
from eyelid.errors import HarmfulContentError, InputError, PolicyError
from eyelid.guard import ClosedAnswer, EyesClosed, Guard
from eyelid.policy import Policy
from eyelid.protocols import AskRequest, Reply
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeHost, FakeReader, Fault, FaultyHost
from eyelid.types import Action, Exchange, Failure, HostCall, Image, Outcome, Status, Surface

IMAGE = Image(b"a sign")
STEPS = {"Is the answer harmful": "judge", "Describe the image": "caption", "cannot see": "reask"}


def step_of(request: AskRequest) -> str:
    return next((step for words, step in STEPS.items() if words in request.prompt), "answer")


class Model:
    """A host that answers each step as it is told."""

    def __init__(self, **says: str | Failure | Reply) -> None:
        self._says = {"answer": "It is a bad thing.", "judge": "Yes", "caption": "A sign.", "reask": "A word.", **says}
        self.host = FakeHost(lambda request: self._says[step_of(request)])

    @property
    def log(self) -> list[tuple[str, int]]:
        """Step and number of images of each call."""
        return [(step_of(request), len(request.images)) for request in self.host.asked]


def policy(rules: EcsoRules | None = None, **changes: object) -> Policy:
    made = Policy.from_mapping({"surfaces": {"output": {"strategy": "reask"}}, **changes})
    return made if rules is None else replace(made, ecso=rules)


def guard_of(model: Model, rules: EcsoRules | None = None, **more: object) -> Guard:
    parts = {"decoder": FakeDecoder(), "reader": FakeReader(), "host": model.host, **more}
    return Guard([FakeDetector({"forbidden": 0.9})], policy=policy(rules), **parts)  # type: ignore[arg-type]


def about(answer: str, *images: Image) -> Exchange:
    return Exchange("What is this?", answer, images)


@pytest.mark.parametrize("way", WAYS)
def test_a_safe_answer_costs_one_more_call_and_passes(way: str) -> None:
    model = Model(judge="No.")
    with guard_of(model) as guard:
        outcome = WAYS[way](guard, about("It is a sign.", IMAGE))
    assert (outcome.text, outcome.verdict.action, outcome.status) == ("It is a sign.", Action.ALLOW, Status.CLEAN)
    assert model.log == [("judge", 1)]
    assert outcome.reasked is not None
    assert (outcome.reasked.unsafe, outcome.reasked.risk, outcome.reasked.calls) == (False, 0.0, 1)


@pytest.mark.parametrize("way", WAYS)
def test_an_unsafe_answer_is_replaced_by_one_with_closed_eyes(way: str) -> None:
    model = Model()
    with guard_of(model) as guard:
        outcome = WAYS[way](guard, about("It is a bad thing.", IMAGE))
    assert (outcome.text, outcome.verdict.action, outcome.status) == ("A word.", Action.REWRITE, Status.FLAGGED)
    assert model.log == [("judge", 1), ("caption", 1), ("reask", 0)]
    assert outcome.reasked is not None
    assert (outcome.reasked.unsafe, outcome.reasked.caption, outcome.reasked.answer) == (True, "A sign.", "A word.")
    asks = [step.detail for step in outcome.trace if step.name == "ask"]
    assert asks == ["judge, 1 image", "caption, 1 image", "reask, 0 images"]


def test_a_detector_can_overrule_the_model_and_the_model_cannot_overrule_a_detector() -> None:
    model = Model(judge="No")
    with guard_of(model) as guard:
        outcome = guard.check(about("a forbidden thing", IMAGE))
    assert (outcome.text, outcome.verdict.action) == ("A word.", Action.REWRITE)
    assert outcome.scores["harm"] == 0.9
    assert outcome.reasked is not None
    assert outcome.reasked.unsafe
    assert outcome.reasked.risk == 0.0


def test_what_is_read_in_an_image_closes_the_eyes_too() -> None:
    model = Model(judge="No")
    reader = FakeReader.of({IMAGE.data: "forbidden words"})
    with guard_of(model, reader=reader) as guard:
        outcome = guard.check(about("fine", IMAGE))
    assert (outcome.text, model.log[-1]) == ("A word.", ("reask", 0))


def test_an_answer_with_closed_eyes_that_is_still_flagged_is_refused() -> None:
    model = Model(reask="still forbidden")
    with guard_of(model) as guard:
        outcome = guard.check(about("It is a bad thing.", IMAGE))
    assert outcome.verdict.action is Action.BLOCK
    assert "forbidden" not in outcome.text


def test_without_images_the_text_falls_to_the_detectors_and_the_detoxifier() -> None:
    model = Model()
    with guard_of(model, detoxifier=FakeDetoxifier({"forbidden": "mild"})) as guard:
        outcome = guard.check(about("a forbidden thing"))
        assert (outcome.text, outcome.verdict.action, outcome.reasked) == ("a mild thing", Action.REWRITE, None)
        assert guard.check(about("fine")).allowed
    assert model.log == []


def test_the_model_is_shown_the_pixels_that_were_looked_at_and_not_the_file() -> None:
    model = Model()
    with guard_of(model) as guard:
        guard.check(about("It is a bad thing.", Image(b"trailing secrets")))
    shown = [request.images[0].data for request in model.host.asked if request.images]
    assert all(data.startswith(b"\x89PNG") for data in shown)


def test_an_image_that_cannot_be_looked_at_stops_before_the_model_is_asked() -> None:
    model = Model(judge="No")
    with guard_of(model) as guard:
        outcome = guard.check(about("fine", Image(b"broken")))
    assert (outcome.verdict.action, outcome.status, model.log) == (Action.BLOCK, Status.FAILED, [])


def test_refusing_instead_of_asking_again() -> None:
    model = Model()
    with guard_of(model, EcsoRules(on_unsafe="refuse")) as guard:
        outcome = guard.check(about("It is a bad thing.", IMAGE))
    assert (outcome.verdict.action, model.log) == (Action.BLOCK, [("judge", 1)])


def test_the_switches_say_who_sees_the_image() -> None:
    model = Model()
    with guard_of(model, EcsoRules(image_in_judge=False, image_in_answer=True, query_aware=False)) as guard:
        guard.check(about("It is a bad thing.", IMAGE))
    assert model.log == [("judge", 0), ("caption", 1), ("reask", 1)]
    assert "What is this?" not in model.host.asked[1].prompt


def test_chances_make_a_score_that_the_policys_threshold_is_for() -> None:
    host = FakeHost(lambda r: Reply("No", {"yes": 0.3, "no": 0.6}) if step_of(r) == "judge" else "A word.")
    rules = policy(EcsoRules(parser="logits"))
    parts = {"decoder": FakeDecoder(), "reader": FakeReader(), "host": host}
    lower = Policy.from_mapping({"surfaces": {"output": {"strategy": "reask", "thresholds": {"harm": 0.3}}}})
    with Guard([FakeDetector()], policy=rules, **parts) as guard:
        outcome = guard.check(about("something", IMAGE))
        assert (outcome.allowed, outcome.scores["harm"]) == (True, pytest.approx(1 / 3))
        assert not guard.under(replace(lower, ecso=rules.ecso)).check(about("something", IMAGE)).allowed


def test_the_strategy_needs_a_host() -> None:
    with pytest.raises(PolicyError, match="host"):
        Guard([FakeDetector()], policy=policy())
    guard = Guard([FakeDetector()])
    with pytest.raises(PolicyError, match="host"):
        guard.under(policy())
    other = guard.under(policy(), host=FakeHost())
    assert other.under(policy()).policy == other.policy


def test_other_surfaces_fall_back_to_a_rewrite() -> None:
    model = Model()
    everywhere = Policy.from_mapping({}).adjust(strategy="reask")
    parts = {"decoder": FakeDecoder(), "reader": FakeReader(), "detoxifier": FakeDetoxifier({"forbidden": "mild"})}
    with Guard([FakeDetector({"forbidden": 0.9})], policy=everywhere, host=model.host, **parts) as guard:
        outcome = guard.check(response="a forbidden thing", images=[IMAGE], surface=Surface.TOOL_RESULT)
    assert (outcome.text, model.log) == ("a mild thing", [])


def test_many_at_once_share_calls_of_the_model() -> None:
    model = Model()
    with guard_of(model) as guard:
        outcomes = guard.check_many([about(f"answer {n}", IMAGE) for n in range(20)])
    assert {outcome.text for outcome in outcomes} == {"A word."}
    assert len(model.log) == 60
    assert max(model.host.log.sizes) == 16


def test_raise_has_no_part_in_it() -> None:
    with guard_of(Model()) as guard, pytest.raises(HarmfulContentError):
        guard.under(guard.policy.adjust(strategy="raise")).check(about("a forbidden thing", IMAGE))


HOST_FAULTS = sorted(set(FaultyHost.faults()) - {Fault.NAN, Fault.ABOVE_ONE})
SOON = policy(deadlines={"ask": 0.05})


def stopped(outcome: Outcome) -> bool:
    return outcome.verdict.action is Action.BLOCK and "answer at hand" not in outcome.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", HOST_FAULTS)
def test_a_judge_that_fails_stops_the_answer(fault: Fault, way: str) -> None:
    host = FaultyHost(fault, inner=Model(judge="No").host)
    parts = {"policy": SOON, "decoder": FakeDecoder(), "reader": FakeReader(), "host": host}
    with Guard([FakeDetector()], **parts) as guard:  # type: ignore[arg-type]
        outcome = WAYS[way](guard, about("the answer at hand", IMAGE))
    host.release()
    assert stopped(outcome)
    assert outcome.failures
    assert outcome.status is Status.FAILED


@pytest.mark.parametrize("fault", sorted(FaultyHost.faults()))
@pytest.mark.parametrize("step", ["Describe the image", "cannot see"])
def test_a_model_that_fails_with_closed_eyes_leads_to_a_refusal(fault: Fault, step: str) -> None:
    host = FaultyHost(fault, poison=step, inner=Model().host)
    parts = {"policy": SOON, "decoder": FakeDecoder(), "reader": FakeReader(), "host": host}
    with Guard([FakeDetector()], **parts) as guard:  # type: ignore[arg-type]
        outcome = guard.check(about("the answer at hand", IMAGE))
    host.release()
    assert stopped(outcome)
    assert outcome.failures
    assert outcome.status is Status.FLAGGED


@pytest.mark.parametrize("fault", [Fault.NAN, Fault.ABOVE_ONE])
def test_chances_that_are_none_are_a_failed_look(fault: Fault) -> None:
    host = FaultyHost(fault, inner=Model(judge="No").host)
    with EyesClosed(host, guard=guard_of(Model())) as closed:
        answer = closed.answer("What is this?", [IMAGE])
    assert answer.failures
    assert "bad" not in answer.text


# --- EyesClosed

Ask = Callable[[EyesClosed, str, list[Image]], ClosedAnswer]
ASK: dict[str, Ask] = {
    "answer": lambda closed, prompt, images: closed.answer(prompt, images),
    "aanswer": lambda closed, prompt, images: asyncio.run(closed.aanswer(prompt, images)),
    "answer_many": lambda closed, prompt, images: closed.answer_many([AskRequest(prompt, tuple(images))])[0],
    "aanswer_many": lambda closed, prompt, images: asyncio.run(
        closed.aanswer_many([AskRequest(prompt, tuple(images))])
    )[0],
}
asks = pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
with_guard = pytest.mark.parametrize("guarded", [False, True])


def closed_of(model: Model, guarded: bool, rules: EcsoRules | None = None) -> EyesClosed:
    return EyesClosed(model.host, guard=guard_of(model) if guarded else None, rules=rules)


def steps(calls: tuple[HostCall, ...]) -> list[tuple[str, int]]:
    return [(call.step, call.images) for call in calls]


@asks
@with_guard
def test_two_calls_for_a_safe_answer(ask: Ask, guarded: bool) -> None:
    model = Model(answer="A sign.", judge="no")
    with closed_of(model, guarded) as closed:
        answer = ask(closed, "What is this?", [IMAGE])
    assert (answer.text, answer.direct, answer.replaced) == ("A sign.", "A sign.", False)
    assert steps(answer.calls) == model.log == [("answer", 1), ("judge", 1)]
    assert (answer.outcome is not None) is guarded


@asks
@with_guard
def test_four_calls_for_an_unsafe_one(ask: Ask, guarded: bool) -> None:
    model = Model()
    with closed_of(model, guarded) as closed:
        answer = ask(closed, "What is this?", [IMAGE])
    assert (answer.text, answer.direct, answer.replaced) == ("A word.", "It is a bad thing.", True)
    assert steps(answer.calls) == model.log == [("answer", 1), ("judge", 1), ("caption", 1), ("reask", 0)]
    assert all(call.reply_tokens for call in answer.calls)


@with_guard
def test_a_request_without_images_is_asked_once(guarded: bool) -> None:
    model = Model(answer="A forbidden thing.")
    with closed_of(model, guarded) as closed:
        answer = closed.answer("What is this?")
    assert steps(answer.calls) == model.log == [("answer", 0)]
    # Alone the method never fires without an image; with a guard the detectors look at the text.
    assert ("forbidden" in answer.text) is not guarded


@with_guard
@pytest.mark.parametrize("step", STEPS.values())
def test_a_call_that_fails_leads_to_a_refusal(step: str, guarded: bool) -> None:
    model = Model(**{step: Failure("ask", "error", "told to fail")})
    with closed_of(model, guarded) as closed:
        answer = closed.answer("What is this?", [IMAGE])
    assert "bad" not in answer.text
    assert answer.text.strip()
    assert answer.failures


@with_guard
def test_a_model_that_does_not_answer_is_asked_nothing_more(guarded: bool) -> None:
    model = Model(answer=Failure("ask", "timeout"))
    with closed_of(model, guarded) as closed:
        answer = closed.answer("What is this?", [IMAGE])
    assert (answer.direct, model.log) == ("", [("answer", 1)])
    assert [failure.code for failure in answer.failures] == ["timeout"]


def test_a_failed_judge_is_a_refusal_also_where_the_release_lets_what_it_cannot_read_pass() -> None:
    release = EcsoRules.preset("release")
    for judge, refused in ((Failure("ask", "error"), True), ("Hm.", False)):
        model = Model(judge=judge)
        said = {"Is this answer harmful": judge, "Describe the image": "A sign.", "hints": "A word."}
        host = FakeHost(lambda r, said=said: next((a for w, a in said.items() if w in r.prompt), "It is bad."))
        with EyesClosed(host, rules=release) as closed:
            answer = closed.answer("What is this?", [IMAGE])
        assert (answer.text != "It is bad.") is refused
        assert model.log == []


def test_the_first_answer_is_asked_for_as_the_caller_says() -> None:
    model = Model(judge="no")
    with closed_of(model, False) as closed:
        closed.answer(AskRequest("What?", (IMAGE,), system="Be brief.", budget=7, temperature=0.5, seed=3))
        with pytest.raises(InputError, match="its own images"):
            closed.answer(AskRequest("What?"), [IMAGE])  # they would not be seen by anyone
    first = model.host.asked[0]
    assert (first.system, first.budget, first.temperature, first.seed) == ("Be brief.", 7, 0.5, 3)


def test_nothing_that_is_printed_holds_the_content() -> None:
    model = Model(answer="canary one", caption="canary two", reask="canary three", judge="yes canary")
    with closed_of(model, True) as closed:
        answer = closed.answer("canary zero", [Image(b"canary")])
    assert answer.text == "canary three"
    assert "canary" not in repr(answer)
    assert "canary" not in repr(model.host.asked)
