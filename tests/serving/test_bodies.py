"""Requests that are none are answered by the nearest known name, and never by what they say."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.serving.running import client

from eyelid.serving._bodies import BatchBody, Body, CheckBody, ModerationBody, StreamBody, read
from eyelid.serving._exchanges import _GO, _decoded
from eyelid.serving._problem import Problem


@pytest.mark.parametrize(
    ("model", "document", "said", "param"),
    [
        (CheckBody, {"respons": "x"}, "did you mean 'response'?", None),
        (CheckBody, {"canary": "x"}, "known are prompt, response", None),
        (CheckBody, {"response": 3}, "must be a string", "response"),
        (CheckBody, {"surface": "canary"}, "must be one of 'input', 'output'", "surface"),
        (CheckBody, {"images": ["a", 3]}, "must be a string", "images.1"),
        (CheckBody, {"history": "canary"}, "must be a list", "history"),
        (CheckBody, {"return_images": "yes"}, "must be true or false", "return_images"),
        (CheckBody, ["canary"], "must be an object", None),
        (BatchBody, {"items": []}, "is too short", "items"),
        (BatchBody, {}, "is missing", "items"),
        (StreamBody, {"mode": "canary"}, "must be one of 'sentence' or 'buffer'", "mode"),
        (ModerationBody, {"input": "x", "canary": 1}, "not known", None),
    ],
)
def test_what_is_wrong_is_told_by_our_own_names(model: type[Body], document: Any, said: str, param: str | None) -> None:
    with pytest.raises(Problem) as caught:
        read(model, document)
    assert said in caught.value.message
    assert caught.value.param == param
    assert "canary" not in caught.value.message
    assert "canary" not in repr(caught.value)


def test_a_body_does_not_show_what_it_holds() -> None:
    assert "canary" not in repr(read(CheckBody, {"prompt": "canary", "response": "canary", "images": ["canary"]}))


@pytest.mark.parametrize(
    ("image", "status"),
    [
        ("https://example.com/canary.png", 400),
        ("file:///etc/canary", 400),
        ("data:text/html;base64,AAAA", 400),
        ("data:image/png,canary", 400),
        ("data:image/png;base64,AA*A", 400),
        ("AAA", 400),
        ("A" * (14 * 1024 * 1024), 413),
    ],
)
def test_what_is_no_image_is_told_without_quoting_it(image: str, status: int) -> None:
    with client() as asking:
        answer = asking.post("/v1/check", json={"prompt": "", "images": [image]})
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == "images.0"
    assert "canary" not in answer.text


def test_images_are_base64_plain_or_as_data_urls() -> None:
    plain = base64.b64encode(b"picture of venom").decode()
    with client() as asking:
        for image in (plain, f"data:image/png;base64,{plain}", f"DATA:IMAGE/PNG;BASE64,{plain}"):
            answer = asking.post("/v1/check", json={"prompt": "see", "images": [image]})
            assert answer.json()["image_texts"] == ["drink venom"]


def test_too_many_images() -> None:
    with client(max_images=1) as asking:
        answer = asking.post("/v1/check", json={"images": ["AAAA", "AAAA"]})
    assert answer.status_code == 413


def test_base64_in_goes_is_base64_at_once() -> None:
    data = bytes(range(256)) * 8000
    assert _decoded(base64.b64encode(data).decode()) == data
    letters = "A" * (_GO - 2) + "==" + "AAAA"
    with pytest.raises(ValueError):
        _decoded(letters)
