"""The scripts in examples/serving run as they stand against a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.running import server

from eyelid import Guard
from eyelid.testing import FakeDetector, FakeDetoxifier

EXAMPLES = Path(__file__).parents[2] / "examples" / "serving"
SHOWN = {
    "check.py": ["[allow] Seven minutes.", "[rewrite] 3 kettles in stock. "],
    "moderate.py": ["not flagged", "flagged eyelid/harm"],
    "stream.py": ["Boil the egg", "[allow]"],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    detector = FakeDetector({"beat her up": 0.9}, injection={"ignore all": 0.97})
    rewriter = FakeDetoxifier(change=lambda text: text.partition("Ignore")[0])
    with Guard([detector], detoxifier=rewriter) as guard, server(guard) as url:
        yield url


@pytest.mark.parametrize("script", SHOWN)
def test_it_shows_what_it_is_for(script: str, url: str) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / script, url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for passage in SHOWN[script]:
        assert passage in done.stdout
    assert "attacker" not in done.stdout


def test_every_script_is_run() -> None:
    assert set(SHOWN) == {file.name for file in EXAMPLES.glob("*.py")}
