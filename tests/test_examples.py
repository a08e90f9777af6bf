"""The scripts in examples/ run as they stand and print what they are meant to show."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@cache
def run(script: str) -> str:
    done = subprocess.run([sys.executable, EXAMPLES / script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("custom_policy.py", ["block self_harm", "allow"]),
        ("custom_detector.py", ["[allow] nothing found: Your order", "privacy"]),
        ("check_response.py", ["[allow]", "day off"]),
        ("filter_tool_results.py", ["injection", "K-100", "K-200"]),
        ("guard_stream.py", ["Smile, ask people", "reached its threshold"]),
        ("check_images.py", ["allow", "block"]),
        ("eyes_closed.py", ["A locksmith can open your own", "judge    with 1 image", "reask    with 0 images"]),
    ],
)
def test_it_shows_what_it_is_for(script: str, shown: list[str]) -> None:
    printed = run(script)
    for passage in shown:
        assert passage in printed


def test_what_is_harmful_is_not_passed_on() -> None:
    assert "attacker.example" not in run("filter_tool_results.py")
    assert "beat her up" not in run("guard_stream.py")
    assert "4111" not in run("custom_detector.py")
    assert "Push a pick" not in run("eyes_closed.py")


def test_every_script_is_run() -> None:
    marks = test_it_shows_what_it_is_for.pytestmark
    assert {row[0] for row in marks[0].args[1]} == {file.name for file in EXAMPLES.glob("*.py")} - {"render_images.py"}
