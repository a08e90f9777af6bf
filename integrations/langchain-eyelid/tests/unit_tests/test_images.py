"""Every form of an image is read or counted as uninspectable; none is skipped, none is fetched."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from eyelid import Image
from eyelid.types import MAX_IMAGE_BYTES
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_eyelid._images import Reference, Uninspectable, load, read_image
from langchain_eyelid._messages import parts

DATA = b"\x89PNG the bytes"
B64 = b64encode(DATA).decode()
URL = f"data:image/png;base64,{B64}"
WEB = "https://example.com/cat.png"

READ = {
    "v1 base64": {"type": "image", "base64": B64, "mime_type": "image/png"},
    "v1 data url": {"type": "image", "url": URL},
    "v1 with id and index": {"type": "image", "base64": B64, "id": "lc_1", "index": 0},
    "v1 bytes": {"type": "image", "base64": DATA, "mime_type": "image/png"},
    "v1 file of an image": {"type": "file", "base64": B64, "mime_type": "image/png"},
    "v0 base64": {"type": "image", "source_type": "base64", "data": B64, "mime_type": "image/png"},
    "v0 url": {"type": "image", "source_type": "url", "url": URL},
    "openai dict": {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
    "openai string": {"type": "image_url", "image_url": URL},
    "responses input": {"type": "input_image", "image_url": URL},
    "responses generated": {"type": "image_generation_call", "id": "ig_1", "result": B64, "status": "completed"},
    "responses screenshot": {"type": "computer_screenshot", "image_url": URL},
    "anthropic base64": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}},
    "bedrock bytes": {"image": {"format": "png", "source": {"bytes": DATA}}},
    "bedrock base64": {"image": {"format": "png", "source": {"bytes": B64}}},
    "bedrock with a type": {"type": "image", "image": {"format": "png", "source": {"bytes": DATA}}},
    "google media": {"type": "media", "mime_type": "image/png", "data": B64},
    "google media bytes": {"type": "media", "mime_type": "image/png", "data": DATA},
    "google inline": {"inline_data": {"mime_type": "image/png", "data": B64}},
    "google inline camel": {"inlineData": {"mimeType": "image/png", "data": B64}},
    "google bare base64": {"type": "image_url", "image_url": {"url": B64}},
    "mcp": {"type": "image", "data": B64, "mimeType": "image/png"},
    "base64 in lines": {"type": "image", "base64": f"{B64[:8]}\n{B64[8:]}\n", "mime_type": "image/png"},
    "data url in base64": {"type": "image", "base64": URL},
    "non standard": {"type": "non_standard", "value": {"type": "image_url", "image_url": URL}},
}
ADDRESSED = {
    "v1 url": ({"type": "image", "url": WEB}, WEB),
    "v1 file": ({"type": "image", "file_id": "file-1"}, "file-1"),
    "v0 url": ({"type": "image", "source_type": "url", "url": WEB}, WEB),
    "v0 id": ({"type": "image", "source_type": "id", "id": "img-1"}, "img-1"),
    "openai dict": ({"type": "image_url", "image_url": {"url": WEB}}, WEB),
    "openai string": ({"type": "image_url", "image_url": WEB}, WEB),
    "responses url": ({"type": "input_image", "image_url": WEB}, WEB),
    "responses file": ({"type": "input_image", "file_id": "file-1"}, "file-1"),
    "anthropic url": ({"type": "image", "source": {"type": "url", "url": WEB}}, WEB),
    "anthropic file": ({"type": "image", "source": {"type": "file", "file_id": "abcd"}}, "abcd"),
    "anthropic file as LangChain translates it": ({"type": "image", "id": "file-1"}, "file-1"),
    "bedrock s3": ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://a/b"}}}}, "s3://a/b"),
    "google uri": ({"type": "media", "mime_type": "image/png", "file_uri": "gs://a/b"}, "gs://a/b"),
}
UNINSPECTABLE = {
    "nothing": {"type": "image"},
    "no base64": {"type": "image", "base64": "%%%", "mime_type": "image/png"},
    "a number": {"type": "image", "base64": 7},
    "an empty url": {"type": "image_url", "image_url": {"url": ""}},
    "two at once": {"type": "image", "base64": B64, "url": "https://example.com/other.png"},
    "url encoded": {"type": "image_url", "image_url": "data:image/svg+xml,%3Csvg%3E"},
    "too large": {"type": "image", "base64": "A" * (MAX_IMAGE_BYTES * 4 // 3 + 8)},
}
NO_IMAGES = {
    "text": {"type": "text", "text": "an image"},
    "audio": {"type": "audio", "base64": B64, "mime_type": "audio/wav"},
    "file": {"type": "file", "base64": B64, "mime_type": "application/pdf"},
    "an image to come": {"type": "image_generation_call", "id": "ig_1", "status": "in_progress"},
}
#: What is in a message and is neither text nor image: counted, whatever else is in it.
OPAQUE = [
    {"type": "audio", "base64": B64, "mime_type": "audio/wav"},
    {"type": "input_audio", "input_audio": {"data": B64, "format": "wav"}},
    {"type": "video", "url": WEB},
    {"type": "file", "file_id": "file-1"},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
    {"type": "media", "mime_type": "audio/wav", "data": B64},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": B64}},
    {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
    {"document": {"format": "pdf", "source": {"bytes": DATA}}},
    {"type": "text-plain", "url": "https://example.com/a.txt", "mime_type": "text/plain"},
    {"type": "non_standard", "value": {"type": "hologram", "data": B64}},
    {"type": "hologram", "words": "hello"},
    {"file_data": {"file_uri": "gs://a/b.mp4", "mime_type": "video/mp4"}},
]


@pytest.mark.parametrize("name", READ)
def test_an_image_that_is_there_is_read(name: str) -> None:
    found = parts(HumanMessage([READ[name]]))
    assert found.images == (Image(DATA),)
    assert found.uninspectable == 0


@pytest.mark.parametrize("name", ADDRESSED)
def test_an_image_elsewhere_is_uninspectable_until_a_loader_fetches_it(name: str) -> None:
    block, address = ADDRESSED[name]
    found = parts(HumanMessage([block])).images
    assert found == (Reference(address),)
    assert load(found, None) == ((), 1)
    asked: list[str] = []
    assert load(found, lambda address: asked.append(address) or DATA) == ((Image(DATA),), 0)
    assert asked == [address]


@pytest.mark.parametrize("name", UNINSPECTABLE)
def test_what_claims_to_be_an_image_is_uninspectable(name: str) -> None:
    assert read_image(UNINSPECTABLE[name]) == Uninspectable()
    assert load([Uninspectable()], lambda address: DATA) == ((), 1)


@pytest.mark.parametrize("name", NO_IMAGES)
def test_what_is_no_image_is_left_to_others(name: str) -> None:
    assert read_image(NO_IMAGES[name]) is None


@pytest.mark.parametrize("block", OPAQUE, ids=lambda block: str(block)[:40])
def test_parts_that_nobody_can_look_at_are_counted(block: dict[str, Any]) -> None:
    found = parts(ToolMessage([{"type": "text", "text": "here"}, block], tool_call_id="1"))
    assert found.text == "here"
    assert found.uninspectable >= 1


def test_a_loader_that_fails_makes_the_image_uninspectable() -> None:
    def load_it(address: str) -> bytes:
        raise OSError(address)

    assert load([Reference(WEB)], load_it) == ((), 1)
    assert load([Reference(WEB)], lambda address: "no bytes") == ((), 1)  # type: ignore[arg-type, return-value]


def test_images_beside_the_content_are_found() -> None:
    routed = AIMessage("here", additional_kwargs={"images": [{"type": "image_url", "image_url": {"url": URL}}]})
    made = ToolMessage("done", tool_call_id="1", artifact={"shot": {"type": "image", "base64": B64}})
    nested = ToolMessage(
        [{"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": B64}}]}],
        tool_call_id="1",
    )
    for message in (routed, made, nested):
        assert parts(message).images == (Image(DATA),)


def test_words_about_an_image_are_read_too() -> None:
    block = {"type": "image", "base64": B64, "extras": {"alt": "a cat"}}
    assert parts(HumanMessage([block])).asides == ("a cat",)


def test_no_form_prints_what_it_holds() -> None:
    assert "example" not in repr(Reference(WEB))
