"""However a file is broken, a reader gives rows or the one error, and never another one."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from eyelid.evaluation.benchmarks import BENCHMARKS, BenchmarkError, read
from eyelid.testing import write_miniature

VALUES: list[Any] = [None, True, 0, -1.5, "", " ", "\u2028", "x" * 300, "../x", [], [1], {}, {"a": []}, [[]], "\ud800"]

JUNK = [b"", b"\0", b"\xff", b"\n", b'"', b"{", b"[", b",", b"\t", b"\xef\xbb\xbf", b"NaN", b"[" * 5000]


def texts(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl", ".csv", ".txt", ".gz"))


def read_or_refuse(name: str, folder: Path) -> bool:
    try:
        samples = read(name, folder)
    except BenchmarkError as error:
        refused = error
    else:
        return bool(json.dumps([sample.prompt for sample in samples], ensure_ascii=False).encode())
    assert refused.problems
    assert "forbidden-word" not in str(refused)
    return False


@pytest.mark.parametrize("name", BENCHMARKS)
def test_bytes_cut_swapped_or_put_in(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    folder = write_miniature(name, tmp_path)
    for _ in range(40):
        path = rng.choice(texts(folder))
        whole = path.read_bytes()
        place = rng.randrange(len(whole))
        junk = rng.choice(JUNK)
        path.write_bytes(whole[:place] + junk + whole[place + rng.choice([0, 1, len(whole)]) :])
        read_or_refuse(name, folder)
        path.write_bytes(whole)
    assert read_or_refuse(name, folder)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_values_of_other_types(name: str, tmp_path: Path) -> None:
    """One value of a JSON file, anywhere in it, becomes another one."""
    rng = random.Random(name)
    folder = write_miniature(name, tmp_path)
    files = [path for path in texts(folder) if path.suffix in (".json", ".jsonl")]
    for path in files[:8]:
        whole = path.read_text()
        lines = whole.splitlines() if _is_lines(whole) else [whole]
        for value in VALUES:
            held = [json.loads(line) for line in lines]
            held[0] = _replaced(held[0], rng, value)
            path.write_text("\n".join(map(json.dumps, held)))
            read_or_refuse(name, folder)
        path.write_text(whole)
    assert read_or_refuse(name, folder)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_files_that_are_folders_and_folders_that_are_files(name: str, tmp_path: Path) -> None:
    folder = write_miniature(name, tmp_path / "data")
    for path in [*texts(folder)[:3], *sorted(p for p in folder.iterdir() if p.is_dir())[:2]]:
        aside = tmp_path / "aside"
        path.rename(aside)
        if aside.is_dir():
            path.write_bytes(b"")
        else:
            path.mkdir()
        read_or_refuse(name, folder)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        aside.rename(path)
    assert read_or_refuse(name, folder)


def _is_lines(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _replaced(held: Any, rng: random.Random, value: Any) -> Any:
    """The same with one value in it, at a depth chosen by chance, in place of another one."""
    if not held or not isinstance(held, dict | list) or rng.random() < 0.2:
        return value
    key = rng.choice(list(held)) if isinstance(held, dict) else rng.randrange(len(held))
    held[key] = _replaced(held[key], rng, value)
    return held
