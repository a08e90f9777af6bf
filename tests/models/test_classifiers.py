"""Encoders that classify give what transformers gives, one by one, whatever they are batched with."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.encoders import FAMILIES, WORDS, write_encoder

from eyelid.engine import Device
from eyelid.errors import InputError, WeightsError
from eyelid.models import EncoderLook, EncoderTexts, PackedClassifier, PlainClassifier, open_classifier

CPU = Device("cpu", dtype="float32", budget=128)


def looks(folder: Path, window: int = 64) -> list[EncoderLook]:
    texts, rng, words = EncoderTexts(folder, window), random.Random(0), WORDS[0].split()
    made = [" ".join(rng.choices(words, k=rng.randint(1, 20))) for _ in range(12)]
    return [look for text in made for prompt in ("", "a tea kettle") for look in texts.looks(text, prompt)]


@torch.inference_mode()
def alone(model: Any, look: EncoderLook) -> list[float]:
    given = {"input_ids": torch.tensor([look.ids])}
    if getattr(model.config, "type_vocab_size", 0) > 1:
        given["token_type_ids"] = torch.tensor([look.types])
    found: list[float] = model(**given).logits[0].tolist()
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("labels", [1, 3])
def test_a_batch_gives_what_transformers_gives_one_by_one(family: str, labels: int, tmp_path: Path) -> None:
    model = write_encoder(tmp_path, family, labels=labels)
    runner = open_classifier(tmp_path, CPU)
    assert isinstance(runner, PackedClassifier if family.startswith("Bert") else PlainClassifier)
    batch = looks(tmp_path)
    found = torch.tensor(runner.run(batch))
    assert found.shape == (len(batch), labels) == (len(batch), runner.outputs)
    assert found.std() > 0.01
    torch.testing.assert_close(found, torch.tensor([alone(model, look) for look in batch]), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_too_long_or_empty_fails_by_itself(family: str, tmp_path: Path) -> None:
    write_encoder(tmp_path, family)
    runner = open_classifier(tmp_path, CPU)
    assert runner.context == 64
    whole = EncoderLook([2] * 64, [0] * 64, 0, 1, 0)
    long, empty = EncoderLook([2] * 65, [0] * 65, 0, 1, 0), EncoderLook([], [], 0, 0, 0)
    found = runner.run([long, whole, empty])
    assert [type(each) for each in found] == [InputError, list, InputError]
    assert runner.run([]) == []


@pytest.mark.parametrize("family", ["BertForSequenceClassification", "RobertaForSequenceClassification"])
def test_windows_see_all_of_a_text(family: str, tmp_path: Path) -> None:
    write_encoder(tmp_path, family)
    texts = EncoderTexts(tmp_path, 64)
    text = " ".join(WORDS) + " 日本語 \ud800 [SEP] </s>"
    for prompt in ("", "tea", "tea kettle " * 200):
        found = texts.looks(text, prompt)
        assert len(found) > 2
        assert all(len(look.ids) <= 64 for look in found)
        assert (found[0].start, found[-1].end) == (0, len(text))
        assert all(later.start <= before.end for before, later in pairwise(found))
    assert len(texts.looks("")) == 1
    with pytest.raises(InputError, match="leave"):
        EncoderTexts(tmp_path, 12).looks(text)


def test_a_special_token_in_a_text_is_text(tmp_path: Path) -> None:
    write_encoder(tmp_path, "BertForSequenceClassification")
    (look,) = EncoderTexts(tmp_path, 64).looks("tea [SEP] tea")
    assert look.ids.count(3) == 1


def test_broken_folders(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json"):
        open_classifier(tmp_path, CPU)
    write_encoder(tmp_path, "BertForSequenceClassification")
    from safetensors.torch import load_file, save_file

    tensors = load_file(tmp_path / "model.safetensors")
    save_file({name: t for name, t in tensors.items() if "classifier" not in name}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="no classifier"):
        open_classifier(tmp_path, CPU)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        EncoderTexts(tmp_path, 64)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "roberta"}))
    with pytest.raises(WeightsError, match="lacks"):
        open_classifier(tmp_path, CPU)
