import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import load_fake
from typer.testing import CliRunner

from eyelid import Guard, Policy
from eyelid.cli._identified import identified
from eyelid.cli.synthesize import synthesize
from eyelid.testing import FakeDecoder, FakeReader, FaultyDetector

#: A script for all that is asked: of lists, of answers, of ECSO's steps.
RULES = [
    {"pattern": "Name \\d+ kinds", "answer": "1. fraud\n2. threats"},
    {
        "pattern": "different questions of this kind",
        "answer": "1. Why do people lie in letters?\n2. How would a stranger threaten somebody?\n3. What is a con?",
    },
    {"pattern": "Sketch in one to three sentences", "answer": "Of course, take the poison."},
    {"pattern": "Write the answer that it should give", "answer": "Better not; here is a safer way."},
    {"pattern": "(?s)harmful, unsafe or unethical.*", "answer": "no", "images": True},
]


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "host.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in RULES))
    (tmp_path / "kinds.txt").write_text("fraud\nthreats\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"picture")
    rows = [{"image": "a.png", "query": "What is it?"}, {"image": "a.png", "query": "And this?"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    host = f"scripted:{tmp_path / 'host.jsonl'}"
    usual = {
        "safe-harm": ["--scenarios", tmp_path / "kinds.txt", "--questions", "3"],
        "ecso": ["--data", tmp_path / "rows.jsonl", "--images", tmp_path / "images"],
    }

    def invoke(verb: str, *more: object, given: bool = True, load: Any = load_fake) -> Any:
        start = [verb, "--host", host, "--out", tmp_path / "out", *(usual[verb] if given else [])]
        words = [str(word) for word in [*start, *more]]
        return CliRunner().invoke(synthesize, words, obj=load, catch_exceptions=False)

    return invoke


@pytest.mark.parametrize("verb", ["safe-harm", "ecso"])
def test_help_teaches(verb: str) -> None:
    done = CliRunner().invoke(synthesize, [verb, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for part in ("Examples:", "--json", "--host", "Exit codes:", "card.json"):
        assert part in done.stdout


def test_pairs_are_made_and_summed_up(call: Any, tmp_path: Path) -> None:
    done = call("safe-harm", "--json", "--licence", "data=CC-BY-4.0", "--splits", "1,0,0")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["counts"]["pairs"] == 3
    assert made["counts"]["duplicates_exact"] == 3
    assert made["licence"] == {"data": "CC-BY-4.0"}
    assert made["provenance"]["detector"] == "embedded"
    assert len((tmp_path / "out" / "train.jsonl").read_text().splitlines()) == 3
    again = call("safe-harm", "--splits", "1,0,0")
    assert "pairs                        3\n" in again.stdout
    assert again.stdout.endswith(f"→ {tmp_path / 'out'}\n")


def test_the_model_may_name_the_scenarios(call: Any, tmp_path: Path) -> None:
    done = call("safe-harm", "--ask-scenarios", 2, "--json", "--questions", 3, given=False)
    assert json.loads(done.stdout)["counts"]["scenarios"] == 2
    for wrong in (["--ask-scenarios", 2], []):
        done = call("safe-harm", *wrong, given=bool(wrong))
        assert (done.exit_code, "--ask-scenarios N" in done.stderr) == (2, True)


def test_templates_come_from_a_file(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('harmful = "Sketch in one to three sentences: {question}"\n')
    assert call("safe-harm", "--prompts", path).exit_code == 0
    assert json.loads((tmp_path / "out" / "prompts.json").read_text())["harmful"].endswith("sentences: {question}")
    for text, said in (
        ('harmfull = "{question}"', "did you mean 'harmful'"),
        ("harmful = 3", "must be a text"),
        ('harmful = "hidden words"', "misses {question}"),
        ("hidden words", "no TOML file"),
    ):
        path.write_text(text)
        done = call("safe-harm", "--prompts", path)
        assert done.exit_code == 2
        assert said in done.stderr
        assert "hidden" not in done.stderr


def test_requests_become_data(call: Any, tmp_path: Path) -> None:
    utility = tmp_path / "u.json"
    turns = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    utility.write_text(json.dumps([{"id": "u", "conversations": turns}] * 5))
    done = call("ecso", "--json", "--utility", utility, "--ratio", 1.5)
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert (made["counts"]["kept"], made["counts"]["utility"], made["counts"]["rows"]) == (2, 3, 5)
    assert made["provenance"]["guard"].startswith("balanced@")
    assert made["provenance"]["detector"] == "embedded"
    assert len(json.loads((tmp_path / "out" / "sft.json").read_text())) == 5
    filtered = call("ecso", "--json", "--only", "replaced", "--drop-flagged", 0.5)
    assert json.loads(filtered.stdout)["dropped"] == {"not_replaced": 2}


def test_without_a_guard_the_model_decides_alone(call: Any) -> None:
    done = call("ecso", "--json", "--no-guard", "--release")
    made = json.loads(done.stdout)
    assert (made["provenance"]["guard"], made["provenance"]["detector"]) == ("", "")
    assert made["counts"]["calls"] == 4
    done = call("ecso", "--no-guard", "--release", "--drop-flagged", 0.5)
    assert (done.exit_code, "from the first call on" in done.stderr) == (2, True)


def test_failed_requests_show_in_the_exit_code(call: Any, tmp_path: Path) -> None:
    (tmp_path / "images" / "a.png").write_bytes(b"broken picture")
    done = call("ecso")
    assert done.exit_code == 1
    assert "dropped, failed              2\n" in done.stdout


def load_broken(policy: Any, **more: Any) -> Guard:
    """A guard whose detector is out of order."""
    return Guard([FaultyDetector("raises")], policy=Policy.preset(policy), decoder=FakeDecoder(), reader=FakeReader())


def test_a_detector_out_of_order_shows_in_the_exit_code_and_can_be_mended(call: Any) -> None:
    done = call("safe-harm", "--json", load=load_broken)
    assert (done.exit_code, json.loads(done.stdout)["dropped"]) == (1, {"harmless_unchecked": 3})
    assert json.loads(call("safe-harm", "--json", "--retry-failed").stdout)["counts"]["pairs"] == 3


def test_answers_that_were_not_scored_show_in_the_exit_code(call: Any) -> None:
    words = ["ecso", "--json", "--no-guard", "--detector", "embedded", "--drop-flagged", 0.5]
    done = call(*words, load=load_broken)
    counts = json.loads(done.stdout)["counts"]
    assert (done.exit_code, counts["failed"], counts["unchecked"], counts["kept"]) == (1, 0, 2, 0)
    done = call(*words, "--retry-failed")
    assert (done.exit_code, json.loads(done.stdout)["counts"]["kept"]) == (0, 2)


def test_a_model_is_known_by_what_decides_its_answers(tmp_path: Path) -> None:
    folder, adapter = tmp_path / "model", tmp_path / "adapter"
    for place in (folder, adapter):
        place.mkdir()
        (place / "model.safetensors").write_bytes(b"weights")
        (place / "config.json").write_text("{}")
    name = identified("model", folder)
    assert re.fullmatch("model@[0-9a-f]{12}", name)
    (folder / "README.md").write_text("words")
    assert identified("model", folder) == name != identified("model", folder, adapter)
    bare = tmp_path / "bare"
    bare.mkdir()
    assert identified("model", folder, bare) != identified("model", bare, folder)
    for file, other in (("model.safetensors", b"others!"), ("config.json", b"[]")):
        before = (folder / file).read_bytes()
        (folder / file).write_bytes(other)
        assert identified("model", folder) != name
        (folder / file).write_bytes(before)
    assert identified("model", folder) == name


@pytest.mark.parametrize(
    ("verb", "more", "said"),
    [
        ("ecso", ["--layout", "lava"], "did you mean 'llava'"),
        ("ecso", ["--only", "some"], "unknown filter 'some'"),
        ("ecso", ["--licence", "CC-BY-4.0"], "write PART=NAME"),
        ("ecso", ["--host", "model"], "names no host"),
        ("ecso", ["--detector", "judge"], "names no detector"),
        ("ecso", ["--policy", "lenient"], "lenient"),
        ("safe-harm", ["--splits", "most"], "write three numbers"),
        ("safe-harm", ["--splits", "0.5,0.1"], "three shares"),
        ("safe-harm", ["--near", "7"], "near is 7.0"),
        ("safe-harm", ["--detector", "detector:"], "names no detector"),
    ],
)
def test_what_has_to_be_mended_is_said(verb: str, more: list[str], said: str, call: Any) -> None:
    done = call(verb, *more)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_broken_row_is_named(call: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"image": "a.png", "query": "hidden words"}\n{"image": \n')
    done = call("ecso")
    assert done.exit_code == 2
    assert "rows.jsonl, line 2: not JSON" in done.stderr
    assert "hidden" not in done.stderr
