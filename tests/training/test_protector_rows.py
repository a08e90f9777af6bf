"""Rows are read in every form they come in, and whatever is wrong with one is named without its content."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.training.protector import Answer, Labelled, Pair, Rewrite, read_judged, read_rewrites
from eyelid.training.protector._rows import REFUSAL, held_out, rewrites_of

PAIR = {
    "prompt": "what?",
    "response_0": "the mild one",
    "response_1": "the forbidden one",
    "is_response_0_safe": True,
    "is_response_1_safe": False,
    "safer_response_id": 0,
    "better_response_id": 1,
}


def write(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    file = folder / name
    if name.endswith(".json"):
        file.write_text(json.dumps(list(rows)))
        return file
    text = "\n\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.json"])
def test_pairs_and_single_answers_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    single = {"id": "x", "query": "how?", "response": "so", "label": 1}
    pair, alone = read_judged([write(tmp_path, PAIR, single, name=name)])
    assert pair == Pair("what?", Answer("the mild one", True), Answer("the forbidden one", False))
    assert alone == Labelled("how?", Answer("so", False))
    assert len(pair.answers) == 2


def test_the_rows_of_the_safe_harm_generator_are_read(tmp_path: Path) -> None:
    own = {**PAIR, "question": PAIR["prompt"], "id": "1", "scenario": "s", "source": "x", "safer_response_id": 1}
    del own["prompt"]
    (pair,) = read_judged([write(tmp_path, own)])
    assert isinstance(pair, Pair)
    assert (pair.prompt, pair.better.text) == ("what?", "the forbidden one")


@pytest.mark.parametrize(
    ("safe", "safer", "expected"),
    [
        ((True, False), 0, ("the forbidden one", "the mild one")),
        ((True, True), 1, ("the mild one", "the forbidden one")),
        ((False, False), 0, ("the forbidden one", REFUSAL)),
    ],
)
def test_the_less_safe_answer_is_rewritten_to_the_safer_one(
    tmp_path: Path, safe: tuple[bool, bool], safer: int, expected: tuple[str, str]
) -> None:
    row = {**PAIR, "is_response_0_safe": safe[0], "is_response_1_safe": safe[1], "safer_response_id": safer}
    (rewrite,) = read_rewrites([write(tmp_path, row)])
    assert rewrite == Rewrite("what?", *expected)
    kept = read_rewrites([write(tmp_path, row)], both_safe=False, refusal="No.")
    assert len(kept) == (0 if safe == (True, True) else 1)
    assert safe != (False, False) or kept[0].target == "No."


def test_own_rewrites_are_read(tmp_path: Path) -> None:
    row = {"query": "what?", "original": "a", "target": "b"}
    assert read_rewrites([write(tmp_path, row)]) == [Rewrite("what?", "a", "b")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({**PAIR, "is_response_1_safe": "no"}, "is_response_1_safe"),
        ({**PAIR, "safer_response_id": 2}, "safer_response_id"),
        ({**PAIR, "response_1": None}, "response_1"),
        ({**PAIR, "prompt": 3}, "prompt"),
        ({"query": "ZQXBAD", "response": "ZQXBAD", "label": 2}, "label"),
        ({"query": "ZQXBAD", "label": 1}, "response"),
        ("ZQXBAD no json", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 200_000, "not JSON"),
    ],
)
def test_a_wrong_row_is_named_and_not_quoted(tmp_path: Path, wrong: Any, says: str) -> None:
    file = write(tmp_path, PAIR, wrong)
    with pytest.raises(ConfigurationError, match=says) as caught:
        read_judged([file])
    assert f"{file}, line 3: " in str(caught.value)  # `write` leaves every other line empty
    assert "ZQXBAD" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_in_a_list_the_row_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, PAIR, {**PAIR, "prompt": 3}, name="rows.json")
    with pytest.raises(ConfigurationError, match=r"rows\.json, row 2: "):
        read_judged([file])


def test_an_answer_without_a_request_stands_alone(tmp_path: Path) -> None:
    rows = [{"response": "so", "label": 0}, {"query": None, "prompt": "how?", "response": "so", "label": 1}]
    assert [row.prompt for row in read_judged([write(tmp_path, *rows)])] == ["", "how?"]
    assert read_rewrites([write(tmp_path, {"original": "a", "target": "b"})]) == [Rewrite("", "a", "b")]


ANSWERS = st.builds(Answer, st.text(), st.booleans())


@given(st.lists(st.builds(Pair, st.text(), ANSWERS, ANSWERS)), st.booleans())
def test_no_unsafe_answer_is_ever_a_target(pairs: list[Pair], both_safe: bool) -> None:
    made = rewrites_of(pairs, both_safe=both_safe)
    used = [pair for pair in pairs if not pair.contradicts and (both_safe or not pair.worse.safe)]
    assert [row.original for row in made] == [pair.worse.text for pair in used]
    assert [row.target for row in made] == [pair.better.text if pair.better.safe else REFUSAL for pair in used]
    assert all(pair.better.safe or not pair.worse.safe for pair in used)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b"{}" * 99)[:20])
    (tmp_path / "bad.jsonl.gz").write_bytes(gzip.compress(b"")[:10] + b"\xff" * 20)
    (tmp_path / "odd.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "no.json").write_text("{}")
    for name in ("none.jsonl", "cut.jsonl.gz", "bad.jsonl.gz", "odd.jsonl", "no.json"):
        with pytest.raises(ConfigurationError, match=name):
            read_judged([tmp_path / name])


def test_a_rewrite_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="original"):
        read_rewrites([write(tmp_path, {"query": "x", "response": "y", "label": 1})])


@given(st.lists(st.text(), min_size=200, max_size=300, unique=True), st.integers(0, 9))
def test_about_the_share_is_held_out_and_always_the_same(prompts: list[str], seed: int) -> None:
    rows = [Labelled(prompt, Answer("so", True)) for prompt in prompts]
    chosen = [held_out(row, 0.3, seed=seed) for row in rows]
    assert 0.1 < sum(chosen) / len(chosen) < 0.5
    assert not any(held_out(row, 0.0, seed=seed) for row in rows)
    # By the request alone, whatever was answered; where there is none, by the text.
    assert [held_out(Rewrite(prompt, "x", "y"), 0.3, seed=seed) for prompt in prompts if prompt] == [
        each for each, prompt in zip(chosen, prompts, strict=True) if prompt
    ]
    alone = [held_out(Labelled("", Answer(prompt, True)), 0.3, seed=seed) for prompt in prompts]
    assert 0.1 < sum(alone) / len(alone) < 0.5


def test_spaces_and_capitals_make_no_other_request() -> None:
    for number in range(40):
        one = held_out(Rewrite(f"Ask {number} how", "x", "y"), 0.5)
        assert one == held_out(Labelled(f" ask  {number} HOW\n", Answer("x", True)), 0.5)
