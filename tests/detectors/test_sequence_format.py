"""What is bound to a checkpoint: it survives being written, contradicts itself nowhere, and reads logits as stated."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError, WeightsError
from eyelid.models import FORMAT_FILE, FORMAT_VERSION, DetectorFormat, DetectorOutputs
from eyelid.taxonomy import Category

NUMBERS = st.floats(-1e3, 1e3)
PLAIN = {"template": "{response}", "harmful": [0]}


@given(
    template=st.sampled_from(["{response}", "Q: {prompt}\nA: {response}\n", "pair", "{{x}} é {response}"]),
    alone=st.none() | st.just("{response}"),
    labels=st.lists(st.text(min_size=1), unique=True, max_size=4).map(tuple),
    polarity=st.sampled_from(["harmful", "harmless"]),
    outputs=st.lists(st.integers(0, 3), min_size=1).map(tuple),
    activation=st.sampled_from(["softmax", "sigmoid", None]),
    window=st.none() | st.integers(32, 4096),
    categories=st.dictionaries(st.integers(0, 3), st.sampled_from(list(Category))),
)
def test_a_format_survives_being_written(tmp_path_factory: pytest.TempPathFactory, **parts: Any) -> None:
    polarity, outputs = parts.pop("polarity"), parts.pop("outputs")
    form = DetectorFormat(**parts, **{polarity: outputs})
    folder = tmp_path_factory.mktemp("format")
    form.write(folder)
    assert DetectorFormat.read(folder) == form == DetectorFormat.find(None, folder)
    assert json.loads((folder / FORMAT_FILE).read_text("utf-8"))["version"] == FORMAT_VERSION


def test_presets() -> None:
    both, alone = (DetectorFormat.preset(name) for name in ("mllm-protector-3b", "mllm-protector-3b-response"))
    assert both.with_prompt
    assert not alone.with_prompt
    assert both.harmless == alone.harmless == ("safe",)
    assert both.of("why?") != both.of("") == alone.of("why?") == "{response}"
    with pytest.raises(ConfigurationError, match="did you mean"):
        DetectorFormat.preset("mllm-protector-3B")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "readable"),
        ("[]", "version"),
        ("{}", "version"),
        (json.dumps(PLAIN), "version"),
        (json.dumps({"version": FORMAT_VERSION}), "template"),
        (json.dumps({"version": FORMAT_VERSION, "template": "{response}"}), "harmful"),
        (json.dumps({"version": FORMAT_VERSION, **PLAIN, "treshold": 0.5}), "treshold"),
        (json.dumps({"version": FORMAT_VERSION, **PLAIN, "template": 5}), "cannot be used"),
        (json.dumps({"version": FORMAT_VERSION, **PLAIN, "window": "long"}), "cannot be used"),
        (json.dumps({"version": FORMAT_VERSION, **PLAIN, "categories": {"0": "rude"}}), "rude"),
        (json.dumps({"version": FORMAT_VERSION, **PLAIN, "categories": ["hate"]}), "cannot be used"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / FORMAT_FILE).write_text(text)
    with pytest.raises(WeightsError, match=why):
        DetectorFormat.find(tmp_path)


def outputs(count: int, **parts: Any) -> DetectorOutputs:
    return DetectorOutputs.of(DetectorFormat(template="{response}", **parts), count, {})


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_exclusive_outputs_add_up(logits: list[float]) -> None:
    harmful = outputs(len(logits), harmful=[0], activation="softmax").harm(logits)
    harmless = outputs(len(logits), harmless=[0], activation="softmax").harm(logits)
    assert 0.0 <= harmful <= 1.0
    assert harmful + harmless == pytest.approx(1.0)
    finer = outputs(
        len(logits), harmful=[0], activation="softmax", categories=dict.fromkeys(range(len(logits)), "hate")
    ).categories(logits)
    assert finer["hate"] == pytest.approx(1.0)


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_outputs_by_themselves(logits: list[float]) -> None:
    every = list(range(len(logits)))
    worst = outputs(len(logits), harmful=every, activation="sigmoid").harm(logits)
    least = outputs(len(logits), harmless=every, activation="sigmoid").harm(logits)
    assert worst == pytest.approx(1 / (1 + math.exp(-max(-60, min(60, max(logits))))))
    assert least == pytest.approx(1 / (1 + math.exp(max(-60, min(60, min(logits))))))
