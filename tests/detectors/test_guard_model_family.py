"""Family files: those that come along are whole, and a wrong one is named; trees of answers are distributions."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detectors.guards import SMALL

from eyelid.detectors import FAMILIES, GuardFamily
from eyelid.detectors._guard_model_choices import Choices, with_ends
from eyelid.errors import ConfigurationError
from eyelid.taxonomy import LLAMA_GUARD, Category

PATHS = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3).map(tuple), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_whole(name: str) -> None:
    family = GuardFamily.named(name)
    assert family.name == name
    assert set(family.forms) == {"prompt", "answer"}
    assert all(isinstance(category, Category) for category in family.codes.values())


@pytest.mark.parametrize("name", ["llama-guard-3", "llama-guard-4"])
def test_codes_of_llama_guard_are_those_of_the_taxonomy(name: str) -> None:
    assert dict(GuardFamily.named(name).codes) == {code: category for category, code in LLAMA_GUARD.items()}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version", "revision", "version"),
        ("v1", "v2", "v2"),
        ('name = "small"', "", "name"),
        ('alone = "prompt"', 'alone = "tool"', "tool"),
        ('alone = "prompt"', 'alone = "prompt"\nthreshold = 1', "threshold"),
        ('"doubtful"', '"dubious"', "dubious"),
        ('" unsafe" = "harmful"', "", "harmful"),
        ("{response}", "{reply}", "response"),
        ("{response}", "{response} {response}", "once"),
        ("{response}", "{response", "brace"),
        ("User: {prompt}<|end|>", "User: <|end|>", "prompt"),
        ('text = "Is it safe?"', "", "wording"),
        ('text = "Is it safe?"', 'words = "Is it safe?"', "words"),
        ('S1 = "violent_crimes"', 'S1 = "violence"', "violence"),
        ("[verdicts]", "[verdicts", "TOML"),
    ],
)
def test_a_wrong_file_is_named(old: str, new: str, why: str) -> None:
    assert old in SMALL
    with pytest.raises(ConfigurationError, match=why):
        GuardFamily.parsed(SMALL.replace(old, new))


def test_policies_can_be_reworded() -> None:
    family = GuardFamily.named("llama-guard-3")
    own = replace(family, policies=(replace(family.policies[0], texts={"prompt": "S1: Puns.", "answer": "S1: Puns."}),))
    assert own.policies != family.policies


@given(paths=PATHS, data=st.data())
def test_chances_are_a_distribution(paths: list[tuple[int, ...]], data: st.DataObject) -> None:
    choices = Choices.of({str(at): [path] for at, path in enumerate(paths)})
    logits = {
        begun: {token: data.draw(st.floats(-50, 50)) for token in tokens} for begun, tokens in choices.branches.items()
    }
    chances = choices.chances(logits)
    assert math.fsum(chances.values()) == pytest.approx(1.0)
    assert all(0.0 <= chance <= 1.0 for chance in chances.values())
    for begun, tokens in choices.branches.items():  # a likelier token makes what it spells likelier
        raised = {**logits, begun: {**logits[begun], tokens[0]: logits[begun][tokens[0]] + 1.0}}
        for name, chance in choices.chances(raised).items():
            if paths[int(name)][: len(begun) + 1] == (*begun, tokens[0]):
                assert chance >= chances[name] - 1e-12


def test_one_token_answers_are_one_softmax() -> None:
    choices = Choices.of({"safe": [(5,)], "unsafe": [(9,)]})
    assert dict(choices.branches) == {(): (5, 9)}
    assert choices.chances({(): {5: 1.0, 9: 3.0}})["unsafe"] == pytest.approx(1 / (1 + math.exp(-2.0)))


def test_an_end_tells_an_answer_from_a_longer_one() -> None:
    spelled = {"S1": (7, 1), "S10": (7, 1, 0), "S2": (7, 2)}
    with pytest.raises(ConfigurationError, match="end"):
        Choices.of({name: [path] for name, path in spelled.items()})
    ended = {name: [(*path, 98), (*path, 99)] for name, path in spelled.items()}
    choices = Choices.of(with_ends(spelled, ended))
    assert dict(choices.branches) == {(7,): (1, 2), (7, 1): (0, 98, 99)}
    found = choices.chances({(7,): {1: 0.0, 2: 0.0}, (7, 1): {0: 0.0, 98: 0.0, 99: 0.0}})
    assert found == pytest.approx({"S1": 1 / 3, "S10": 1 / 6, "S2": 1 / 2})


@pytest.mark.parametrize("paths", [{}, {"a": [(1,)], "b": [(1,)]}])
def test_answers_that_cannot_be_told_apart(paths: dict[str, list[tuple[int, ...]]]) -> None:
    with pytest.raises(ConfigurationError):
        Choices.of(paths)
