"""A process that is killed at any moment, and one that goes on, make what one process makes."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.synthesis.killed import run
from tests.synthesis.scene import files, read, requests

ROOT = Path(__file__).parents[2]


def prepare(folder: Path) -> None:
    requests(folder, 40)
    turns = [{"from": "human", "value": "plain"}, {"from": "gpt", "value": "answer"}]
    (folder / "utility.json").write_text(json.dumps([{"id": f"u{n}", "conversations": turns} for n in range(40)]))


def kill(engine: str, folder: Path, calls: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.synthesis.killed", engine, str(folder), str(calls)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    ("engine", "calls", "grown"),
    [("ecso", 11, "records.jsonl"), ("safe-harm", 3, "replies.jsonl"), ("safe-harm", 12, "answers.jsonl")],
)
def test_after_a_kill_the_result_is_the_same(engine: str, calls: int, grown: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    run(engine, tmp_path, tmp_path / "whole")
    kill(engine, tmp_path, calls)
    killed = tmp_path / "killed"
    assert not (killed / "card.json").exists()
    assert read(killed / grown)
    run(engine, tmp_path, killed)
    assert files(killed) == files(tmp_path / "whole")
    asked = Counter((tmp_path / "killed.log").read_text().splitlines())
    if engine == "safe-harm":
        assert max(asked.values()) == 1
        assert asked == Counter((tmp_path / "whole.log").read_text().splitlines())


@pytest.mark.parametrize(
    ("engine", "name", "derived"),
    [
        ("ecso", "records.jsonl", ["sft.json", "card.json"]),
        ("safe-harm", "answers.jsonl", ["train.jsonl", "card.json"]),
        ("safe-harm", "lists.jsonl", ["answers.jsonl", "questions.jsonl", "train.jsonl"]),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_file_cut_anywhere_is_mended(
    engine: str, name: str, derived: list[str], share: float, tmp_path: Path
) -> None:
    prepare(tmp_path)
    run(engine, tmp_path, tmp_path / "whole")
    run(engine, tmp_path, tmp_path / "cut")
    path = tmp_path / "cut" / name
    os.truncate(path, int(path.stat().st_size * share))
    for other in derived:
        (tmp_path / "cut" / other).unlink()
    run(engine, tmp_path, tmp_path / "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_an_edited_line_is_named(tmp_path: Path) -> None:
    prepare(tmp_path)
    run("safe-harm", tmp_path, tmp_path / "run")
    path = tmp_path / "run" / "answers.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = "hidden words"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"answers\.jsonl, line 2: no JSON object") as error:
        run("safe-harm", tmp_path, tmp_path / "run")
    assert "hidden" not in str(error.value)


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    from eyelid.synthesis._journal import locked

    prepare(tmp_path)
    with locked(tmp_path / "run"), pytest.raises(ValueError, match="another process is writing"):
        run("ecso", tmp_path, tmp_path / "run")
