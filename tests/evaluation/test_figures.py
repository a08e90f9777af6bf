import json
from pathlib import Path

from eyelid.evaluation.figures import Figure, share, table, write_figures


def test_a_goal_is_met_or_missed() -> None:
    assert Figure("a", 0.97, at_least=0.965).met is True
    assert Figure("a", 0.04, at_most=0.03).met is False
    assert Figure("a", 0.5).met is None
    assert Figure("a", 0.02, at_least=0.01, at_most=0.03).goal == "≥ 0.01 and ≤ 0.03"


def test_nothing_counted_never_meets_a_goal() -> None:
    nothing = share("a", 0, 0, at_most=0.03)
    assert nothing.met is False


def test_the_table_names_what_was_missed() -> None:
    lines = table([share("false positives", 1, 8, at_most=0.1), Figure("AUROC", 0.98765, 20)]).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "false positives",
        "0.125",
        "≤ 0.1",
        "**no**",
        "8",
        "",
    ]
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["AUROC", "0.9877", "", "", "20", ""]
    assert len({len(line) for line in lines}) == 1


def test_figures_are_valid_json_with_their_settings(tmp_path: Path) -> None:
    figures = [share("a", 0, 0, at_most=0.1), Figure("b", 0.5, 2)]
    write_figures(tmp_path / "out.json", "quality", figures, {"seed": 1, "policy": Path("p.toml")})
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert document["settings"] == {"seed": 1, "policy": "p.toml"}
    assert [(entry["value"], entry["met"]) for entry in document["figures"]] == [(None, False), (0.5, None)]
