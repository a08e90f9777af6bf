import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import PolicyError
from eyelid.policy import PRESETS, Deadlines, EngineRules, Policy, SurfacePolicy
from eyelid.taxonomy import Category
from eyelid.types import Action, Scores, Strategy, Surface

probabilities = st.floats(0.0, 1.0)


def changed(**surface: object) -> Policy:
    return Policy.from_mapping({"surfaces": {"output": surface}})


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_something_about_every_surface(name: str) -> None:
    policy = Policy.preset(name)
    assert set(policy.surfaces) == set(Surface)
    assert all({"harm", "injection"} <= set(policy.for_surface(surface).thresholds) for surface in Surface)
    assert all(policy.for_surface(surface).on_failure == "block" for surface in Surface)


def test_strict_is_nowhere_more_lenient_than_balanced() -> None:
    strict, balanced = Policy.preset("strict"), Policy.preset("balanced")
    for surface in Surface:
        lower, higher = strict.for_surface(surface).thresholds, balanced.for_surface(surface).thresholds
        assert all(lower[category] <= threshold for category, threshold in higher.items())


def test_a_file_says_only_what_differs_from_its_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "strict"\n[surfaces.output]\nthresholds = { harm = 0.42 }\n')
    policy, strict = Policy.from_toml(file), Policy.preset("strict")
    output, same = policy.for_surface(Surface.OUTPUT), strict.for_surface(Surface.OUTPUT)
    assert output.thresholds["harm"] == 0.42
    assert output.thresholds["injection"] == same.thresholds["injection"]
    assert output.strategy is Strategy.BLOCK
    assert policy.for_surface(Surface.INPUT) == strict.for_surface(Surface.INPUT)
    assert policy.name == "mine"


def test_a_surface_may_have_its_own_strategy_detectors_and_failure_rule() -> None:
    rules = changed(strategy="raise", detectors=["one"], on_failure="allow").for_surface(Surface.OUTPUT)
    assert (rules.strategy, rules.detectors, rules.on_failure) == (Strategy.RAISE, ("one",), "allow")


@pytest.mark.parametrize(
    ("changes", "nearest"),
    [
        ({"stratgy": "block"}, "strategy"),
        ({"presets": "strict"}, "preset"),
        ({"preset": "balancd"}, "balanced"),
        ({"strategy": "rewrit"}, "rewrite"),
        ({"deadlines": {"txt": 1.0}}, "text"),
        ({"engine": {"cache": 16}}, "cache_mb"),
        ({"engin": {}}, "engine"),
        ({"surfaces": {"outputs": {}}}, "output"),
        ({"surfaces": {"output": {"treshold": {}}}}, "thresholds"),
        ({"surfaces": {"output": {"on_failure": "alow"}}}, "allow"),
        ({"surfaces": {"output": {"thresholds": {"harms": 0.5}}}}, "harm"),
        ({"surfaces": {"output": {"thresholds": {"selfharm": 0.5}}}}, "self_harm"),
        ({"refusals": {"self-harm": "text"}}, "self_harm"),
    ],
)
def test_an_unknown_name_is_refused_naming_the_nearest_known_one(changes: dict[str, object], nearest: str) -> None:
    with pytest.raises(PolicyError, match=f"did you mean '{nearest}'"):
        Policy.from_mapping(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"surfaces": {"output": {"thresholds": {"harm": math.nan}}}},
        {"surfaces": {"output": {"thresholds": {"harm": 1.1}}}},
        {"surfaces": {"output": {"thresholds": {"harm": -0.1}}}},
        {"surfaces": {"output": {"thresholds": {"harm": "0.5"}}}},
        {"surfaces": {"output": {"thresholds": {"harm": True}}}},
        {"surfaces": {"output": {"detectors": []}}},
        {"surfaces": 3},
        {"deadlines": {"text": 0.0}},
        {"deadlines": {"text": math.nan}},
        {"deadlines": {"image": math.inf}},
        {"max_characters": 0},
        {"enforce": "no"},
        {"engine": {"cache_mb": -1}},
        {"engine": {"cache_mb": 1.5}},
        {"engine": True},
    ],
)
def test_a_value_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        Policy.from_mapping(changes)


