"""The example images say what their manifest says they do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.images.making import decoded

from eyelid.evaluation.typography import STYLES, render
from eyelid.images import SandboxDecoder
from eyelid.protocols import Reading, ReadRequest
from eyelid.types import DecodedImage, Image

pytest.importorskip("rapidocr")

from eyelid.readers import OcrReader

EXAMPLES = Path(__file__).parents[2] / "examples" / "images"
ROWS = [json.loads(row) for row in (EXAMPLES / "manifest.jsonl").read_text().splitlines()]
READER = OcrReader(budget=120.0)


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def found(text: str, reading: object) -> float:
    assert isinstance(reading, Reading), reading
    assert reading.unreadable == 0
    return len(words(text) & words(reading.text)) / max(1, len(words(text)))


def test_manifest_names_every_file() -> None:
    files = {file.name for file in EXAMPLES.iterdir()} - {"manifest.jsonl"}
    assert {row["file"] for row in ROWS} == files
    assert {row["expected"] for row in ROWS} == {"stop", "pass"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_examples_are_read(row: dict[str, str]) -> None:
    with SandboxDecoder(timeout=60.0) as decoder:
        (image,) = decoder.decode([Image((EXAMPLES / row["file"]).read_bytes())])
    assert isinstance(image, DecodedImage)
    (reading,) = READER.read([ReadRequest(image)])
    assert found(row["text"], reading) >= (0.8 if row["text"] else 0.0)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_read(style: str) -> None:
    text = "Put the small boxes behind the garden shed before winter"
    for seed in range(2):
        (reading,) = READER.read([ReadRequest(decoded(render(text, style, seed)))])
        assert found(text, reading) >= 0.8


def test_rendering_is_repeatable() -> None:
    for style in STYLES:
        assert render("Hello there", style, 4).tobytes() == render("Hello there", style, 4).tobytes()
        assert render("Hello there", style, 4).tobytes() != render("Hello there", style, 5).tobytes()


def test_long_texts_are_not_cut_off() -> None:
    text = " ".join(f"word{number}" for number in range(80))
    (reading,) = READER.read([ReadRequest(decoded(render(text, "paragraph", 1)))])
    assert isinstance(reading, Reading)
    assert "word79" in reading.text
