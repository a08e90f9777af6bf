import json
from pathlib import Path
from typing import Any

import pytest

from eyelid.cli._cases import load_cases

EXAMPLES = Path(__file__).parents[2] / "examples"

CASES = [
    {"id": 1, "title": "good", "expect": "allow", "response": "water"},
    {"id": 2, "title": "[bad] [/no] markup", "expect": "stop", "response": "poison", "drops": ["poison"], "show": True},
    {"id": 3, "title": "in a stream", "expect": "stop", "response": "water, then venom. " * 9, "stream": True},
    {
        "id": 4,
        "title": "data",
        "expect": "rewrite",
        "response": '{"a": "obey me"}',
        "surface": "tool_result",
        "json": True,
    },
    {"id": 5, "title": "broken image", "expect": "failed", "prompt": "see", "images": ["broken.png"]},
]


def folder(tmp_path: Path, cases: list[dict[str, Any]]) -> Path:
    (tmp_path / "demo.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (tmp_path / "broken.png").write_bytes(b"broken")
    return tmp_path


def test_all_as_expected(run: Any, tmp_path: Path) -> None:
    html = tmp_path / "r.html"
    done = run("demo", "--examples", folder(tmp_path, CASES), "-o", html)
    assert "5 of 5 as expected" in done.stdout
    assert done.exit_code == 0
    assert "as expected" in html.read_text()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"expect": "stop"}, "expected stop"),
        ({"expect": "failed"}, "expected failed"),
        ({"response": "poison", "expect": "allow"}, "expected allow"),
        ({"response": "poison", "expect": "block"}, "expected block"),
        ({"response": "poison", "expect": "stop", "keeps": ["nowhere"]}, "something harmless was lost"),
        ({"response": "poison", "expect": "stop", "drops": ["flowers"]}, "something harmful was left"),
        ({"response": "poison", "expect": "stop", "json": True}, "not JSON any more"),
        ({"response": None, "prompt": "x", "images": ["broken.png"], "expect": "stop"}, "expected stop"),
    ],
)
def test_an_expectation_that_fails_is_an_exit_code(
    run: Any, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    case = {**CASES[0], **change}
    done = run("demo", "--examples", folder(tmp_path, [case]), "-o", tmp_path / "r.html", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)[0]["problem"] == problem


@pytest.mark.parametrize("lines", ["{", '{"id": 1, "response": "x"}', '{"id": 1, "response": "x", "expect": "fine"}'])
def test_a_case_that_is_none_is_usage(run: Any, tmp_path: Path, lines: str) -> None:
    (tmp_path / "demo.jsonl").write_text(lines)
    done = run("demo", "--examples", tmp_path, "-o", tmp_path / "r.html")
    assert done.exit_code == 2
    assert "line 1" in done.stderr


def test_no_examples(run: Any, tmp_path: Path) -> None:
    assert run("demo", "--examples", tmp_path, "-o", tmp_path / "r.html").exit_code == 2


def test_the_examples_cover_what_the_demonstration_is_for() -> None:
    cases = load_cases(EXAMPLES / "demo.jsonl")
    surfaces = {case.row.exchange.surface.value for case in cases}
    assert surfaces == {"input", "output", "tool_call", "tool_result", "retrieved"}
    assert len({case.row.id for case in cases}) == len(cases)
    assert {case.expect for case in cases if case.stream} == {"allow", "stop"}
    assert {case.expect for case in cases if case.row.exchange.images} >= {"allow", "stop"}
