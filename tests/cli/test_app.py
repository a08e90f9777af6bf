import json
import re
import subprocess
import sys
from typing import Any

import pytest

from eyelid.testing import FakeDetector


def test_help_teaches(run: Any) -> None:
    done = run("--help")
    for verb in ("check", "scan", "report", "demo", "doctor"):
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("verb", ["check", "scan", "report", "doctor"])
def test_every_verb_has_examples(run: Any, verb: str) -> None:
    done = run(verb, "--help")
    assert "Examples:" in done.stdout
    assert "--json" in done.stdout


def test_version(run: Any) -> None:
    assert re.fullmatch(r"eyelid \d+\.\d+\.\d+\S*\n", run("--version").stdout)


def test_the_module_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "eyelid.cli", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nothing to check" in done.stderr


def test_doctor_lists_what_is_there(run: Any) -> None:
    done = run("doctor", "--no-probe", "--json")
    parts = {item["part"]: item for item in json.loads(done.stdout)}
    assert {
        "eyelid",
        "packages",
        "extra ocr",
        "extra offline",
        "device",
        "image decoder",
        "image reader",
    } <= parts.keys()
    assert parts["image decoder"]["health"] == "ok"
    assert parts["image reader"]["health"] == "ok"
    assert done.exit_code == int(any(item["health"] == "broken" for item in parts.values()))


def test_doctor_finds_a_blind_guard(run: Any) -> None:
    from eyelid import Guard

    done = run("doctor", "--json", load=lambda *_, **__: Guard([FakeDetector()]))
    parts = {item["part"]: item for item in json.loads(done.stdout)}
    assert done.exit_code == 1
    assert parts["a harmless answer"]["health"] == "ok"
    assert parts["a known injection"]["health"] == "broken"


def test_doctor_says_why_the_guard_cannot_be_loaded(run: Any) -> None:
    from eyelid.errors import WeightsError

    def load(*_: Any, **__: Any) -> Any:
        raise WeightsError("the weights are not the pinned ones")

    done = run("doctor", "--json", load=load)
    assert done.exit_code == 1
    assert "not the pinned ones" in done.stdout
