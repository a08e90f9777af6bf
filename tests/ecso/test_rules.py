"""Rules say what they allow, and the requests carry what the paper says they carry."""

import re
from pathlib import Path

import pytest

from eyelid.ecso import EcsoRules, answer_request, caption_request, judge_request
from eyelid.errors import ConfigurationError, PolicyError
from eyelid.policy import Policy
from eyelid.types import Image

IMAGES = (Image(b"one"), Image(b"two"))


def test_the_judge_sees_request_answer_and_image() -> None:
    asked = judge_request(EcsoRules(), "what is this", "a thing", IMAGES)
    assert "what is this" in asked.prompt
    assert "a thing" in asked.prompt
    assert (asked.images, asked.options, asked.temperature) == (IMAGES, ("yes", "no"), 0.0)
    assert judge_request(EcsoRules(image_in_judge=False), "q", "a", IMAGES).images == ()


def test_the_caption_is_made_for_the_request() -> None:
    assert "what is this" in caption_request(EcsoRules(), "what is this", IMAGES).prompt
    plain = caption_request(EcsoRules(query_aware=False), "what is this", IMAGES)
    assert "what is this" not in plain.prompt
    assert plain.images == IMAGES


def test_the_last_step_has_the_caption_and_no_image() -> None:
    asked = answer_request(EcsoRules(), "what is this", "a red sign", IMAGES)
    assert "what is this" in asked.prompt
    assert "a red sign" in asked.prompt
    assert asked.images == ()
    assert answer_request(EcsoRules(image_in_answer=True), "q", "c", IMAGES).images == IMAGES


def test_the_release_judges_the_first_1927_characters() -> None:
    answer = "x" * 1927 + "tail"
    asked = judge_request(EcsoRules.preset("release"), "q", answer, IMAGES)
    assert "x" * 1927 in asked.prompt
    assert "tail" not in asked.prompt
    assert "tail" in judge_request(EcsoRules(), "q", answer, IMAGES).prompt


def test_the_papers_own_wording_can_be_given() -> None:
    rules = EcsoRules(judge="{query}|{response}?", caption="{query}!", answer="{caption}>{query}", hardened=False)
    assert judge_request(rules, "q", "a", ()).prompt == "q|a?"
    assert caption_request(rules, "q", ()).prompt == "q!"
    assert answer_request(rules, "q", "c", ()).prompt == "c>q"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"judge": "{query}"}, "misses {response}"),
        ({"answer": "{caption} {query} {image}"}, "has {image}"),
        ({"parser": "robustt"}, "did you mean 'robust'"),
        ({"unparsable": "maybe"}, "unparsable"),
        ({"budget": 0}, "at least 1"),
        ({"max_judged": 0}, "at least 1"),
        ({"temperature": float("nan")}, "temperature"),
    ],
)
def test_rules_that_cannot_be_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        EcsoRules(**changes)  # type: ignore[arg-type]


def test_a_policy_file_may_hold_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[surfaces.output]\nstrategy = "reask"\n[ecso]\npreset = "release"\nparser = "logits"\nbudget = 64\n'
    )
    ecso = Policy.from_toml(file).ecso
    assert (ecso.parser, ecso.budget, ecso.unparsable, ecso.max_judged) == ("logits", 64, "safe", 1927)
    assert Policy.preset().ecso == EcsoRules()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"parsr": "logits"}, "parser"),
        ({"preset": "releas"}, "release"),
        ({"budget": "many"}, "budget is a str"),
        ({"hardened": 1}, "hardened is a int"),
        ({"judge": "no fields"}, "ecso"),
    ],
)
def test_a_wrong_table_is_named(table: dict[str, object], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        Policy.from_mapping({"ecso": table})
