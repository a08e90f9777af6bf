"""Backbone and weights are found, and only the pinned ones are taken."""

import shutil
from pathlib import Path

import pytest

from eyelid.errors import WeightsError
from eyelid.models import FILES, find_backbone, find_weights, write_manifest


def test_the_packaged_backbone_is_found() -> None:
    assert (find_backbone() / "model.safetensors").is_file()


def test_an_altered_backbone_is_refused(tmp_path: Path) -> None:
    for name in FILES:
        shutil.copy(find_backbone() / name, tmp_path / name)
    with (tmp_path / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(WeightsError, match="not the pinned one"):
        find_backbone(tmp_path)


def test_a_folder_without_a_backbone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"has no model\.safetensors"):
        find_backbone(tmp_path)


def test_the_shipped_weights_are_whole() -> None:
    folder = find_weights()
    assert (folder / "MODEL_CARD.md").is_file()


@pytest.mark.parametrize("name", ["detector.safetensors", "calibration.json"])
def test_altered_weights_are_refused(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(find_weights(), tmp_path / "weights")
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        find_weights(folder)
    write_manifest(folder)
    assert find_weights(folder) == folder


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"manifest\.json"):
        find_weights(tmp_path)
