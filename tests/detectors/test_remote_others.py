"""Servers that are no eyelid: moderation endpoints and classifiers."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.remote.server import Answer, serving

from eyelid.detectors import Classify, Moderations, Pooling, RemoteDetector
from eyelid.errors import ConfigurationError, PolicyError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.remote import Endpoint
from eyelid.testing import check_detector
from eyelid.types import Failure, Surface

Read = Callable[[str], Any]


def harm_of(text: str) -> float:
    return 0.9 if "bad" in text else 0.125


def moderation(text: str) -> dict[str, Any]:
    score = harm_of(text)
    return {
        "flagged": score > 0.5,
        "categories": {"violence": score > 0.5, "hate": False, "illicit": None},
        "category_scores": {"violence": score, "hate": 0.0625, "illicit": 0.0},
    }


def moderations(result: Read = moderation) -> Callable[[Answer, int], None]:
    def behave(answer: Answer, number: int) -> None:
        asked = json.loads(answer.body)
        answer.json({"id": "modr-1", "model": "m", "results": [result(text) for text in asked["input"]]})

    return behave


def classifier(probs: Read = lambda text: [1.0 - harm_of(text), harm_of(text)], **changes: Any) -> Any:
    def behave(answer: Answer, number: int) -> None:
        asked = json.loads(answer.body)
        pooling = answer.path == "/pooling"
        data = [
            {"index": at, "object": "pooling", "data": probs(text)}
            if pooling
            else {"index": at, "label": "LABEL_0", "probs": probs(text), "num_classes": 2}
            for at, text in enumerate(asked["input"])
        ]
        answer.json({"id": "classify-1", "object": "list", "model": "m", "data": data, "usage": {}, **changes})

    return behave


def score(behave: Any, speaks: Any, *texts: str, prompt: str = "", surface: Surface = Surface.OUTPUT) -> Sequence[Any]:
    with serving(behave) as server, Endpoint(server.url) as endpoint:
        return RemoteDetector(endpoint, speaks).score([ScoreRequest(text, prompt, surface) for text in texts])


def scores(found: Sequence[Assessment | Failure]) -> list[Mapping[str, float]]:
    return [dict(each.scores) if isinstance(each, Assessment) else {} for each in found]


def codes(found: Sequence[Any]) -> list[str]:
    return [each.code if isinstance(each, Failure) else "" for each in found]


VLLM = Classify("m", ("", "harm"))
ALL = [(moderations, Moderations()), (classifier, VLLM), (classifier, Pooling("m", ("", "harm")))]


@pytest.mark.parametrize(("server", "speaks"), ALL, ids=["moderations", "classify", "pooling"])
def test_it_is_a_detector_like_any_other(server: Any, speaks: Any) -> None:
    with serving(server()) as running, Endpoint(running.url) as endpoint:
        check_detector(RemoteDetector(endpoint, speaks), ["a bad text", "a good text"])
        assert not any("truncate_prompt_tokens" in body for body in running.bodies)


@pytest.mark.parametrize(("server", "speaks"), ALL, ids=["moderations", "classify", "pooling"])
def test_all_of_a_long_text_is_seen(server: Any, speaks: Any) -> None:
    text = "tea " * 3000
    for place in (0, 4000, len(text)):
        (found,) = score(server(), speaks, text[:place] + "bad" + text[place:])
        assert isinstance(found, Assessment)
        assert found.scores["harm"] >= 0.9
        assert found.covered == len(text) + 3
        assert found.looks > 1
        assert any(span.start <= place and place + 3 <= span.end for span in found.spans)


def test_a_window_that_is_too_long_for_the_model_is_a_failed_look() -> None:
    honest = classifier()

    def behave(answer: Answer, number: int) -> None:
        if any(len(text) > 500 for text in json.loads(answer.body)["input"]):
            answer.send(400, b'{"error": {"message": "longer than the maximum model length"}}')
        else:
            honest(answer, number)

    assert codes(score(behave, VLLM, "short", "x" * 900, "bad")) == ["", "invalid", ""]
    assert codes(score(behave, Classify("m", ("", "harm"), window=400), "x" * 900)) == [""]


def test_blank_texts_are_not_asked_about() -> None:
    with serving(lambda answer, _: answer.send(500)) as server, Endpoint(server.url) as endpoint:
        found = RemoteDetector(endpoint, VLLM).score([ScoreRequest(""), ScoreRequest(" \n")])
        assert [(each.covered, each.looks) for each in found if isinstance(each, Assessment)] == [(0, 0), (2, 0)]
        assert server.requests == []


@given(st.text(min_size=1, max_size=300), st.text(max_size=20), st.integers(64, 90))
def test_windows_show_every_character_and_are_never_too_long(text: str, prompt: str, size: int) -> None:
    speaks = Classify("m", ("", "harm"), form="Q: {prompt} A: {text}", window=size)
    request = ScoreRequest(text, prompt)
    cut = speaks.cut(request)
    assert not isinstance(cut, Failure)
    pieces = list(cut)  # type: ignore[arg-type]
    seen = {at for piece in pieces for at in range(piece.start, piece.end)}
    assert seen == (set(range(len(text))) if text.strip() else set())
    assert all(len(piece.text) + len(prompt) <= size for piece in pieces)
    sent = json.loads(speaks.prepare(pieces, 1.0).body)["input"]
    assert sent == [f"Q: {prompt} A: {piece.text}" for piece in pieces]


def test_the_parts_of_a_form_are_put_in_once() -> None:
    speaks = Classify("m", ("", "harm"), form="{prompt}|{text}")
    pieces = speaks.cut(ScoreRequest("a {prompt} {text}", "b {text}"))
    assert json.loads(speaks.prepare(pieces, 1.0).body)["input"] == ["b {text}|a {prompt} {text}"]  # type: ignore[arg-type]


def test_a_prompt_that_leaves_no_room_is_a_failed_look() -> None:
    speaks = Classify("m", ("", "harm"), form="{prompt} {text}", window=100)
    assert codes(score(classifier(), speaks, "text", prompt="x" * 80)) == ["limit"]


def test_categories_of_openai_become_ours() -> None:
    def result(text: str) -> dict[str, Any]:
        return {"flagged": False, "categories": {}, "category_scores": {"self-harm/intent": 0.4, "sexual": 0.3}}

    assert scores(score(moderations(result), Moderations(), "x")) == [
        {"harm": 0.4, "injection": 0.0, "self_harm": 0.4, "sexual_content": 0.3}
    ]
    assert scores(score(moderations(result), Moderations(ignored=["self-harm/intent"]), "x")) == [
        {"harm": 0.3, "injection": 0.0, "sexual_content": 0.3}
    ]


@pytest.mark.parametrize(
    ("flagged", "categories", "category_scores", "expected"),
    [
        (True, {"hate": True}, {"hate": 0.1}, {"harm": 1.0, "injection": 0.0, "hate": 1.0}),
        (True, {}, {"hate": 0.1}, {"harm": 1.0, "injection": 0.0, "hate": 0.1}),
        (False, {"hate": True}, {"hate": 0.1}, {"harm": 1.0, "injection": 0.0, "hate": 1.0}),
        (False, {}, {"something new": 0.6}, {"harm": 0.6, "injection": 0.0}),
        (False, {}, {"injection": 0.6, "harm": 0.2}, {"harm": 0.2, "injection": 0.6}),
        (False, {}, {"eyelid/injection": 0.6, "eyelid/harm": 0.2}, {"harm": 0.2, "injection": 0.6}),
        (True, {"eyelid/failed": True}, {"hate": 0.0}, {"harm": 1.0, "injection": 0.0, "hate": 0.0}),
        (False, {}, {"privacy": 0.6}, {"harm": 0.6, "injection": 0.0, "privacy": 0.6}),
    ],
)
def test_what_the_server_flags_is_certain_and_what_nobody_knows_is_harm(
    flagged: bool, categories: dict[str, bool], category_scores: dict[str, float], expected: dict[str, float]
) -> None:
    result = {"flagged": flagged, "categories": categories, "category_scores": category_scores}
    assert scores(score(moderations(lambda text: result), Moderations(), "x")) == [expected]


WRONG: list[Read] = [
    lambda text: None,
    lambda text: {},
    lambda text: {"flagged": False, "categories": {}},
    lambda text: {"flagged": False, "categories": {}, "category_scores": {}},
    lambda text: {"categories": {}, "category_scores": {"hate": 0.1}},
    lambda text: {"flagged": None, "categories": {}, "category_scores": {"hate": 0.1}},
    lambda text: {"flagged": "false", "categories": {}, "category_scores": {"hate": 0.1}},
    lambda text: {"flagged": False, "categories": {}, "category_scores": {"hate": None}},
    lambda text: {"flagged": False, "categories": {}, "category_scores": {"hate": math.nan}},
    lambda text: {"flagged": False, "categories": {}, "category_scores": {"hate": 1.5}},
    lambda text: {"flagged": False, "categories": {}, "category_scores": {"hate": "0.1"}},
    lambda text: {"flagged": False, "categories": {}, "category_scores": [0.1]},
]


@pytest.mark.parametrize("result", WRONG)
def test_what_is_no_moderation_is_a_failed_look(result: Read) -> None:
    assert codes(score(moderations(result), Moderations(), "x", "y")) == ["invalid", "invalid"]


@pytest.mark.parametrize("results", [[], [moderation("x")], [moderation("x")] * 3])
def test_a_moderation_too_few_or_too_many_is_a_failed_look(results: list[Any]) -> None:
    assert codes(score(lambda answer, _: answer.json({"results": results}), Moderations(), "x", "y")) == ["invalid"] * 2


def test_the_model_is_named_where_one_is_given() -> None:
    with serving(moderations()) as server, Endpoint(server.url) as endpoint:
        RemoteDetector(endpoint, Moderations()).score([ScoreRequest("x")])
        RemoteDetector(endpoint, Moderations("omni-moderation-latest")).score([ScoreRequest("x")])
        assert server.bodies == [{"input": ["x"]}, {"input": ["x"], "model": "omni-moderation-latest"}]
        assert [request.path for request in server.requests] == ["/v1/moderations"] * 2


@pytest.mark.parametrize(
    ("classes", "exclusive", "probs", "expected"),
    [
        (("", "harm"), None, [0.25, 0.75], {"harm": 0.75, "injection": 0.0}),
        (("", "hate", "privacy"), None, [0.5, 0.3, 0.2], {"harm": 0.5, "injection": 0.0, "hate": 0.3, "privacy": 0.2}),
        (("hate", "self_harm"), False, [0.5, 0.75], {"harm": 0.75, "injection": 0.0, "hate": 0.5, "self_harm": 0.75}),
        (("harm",), None, [0.25], {"harm": 0.25, "injection": 0.0}),
        (("", "injection", "harm"), None, [0.5, 0.25, 0.25], {"harm": 0.25, "injection": 0.25}),
        (("", "harm", "harm"), None, [0.5, 0.25, 0.25], {"harm": 0.5, "injection": 0.0}),
    ],
)  # fmt: skip
def test_classes_become_categories(
    classes: tuple[str, ...], exclusive: bool | None, probs: list[float], expected: dict[str, float]
) -> None:
    for kind in (Classify, Pooling):
        speaks = kind("m", classes, exclusive=exclusive)
        assert scores(score(classifier(lambda text: probs), speaks, "x")) == [expected]


@pytest.mark.parametrize(
    "probs",
    [None, [], [0.5], [0.2, 0.3, 0.5], [0.5, math.nan], [0.5, math.inf], [-0.5, 1.5], [0.2, 0.2], ["0.5", "0.5"],
     [[0.5, 0.5]], "AAAA", {"harm": 1.0}],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Classify, Pooling])
def test_what_are_no_probabilities_is_a_failed_look(probs: object, kind: type[Classify]) -> None:
    def one_wrong(text: str) -> object:
        return probs if text == "x" else [0.75, 0.25]

    assert codes(score(classifier(one_wrong), kind("m", ("", "harm")), "a", "x", "b")) == ["", "invalid", ""]


@pytest.mark.parametrize(
    "data",
    [
        None, {}, [], [{"index": 0, "probs": [0.5, 0.5]}],
        [{"index": 1, "probs": [0.9, 0.1]}, {"index": 0, "probs": [0.9, 0.1]}],
        [{"index": 0}, {"index": 1}], [None, None],
    ],
)  # fmt: skip
def test_a_reordered_or_incomplete_answer_is_a_failed_look(data: object) -> None:
    assert codes(score(lambda answer, _: answer.json({"data": data}), VLLM, "x", "y")) == ["invalid", "invalid"]


@pytest.mark.parametrize("classes", [(), ("", ""), "harm"])
def test_without_a_harmful_class_there_is_nothing_to_ask(classes: Any) -> None:
    with pytest.raises(ConfigurationError):
        Classify("m", classes)


def test_forms_names_and_windows_are_checked() -> None:
    with pytest.raises(PolicyError, match="harm"):
        Classify("m", ("", "harms"))
    for wrong in ({"form": "no place"}, {"form": "{text}{text}"}, {"window": 10}):
        with pytest.raises(ConfigurationError):
            Classify("m", ("", "harm"), **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        Moderations(window=0)
    with pytest.raises(ConfigurationError):
        Moderations(ignored="sexual")
