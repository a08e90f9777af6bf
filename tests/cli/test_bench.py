import json
from pathlib import Path
from typing import Any

BRIEFLY = ("bench", "--quick", "--seconds", "0.02", "--no-pipeline")


def test_a_table_a_page_and_a_picture(run: Any, tmp_path: Path) -> None:
    done = run(*BRIEFLY, "-o", tmp_path / "page.html")
    assert done.exit_code == 0
    assert "texts/CPU-s" in done.stdout
    assert "throughput, round 3 of 3" in done.stderr
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert "guard" in (tmp_path / "page.html").read_text("utf-8")


def test_json_alone(run: Any, tmp_path: Path) -> None:
    done = run(*BRIEFLY, "--no-draw", "--json", "-o", tmp_path / "page.html")
    measured = json.loads(done.stdout)
    assert [row["name"] for row in measured["throughput"]] == ["guard"]
    assert [point["clients"] for point in measured["load"][0]["points"]] == [1, 8, 64]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(run: Any, tmp_path: Path) -> None:
    done = run(*BRIEFLY, "-o", tmp_path / "missing" / "page.html")
    assert done.exit_code == 2
    assert "error:" in done.stderr
