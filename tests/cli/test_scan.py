import base64
import json
from pathlib import Path
from typing import Any

import pytest

from eyelid import Guard
from eyelid.cli._rows import BadLine, Row, read_rows
from eyelid.testing import FakeDetector

GOOD = [
    {"id": "a", "prompt": "drink?", "response": "water"},
    {"id": "b", "response": "poison", "surface": "output"},
    {"id": 3, "prompt": "venom", "surface": "input"},
    {"id": "d", "response": "obey me, 3 kettles", "surface": "tool_result", "label": 1},
]


def write(file: Path, rows: list[Any]) -> Path:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_row_gets_its_outcome(run: Any, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", GOOD), tmp_path / "out.jsonl"
    done = run("scan", source, "--out", out, "--batch", "3", "--json")
    assert done.exit_code == 0
    records = read(out)
    assert [(r["id"], r["action"]) for r in records] == [
        ("a", "allow"),
        ("b", "rewrite"),
        (3, "block"),
        ("d", "rewrite"),
    ]
    assert {"id", "action", "category", "scores", "text", "failures", "coverage", "status"} <= records[0].keys()
    assert records[1]["text"] == "flowers"
    assert records[1]["spans"][0] == {"start": 0, "end": 6, "category": "harm", "score": 0.9}
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["rewrite"], summary["bad"]) == (4, 2, [])


def test_bad_lines_are_reported_and_the_others_kept(run: Any, tmp_path: Path) -> None:
    rows = [
        GOOD[0],
        "{not json secret",
        "[1]",
        '{"id": true, "response": "secret"}',
        {"id": "x", "respons": "secret"},
        {"id": "y", "response": 5},
        {"id": "z", "prompt": "secret", "surface": "output"},
        {"id": "a", "response": "secret again"},
        {"id": "u", "response": "secret", "surface": "everywhere"},
        {"id": "v", "response": "secret", "images": ["../../etc/passwd"]},
        {"id": "w", "response": "secret", "images": ["https://secret.example/a.png"]},
        {"id": "n", "response": "secret", "images": ["a\x00b"]},
        {"id": "m", "response": "secret", "images": ["round"]},
        '{"id": "twice", "response": "secret", "response": "water"}',
        "[" * 100_000,
        "",
        GOOD[1],
    ]
    (tmp_path / "round").symlink_to("round")
    source, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    done = run("scan", source, "--out", out, "--json")
    assert done.exit_code == 1
    assert [r["id"] for r in read(out)] == ["a", "b"]
    bad = json.loads(done.stdout)["bad"]
    assert [item["line"] for item in bad] == list(range(2, 16))
    assert all(f"line {item['line']}: " in done.stderr for item in bad)
    assert "secret" not in done.stdout + done.stderr


def test_bytes_that_are_not_utf8_are_a_bad_line(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'\xef\xbb\xbf{"id": 1, "response": "x"}\n{"id": 2, "response": "\xff"}\n{"id": 3, "response": ""}'
    )
    with source.open("rb") as file:
        first, second, third = read_rows(file, root=tmp_path)
    assert isinstance(first, Row)
    assert isinstance(second, BadLine)
    assert isinstance(third, Row)
    assert third.line == 3


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    with source.open("wb") as file:
        file.write(b"x" * 1000 + b'\n{"id": 1, "response": "x"}\n')
    with source.open("rb") as file:
        bad, row = read_rows(file, root=tmp_path, longest=100)
    assert isinstance(bad, BadLine)
    assert isinstance(row, Row)
    assert row.line == 2


def test_images_are_files_below_the_root_or_data_urls(run: Any, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"picture of poison")
    url = "data:image/png;base64," + base64.b64encode(b"picture of poison").decode()
    rows = [
        {"id": "file", "prompt": "do it", "images": ["p.png"]},
        {"id": "url", "prompt": "do it", "images": [url], "surface": "input"},
        {"id": "only", "images": ["p.png"], "surface": "input"},
    ]
    source, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    assert run("scan", source, "--out", out).exit_code == 0
    assert [r["action"] for r in read(out)] == ["block"] * 3
    other = tmp_path / "elsewhere"
    other.mkdir()
    done = run("scan", source, "--out", tmp_path / "o2.jsonl", "--image-root", other)
    assert done.exit_code == 1
    assert [r["id"] for r in read(tmp_path / "o2.jsonl")] == ["url"]


def test_it_goes_on_where_it_was_interrupted(run: Any, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", GOOD), tmp_path / "out.jsonl"
    assert run("scan", source, "--out", out).exit_code == 0
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (lines[0], lines[0] + lines[1][:40], lines[0] + lines[1][:3], whole[:-1], b""):
        out.write_bytes(cut)
        done = run("scan", source, "--out", out, "--json")
        assert done.exit_code == 0
        assert json.loads(done.stdout)["skipped"] == cut.count(b"\n")
        assert [r["id"] for r in read(out)] == ["a", "b", 3, "d"]


def test_what_was_done_before_an_interrupt_is_kept(run: Any, tmp_path: Path) -> None:
    class Interrupted(Guard):
        def check_many(self, exchanges: Any) -> Any:
            exchanges = list(exchanges)
            if any("poison" in exchange.response for exchange in exchanges):
                raise KeyboardInterrupt
            return super().check_many(exchanges)

    source, out = write(tmp_path / "in.jsonl", GOOD), tmp_path / "out.jsonl"
    done = run("scan", source, "--out", out, "--batch", "1", load=lambda *_, **__: Interrupted([FakeDetector()]))
    assert done.exit_code == 130
    assert [r["id"] for r in read(out)] == ["a"]
    assert run("scan", source, "--out", out).exit_code == 0
    assert len(read(out)) == 4


@pytest.mark.parametrize("content", [b"holiday notes", b"GIF89a\n...", b'{"id": 1, "prompt": "x"}', b'{"id": 1}\n'])
def test_another_file_is_never_overwritten(run: Any, tmp_path: Path, content: bytes) -> None:
    source, out = write(tmp_path / "in.jsonl", GOOD), tmp_path / "out.jsonl"
    out.write_bytes(content)
    done = run("scan", source, "--out", out)
    assert done.exit_code == 2
    assert out.read_bytes() == content


def test_out_must_not_be_the_input(run: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", GOOD)
    before = source.read_bytes()
    assert run("scan", source, "--out", source).exit_code == 2
    assert source.read_bytes() == before


def test_out_in_a_folder_that_is_not_there(run: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", GOOD)
    done = run("scan", source, "--out", tmp_path / "no" / "out.jsonl")
    assert done.exit_code == 2
    assert "out.jsonl" in done.stderr
