"""Training and exporting on the command line, on models that are made here."""

import json
from pathlib import Path

import pytest
import torch
import typer
from tests.training.toys import pairs, rewrites, write_base
from typer.testing import CliRunner

from eyelid.cli import app
from eyelid.cli._training import mended
from eyelid.detectors import SequenceDetector
from eyelid.detoxifiers import GenerativeDetoxifier

RUNNER = CliRunner()
QUICK = ["--epochs", "1", "--max-length", "64", "--rank", "4", "--held-out", "0.3", "--device", "cpu"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_base(tmp_path_factory.mktemp("base"))


def run(*words: object) -> tuple[int, str, str]:
    result = RUNNER.invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_a_detector_from_the_command_line(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 40)
    out = tmp_path / "run"
    code, told, _ = run(
        "train", "detector", data, "--base", base, "--out", out, "--preset", "release", *QUICK, "--json"
    )
    assert code == 0
    result = json.loads(told)
    assert result["task"] == "detector"
    assert {"auroc", "missed_at_0.5", "false_alarms_at_0.5", "ece"} <= result["metrics"].keys()
    code, told, _ = run("export", out, "--out", tmp_path / "merged", "--merge")
    assert (code, "model.safetensors" in told) == (0, True)
    assert SequenceDetector(tmp_path / "merged", device="cpu").format.harmless == ("safe",)


def test_a_detoxifier_from_the_command_line(tmp_path: Path, base: Path) -> None:
    data = rewrites(tmp_path / "rewrites.jsonl", 30)
    out = tmp_path / "run"
    # The usual wording is too long for so small a context, which counts bytes.
    code, _, said = run("train", "detoxifier", data, "--base", base, "--out", out, *QUICK)
    assert code == 2
    assert "too long" in said
    wide = write_base(tmp_path / "wide", max_position_embeddings=512)
    rest = [*QUICK[:2], "--max-length", "400", *QUICK[4:]]
    code, told, _ = run("train", "detoxifier", data, "--base", wide, "--out", out.with_name("other"), *rest)
    assert code == 0
    assert "exact match" in told
    code, told, _ = run("export", out.with_name("other"), "--out", tmp_path / "adapter", "--json")
    assert "adapter_model.safetensors" in json.loads(told)["files"]
    assert GenerativeDetoxifier(wide, adapter=tmp_path / "adapter", device="cpu").format.with_question


def test_wrong_uses_say_what_to_do(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 10)
    code, _, said = run("train", "detector", data, "--out", tmp_path / "run")
    assert (code, "--base" in said) == (2, True)
    code, _, said = run("train", "detector", data, "--base", base, "--out", tmp_path / "run", "--preset", "papr")
    assert (code, "paper" in said) == (2, True)
    data.write_text('{"prompt": "ZQXBAD"}\n')
    code, _, said = run("train", "detoxifier", data, "--base", base, "--out", tmp_path / "run")
    assert (code, "line 1" in said, "ZQXBAD" in said) == (2, True, False)
    code, _, said = run("export", tmp_path, "--out", tmp_path / "out")
    assert (code, "finished run" in said) == (2, True)


def test_options_that_would_do_nothing_are_refused(tmp_path: Path, base: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl", 10)
    code, _, said = run("train", "detector", tmp_path, "--out", tmp_path / "run", "--epochs", "2", "--max-length", "64")
    assert (code, "--epochs, --max-length" in said, "--base" in said) == (2, True, True)
    code, _, said = run("train", "detector", data, "--base", base, "--out", tmp_path / "run", "--share", "0.5")
    assert (code, "--share" in said) == (2, True)
    for verb in ("detector", "detoxifier"):
        code, _, said = run("train", verb, data, "--base", base, "--out", tmp_path / "run", "--full", "--rank", "4")
        assert (code, "--rank" in said) == (2, True)
    assert not (tmp_path / "run").exists()


def test_memory_that_runs_out_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(typer.Exit):
        mended(work)
    assert "--accumulate" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="other"):
        mended(lambda: (_ for _ in ()).throw(RuntimeError("other")))


def test_an_export_takes_no_folder_that_holds_something(tmp_path: Path) -> None:
    code, _, said = run("export", tmp_path, "--out", tmp_path / "out")
    assert (code, "finished run" in said) == (2, True)


@pytest.mark.parametrize("words", [("train", "detector"), ("train", "detoxifier"), ("export",)])
def test_help_teaches(words: tuple[str, ...]) -> None:
    code, told, _ = run(*words, "--help")
    assert code == 0
    assert "Example" in told
