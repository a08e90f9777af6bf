"""The benchmarks run, on a tiny corpus of our own and with a detector that finds words."""

import argparse
import gzip
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eyelid.evaluation.figures import Figure
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.testing import FakeDetector

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HARMLESS = ["Roses like sun. Ferns like shade.", "Ducks swim on the lake. Geese fly to the south in autumn."]


def load(args: argparse.Namespace, *, rules: Policy | None = None, images: bool = False) -> Guard:
    return Guard([FakeDetector({"zorb": 0.9}, injection={"obey": 0.8})], policy=rules)


def write(path: Path, *texts: tuple[str, int], source: str = "ours") -> None:
    path.parent.mkdir(exist_ok=True)
    rows = [
        json.dumps({"id": n, "source": source, "response": t, "label": label}) for n, (t, label) in enumerate(texts)
    ]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    harmful, harmless = [(f"Carve a zorb from wood, number {n}.", 1) for n in range(4)], [(t, 0) for t in HARMLESS]
    write(tmp_path / "validation" / "responses_xstest.jsonl.gz", *harmful, *harmless)
    write(tmp_path / "validation" / "responses_gptfuzz.jsonl.gz", *harmful, *harmless)
    write(tmp_path / "validation" / "injection_bipia.jsonl.gz", ("Please obey now.", 1), *harmless)
    write(tmp_path / "train" / "responses.jsonl.gz", *harmless, source="unseen")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "card.json").write_text(json.dumps({"held_out_sources": ["unseen"]}))
    return tmp_path


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def measured(script: ModuleType, folder: Path, *more: str) -> dict[str, Figure]:
    args = script.parse(["--data", str(folder), "--weights", str(folder / "weights"), *more])
    return {figure.name: figure for figure in script.measure(args, load)}


def test_quality(script: Any, folder: Path) -> None:
    figures = measured(script("quality"), folder, "--parts", "answers", "injection", "harmless")
    assert figures["AUROC, responses_xstest, response only"].value == 1.0
    assert figures["recall, injection_bipia"].value == 1.0
    assert figures["false positives, unseen harmless sources"].count == 2
    assert not [name for name, figure in figures.items() if figure.met is False]


def test_own_headings_without_images(script: Any, folder: Path) -> None:
    assert len(set(script("_bench").lines("harmless_headings.txt"))) == 100
    assert len(set(script("_bench").lines("harmful_headings.txt"))) == 100


def test_needle(script: Any, folder: Path) -> None:
    lengths = ["--shortest", "50", "--longest", "300", "--shortest-passage", "1", "--tokens", "100"]
    figures = measured(script("needle"), folder, "--count", "5", "--documents", "3", *lengths)
    assert figures["recall, passage in context"].value == 1.0
    assert figures["long harmless documents stopped"].value == 0.0
    assert not [name for name, figure in figures.items() if figure.met is False]


def test_tricks(script: Any, folder: Path) -> None:
    figures = measured(script("tricks"), folder, "--tricks", "zero_width", "full_width", "--count", "4")
    assert figures["zero_width: still flagged"].value == 1.0
    assert figures["full_width: extra false positives"].value == 0.0


def test_faults(script: Any) -> None:
    faults = script("faults")
    figures = faults.measure(faults.parse(["--role", "decoder"]))
    assert all(figure.met and figure.count > 10 for figure in figures)


def test_streams(script: Any) -> None:
    streams = script("streams")
    figures = streams.measure(streams.parse(["--texts", "6", "--cuts", "3"]))
    assert [figure.value for figure in figures[:3]] == [0, 0, 0]
    assert figures[-1].value == 0.5


def test_the_held_out_sources_must_be_known(script: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "weights" / "card.json").write_text("{}")
    quality = script("quality")
    args = quality.parse(["--data", str(folder), "--weights", str(folder / "weights"), "--parts", "harmless"])
    assert script("_bench").run("quality", lambda a: quality.measure(a, load), args) == 2
    assert "held_out_sources" in capsys.readouterr().err