def test_nothing_is_spared_in_strict() -> None:
    assert Policy.preset("strict").engine == EngineRules(cache_mb=0)
    assert Policy.preset("balanced").engine == EngineRules(cache_mb=16)
    assert Policy.from_mapping({"preset": "strict", "engine": {"cache_mb": 1}}).engine.cache_mb == 1


def test_a_policy_built_by_hand_is_held_to_the_same_rules() -> None:
    with pytest.raises(PolicyError, match="nan"):
        SurfacePolicy(thresholds={"harm": math.nan})
    with pytest.raises(PolicyError, match="judge nothing"):
        SurfacePolicy(thresholds={})
    with pytest.raises(PolicyError, match=r"surfaces\.input"):
        Policy(surfaces={}, refusals={"default": "no", "failed": "no"}, deadlines=Deadlines(1, 1, 1))


def test_a_file_that_cannot_be_read_is_a_policy_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        Policy.from_toml(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff = ")
    with pytest.raises(PolicyError, match="not valid TOML"):
        Policy.from_toml(broken)


@given(probabilities, probabilities, probabilities)
def test_content_is_allowed_exactly_below_every_threshold(harm: float, injection: float, threshold: float) -> None:
    policy = changed(thresholds={"harm": threshold, "injection": threshold})
    verdict = policy.decide(Scores(harm=harm, injection=injection), Surface.OUTPUT)
    assert (verdict.action is Action.ALLOW) == (harm < threshold and injection < threshold)
    assert (verdict.category == "") == (verdict.action is Action.ALLOW)
    assert verdict.score in (harm, injection)


@given(probabilities, probabilities)
def test_a_higher_score_is_never_judged_more_leniently(low: float, high: float) -> None:
    low, high = sorted((low, high))
    policy = Policy.preset("balanced")
    for surface in Surface:
        if policy.decide(Scores(harm=low), surface).category:
            assert policy.decide(Scores(harm=high), surface).category


def test_the_verdict_names_the_finest_category_known() -> None:
    policy = Policy.preset("balanced")
    assert policy.decide(Scores(harm=0.9), Surface.OUTPUT).category == Category.HARM
    assert policy.decide(Scores(harm=0.9, hate=0.2, privacy=0.1), Surface.OUTPUT).category == Category.HATE
    assert policy.decide(Scores(injection=0.9, hate=0.2), Surface.OUTPUT).category == Category.INJECTION


def test_the_verdict_is_for_what_is_furthest_above_its_threshold() -> None:
    policy = changed(thresholds={"harm": 0.8, "injection": 0.2})
    assert policy.decide(Scores(harm=0.9, injection=0.6), Surface.OUTPUT).category == Category.INJECTION


def test_a_finer_category_is_judged_where_it_has_a_threshold() -> None:
    scores = Scores(self_harm=0.3)
    assert changed().decide(scores, Surface.OUTPUT).action is Action.ALLOW
    assert changed(thresholds={"self_harm": 0.2}).decide(scores, Surface.OUTPUT).category == Category.SELF_HARM


def test_monitor_finds_the_same_and_stops_nothing() -> None:
    verdict = Policy.preset("monitor").decide(Scores(harm=0.99), Surface.OUTPUT)
    assert (verdict.action, verdict.category) == (Action.ALLOW, Category.HARM)
    assert verdict.reason.startswith("not enforced")


def test_a_refusal_offers_help_where_someone_may_be_in_danger() -> None:
    policy = Policy.preset("balanced")
    assert "emergency" in policy.refusal(Surface.OUTPUT, Category.SELF_HARM)
    assert policy.refusal(Surface.OUTPUT, Category.ELECTIONS) == policy.refusals["default"]
    assert policy.refusal(Surface.TOOL_RESULT, Category.SELF_HARM) == policy.surfaces[Surface.TOOL_RESULT].refusal


def test_a_verdict_of_the_model_must_have_a_threshold_to_reach() -> None:
    policy = Policy.preset()
    injections = {Category.INJECTION: 0.5}
    bare = {surface: replace(rules, thresholds=injections) for surface, rules in policy.surfaces.items()}
    assert replace(policy, surfaces=bare).adjust(Surface.TOOL_RESULT, strategy="reask")  # rewrites, there
    with pytest.raises(PolicyError, match="name no harm"):
        replace(policy, surfaces=bare).adjust(Surface.OUTPUT, strategy="reask")
