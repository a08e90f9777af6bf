"""A run as large as MM-SafetyBench, killed without warning and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.evaluation.runs.scene import read, without_times

from eyelid.evaluation.benchmarks import BENCHMARKS
from eyelid.evaluation.tables import write_report
from eyelid.testing import write_miniature

ROOT = Path(__file__).parents[3]
SITTING = """
import sys
from pathlib import Path
from eyelid.evaluation.benchmarks import read
from eyelid.evaluation.runs import Plan, Rows, run
from tests.evaluation.runs.scene import defense, judges, model

data, out = map(Path, sys.argv[1:])
host = model()
plan = Plan(benchmark="mm-safetybench", host=host, defense=defense("ecso", host), judges=judges())
run(plan, Rows(read("mm-safetybench", data), data), out)
"""


def sit(data: Path, out: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", SITTING, str(data), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def lines(out: Path) -> int:
    file = out / "records.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def kill_at(share: float, data: Path, out: Path) -> int:
    """Kill a sitting once so much of all rows is there, and say how many were."""
    sitting = sit(data, out)
    while lines(out) < share * 5040 and sitting.poll() is None:
        time.sleep(0.005)
    sitting.send_signal(signal.SIGKILL)
    sitting.communicate()
    assert sitting.returncode == -signal.SIGKILL
    return lines(out)


def test_a_run_of_5040_rows_survives_being_killed(tmp_path: Path) -> None:
    data, out = write_miniature("mm-safetybench", tmp_path / "data", full=True), tmp_path / "run"
    assert sum(BENCHMARKS["mm-safetybench"].sizes.values()) * 3 == 5040

    first = kill_at(0.2, data, out)
    with (out / "records.jsonl").open("ab") as file:
        file.write(b'{"id": "cut off in the wri')  # as a kill in the middle of writing leaves it
    second = kill_at(0.55, data, out)
    assert 0 < first < second < 5040

    last, whole = sit(data, out), sit(data, tmp_path / "whole")
    for sitting in (last, whole):
        _, errors = sitting.communicate(timeout=120)
        assert (sitting.returncode, errors) == (0, "")

    records, expected = read(out), read(tmp_path / "whole")
    assert len(records) == len({each["id"] for each in records}) == 5040
    assert without_times(records) == without_times(expected)
    assert not any(each["failures"] for each in records)
    figures = [write_report([folder], folder).figures for folder in (out, tmp_path / "whole")]
    assert figures[0]["judges"][0]["tables"] == figures[1]["judges"][0]["tables"] != []
    manifests = [json.loads((folder / "run.json").read_text("utf-8")) for folder in (out, tmp_path / "whole")]
    assert len({each["fingerprint"] for each in manifests}) == 1
