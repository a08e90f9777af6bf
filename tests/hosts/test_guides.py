"""The code in the guides to hosts and detoxifiers runs, where it needs neither a model nor a server."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
#: What is not here.
_ELSEWHERE = ("models/", "https://")


def blocks() -> list[tuple[str, str]]:
    return [
        (name, code)
        for name in ("hosts.md", "detoxifiers.md")
        for code in _BLOCK.findall((DOCS / name).read_text("utf-8"))
        if not any(word in code for word in _ELSEWHERE)
    ]


@pytest.mark.parametrize(("name", "code"), blocks())
def test_it_runs(name: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, name, "exec"), {"__name__": name})
    printed = capsys.readouterr().out
    assert "print(" not in code or printed


def test_there_are_some() -> None:
    assert len(blocks()) >= 3


def test_what_needs_a_model_is_python_all_the_same() -> None:
    for name in ("hosts.md", "detoxifiers.md"):
        for code in _BLOCK.findall((DOCS / name).read_text("utf-8")):
            compile(code, name, "exec")
