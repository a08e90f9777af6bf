import gzip
import json
from pathlib import Path

import pytest

from eyelid.errors import ConfigurationError
from eyelid.evaluation.corpora import read_image_manifest, read_rows, sample


def write(path: Path, *entries: object) -> Path:
    text = "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_read(tmp_path: Path, name: str) -> None:
    entry = {"id": "a", "source": "s", "query": "q", "response": "r", "label": 1, "category": None, "noisy": True}
    (row,) = read_rows(write(tmp_path / name, entry, ""))
    assert (row.id, row.source, row.query, row.response, row.label, row.category, row.noisy) == (
        "a", "s", "q", "r", 1, "", True,
    )  # fmt: skip


@pytest.mark.parametrize("line", ["{secret", "[1]", '{"response": "secret", "label": 2}', '{"label": 1}'])
def test_a_bad_line_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "rows.jsonl", {"response": "fine", "label": 0}, line)
    with pytest.raises(ConfigurationError, match=r"rows\.jsonl, line 2") as caught:
        read_rows(path)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no file .*other\.jsonl"):
        read_rows(tmp_path / "other.jsonl")


def test_the_manifest_names_files_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"png")
    write(tmp_path / "images" / "manifest.jsonl", {"file": "a.png", "label": 1, "category": "Topic", "text": "t"})
    (image,) = read_image_manifest(tmp_path / "images")
    assert (image.path.name, image.label, image.category, image.text, image.question) == ("a.png", 1, "Topic", "t", "")
    write(tmp_path / "images" / "manifest.jsonl", {"file": "../secret.png", "label": 1})
    with pytest.raises(ConfigurationError, match="line 1: the file it names is not in this folder"):
        read_image_manifest(tmp_path / "images")


def test_a_sample_is_reproducible(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "rows.jsonl", *({"id": n, "response": "r", "label": 0} for n in range(50))))
    assert sample(rows, 5, seed=3) == sample(rows, 5, seed=3) != sample(rows, 5, seed=4)
    assert sample(rows, 99) == rows
