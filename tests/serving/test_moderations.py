"""OpenAI's client, unchanged, asks this server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.serving.running import HARM, client, guard_of, server

from eyelid import Category, Policy
from eyelid.serving._openai_categories import OPENAI, OURS
from eyelid.testing import FakeDetector, FaultyDetector

TOKEN = "a token of sixteen letters or more".replace(" ", "-")
FINER = {
    "poison": Category.SELF_HARM,
    "venom": Category.INDISCRIMINATE_WEAPONS,
    "obey": Category.PRIVACY,
}


@pytest.fixture(scope="module")
def asking() -> Iterator[openai.OpenAI]:
    guard = guard_of(FakeDetector({**HARM, "obey": 0.8}, injection={"override": 0.97}, finer=FINER))
    with server(guard, tokens={"test": TOKEN}) as url, openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN) as asking:
        yield asking


def test_a_string(asking: openai.OpenAI) -> None:
    answer = asking.moderations.create(input="poison")
    (result,) = answer.results
    assert answer.id.startswith("modr-")
    assert answer.model.startswith("eyelid-")
    assert result.flagged
    assert result.categories.self_harm
    assert not result.categories.violence
    assert result.category_scores.self_harm == 0.9
    assert result.category_applied_input_types.self_harm == ["text"]
    assert result.category_applied_input_types.hate_threatening == []


def test_strings_are_several_inputs(asking: openai.OpenAI) -> None:
    answer = asking.moderations.create(input=["tea", "venom", "water"], model="omni-moderation-latest")
    assert [result.flagged for result in answer.results] == [False, True, False]
    assert answer.results[1].categories.illicit_violent
    assert answer.results[1].categories.illicit


def test_parts_are_one_input_and_images_are_read(asking: openai.OpenAI) -> None:
    image = f"data:image/png;base64,{base64.b64encode(b'picture of venom').decode()}"
    parts: Any = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": image}}]
    (result,) = asking.moderations.create(input=parts).results
    assert result.flagged
    assert result.category_applied_input_types.violence == ["text", "image"]
    assert result.category_applied_input_types.hate == ["text"]


def test_what_openai_has_no_word_for_is_flagged_all_the_same(asking: openai.OpenAI) -> None:
    (result,) = asking.moderations.create(input="obey").results
    assert result.flagged
    assert result.categories.to_dict()["eyelid/privacy"]
    answer = asking.moderations.create(input="override", extra_body={"surface": "tool_result"})
    assert answer.results[0].categories.to_dict()["eyelid/injection"]


def test_every_category_of_theirs_and_ours_is_there(asking: openai.OpenAI) -> None:
    (result,) = asking.moderations.create(input="tea").results
    theirs = set(openai.types.moderation.Categories.model_fields)
    assert {name.replace("/", "_").replace("-", "_") for name in OPENAI} == theirs
    assert {own for ours in OPENAI.values() for own in ours} | set(OURS.values()) == set(Category)
    assert not any(result.categories.to_dict().values())
    assert set(result.category_scores.to_dict()) == set(result.categories.to_dict())
    assert not any(name for name in result.category_scores.to_dict().values() if name)


@pytest.mark.parametrize("parts", [[], [3], ["a", {"type": "text", "text": "b"}], [{"type": "canary"}], {"a": 1}])
def test_what_is_no_input_is_a_bad_request(asking: openai.OpenAI, parts: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        asking.moderations.create(input=parts)
    assert "canary" not in str(caught.value)
    assert str(caught.value.param).startswith("input")


def test_a_url_is_never_fetched(asking: openai.OpenAI) -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/canary.png"}}]
    with pytest.raises(openai.BadRequestError, match="nothing is fetched"):
        asking.moderations.create(input=parts)


def test_a_wrong_token_is_an_authentication_error(asking: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        asking.with_options(api_key="another-token-of-sixteen").moderations.create(input="tea")


def test_a_failed_look_never_looks_like_not_flagged() -> None:
    broken = f"data:image/png;base64,{base64.b64encode(b'broken').decode()}"
    parts: Any = [{"type": "image_url", "image_url": {"url": broken}}]
    with client(guard_of(FaultyDetector("raises", poison="bad"))) as asking:
        of_content = asking.post("/v1/moderations", json={"input": parts}).json()["results"][0]
        in_part = asking.post("/v1/moderations", json={"input": ["good", "bad"]}).json()["results"]
        of_server = asking.post("/v1/moderations", json={"input": "bad"})
    assert of_content["flagged"]
    assert of_content["categories"]["eyelid/failed"]
    assert [result["flagged"] for result in in_part] == [False, True]
    assert of_server.status_code == 503
    assert int(of_server.headers["retry-after"]) >= 1


@pytest.mark.parametrize("changes", [{"enforce": False}, {"surfaces": {"input": {"on_failure": "allow"}}}])
def test_not_even_where_the_policy_lets_it_pass(changes: dict[str, Any]) -> None:
    guard = guard_of(FaultyDetector("raises"), policy=Policy.from_mapping(changes))
    with client(guard) as asking:
        (result,) = asking.post("/v1/moderations", json={"input": "tea"}).json()["results"]
    assert result["flagged"]


def test_what_is_only_watched_is_flagged() -> None:
    with client(guard_of(policy=Policy.preset("monitor"))) as asking:
        (result,) = asking.post("/v1/moderations", json={"input": "venom"}).json()["results"]
    assert result["flagged"]
    assert result["eyelid"] == {"action": "allow", "status": "flagged", "category": "harm", "again": False}
