"""Images in blocks: every form, and nothing that is fetched or opened without leave."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from eyelid import Image
from eyelid.errors import ConfigurationError
from llama_index.core.base.llms.types import ImageBlock

from llama_index.postprocessor.eyelid._images import Uninspectable, aload, load, read_block, read_image
from llama_index.postprocessor.eyelid._settings import Settings

PNG = b"\x89PNG\r\n\x1a\nnot a real one"
B64 = base64.b64encode(PNG)


@pytest.mark.parametrize(
    "given",
    [
        {"data": PNG},
        {"data": B64},
        {"data": B64.decode()},
        {"data": io.BytesIO(PNG)},
        {"url": f"data:image/png;base64,{B64.decode()}"},
    ],
    ids=["bytes", "base64 bytes", "base64 text", "buffer", "data url"],
)
def test_every_inline_form_is_an_image(given: dict[str, Any]) -> None:
    assert read_image(**given) == Image(PNG)


def test_a_block_holds_what_it_was_given() -> None:
    assert read_block(ImageBlock(image=PNG)) == Image(PNG)
    assert read_block(ImageBlock(url=f"data:image/png;base64,{B64.decode()}")) == Image(PNG)


def test_a_block_without_an_image_cannot_be_looked_at() -> None:
    assert isinstance(read_block(ImageBlock()), Uninspectable)
    assert read_image() is None


def test_of_two_images_nobody_knows_which_is_shown() -> None:
    assert isinstance(read_image(data=PNG, url="https://example.org/a.png"), Uninspectable)


def test_a_buffer_is_left_where_it_was() -> None:
    buffer = io.BytesIO(PNG)
    buffer.seek(3)
    read_image(data=buffer)
    assert buffer.tell() == 3


def test_nothing_is_fetched_or_opened_without_leave(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    seen: list[str] = []
    watching = True

    def hook(event: str, args: Any) -> None:
        if watching and (event == "socket.connect" or (event == "open" and str(args[0]).endswith(".png"))):
            seen.append(event)

    sys.addaudithook(hook)
    found = [read_image(url="https://example.org/a.png"), read_image(path=file), read_image(url=file.as_uri())]
    images, missing = load([each for each in found if each], Settings())
    outside = load([read_image(path=file)], Settings(allowed_root=tmp_path / "other"))  # type: ignore[list-item]
    watching = False
    assert (images, missing) == ((), 3)
    assert outside == ((), 1)
    assert seen == []


async def test_files_below_the_root_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    found = read_image(path=str(file))
    assert found is not None
    assert load([found], Settings(allowed_root=tmp_path)) == ((Image(PNG),), 0)
    assert await aload([found], Settings(allowed_root=tmp_path)) == ((Image(PNG),), 0)


async def test_a_loader_fetches_and_its_failure_is_a_failed_look() -> None:
    found = read_image(url="https://example.org/a.png")
    assert found is not None
    assert await aload([found], Settings(image_loader=lambda address: PNG)) == ((Image(PNG),), 0)

    def broken(address: str) -> bytes:
        raise OSError(address)

    assert await aload([found], Settings(image_loader=broken)) == ((), 1)


@pytest.mark.parametrize(
    "wrong", [{"strategy": "reaskk"}, {"on_error": "ignore"}, {"stream": "token"}, {"allowed_root": "/tmp"}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Settings(**wrong)
