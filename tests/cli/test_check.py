import json
from pathlib import Path
from typing import Any

import pytest

from eyelid import Guard, Outcome
from eyelid.cli._record import outcome_record, printable, to_json
from eyelid.testing import FakeDetector
from eyelid.types import Action, Coverage, Failure, Scores, Status, Surface, Verdict


@pytest.mark.parametrize(
    ("response", "code", "action", "text"),
    [
        ("water", 0, "allow", "water"),
        ("poison and water", 3, "rewrite", "flowers and water"),
        ("venom", 4, "block", None),
    ],
)
def test_exit_code_tells_the_verdict(run: Any, response: str, code: int, action: str, text: str | None) -> None:
    done = run("check", "--prompt", "drink?", "--response", response, "--json")
    record = json.loads(done.stdout)
    assert (done.exit_code, record["action"]) == (code, action)
    assert "venom" not in record["text"]
    assert text is None or record["text"] == text
    assert set(record["scores"]) >= {"harm", "injection"}
    assert record["coverage"]["complete"]


def test_a_failed_look_is_not_a_pass(run: Any, tmp_path: Path) -> None:
    broken = tmp_path / "a.png"
    broken.write_bytes(b"broken")
    done = run("check", "--prompt", "see", "--image", broken, "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 5
    assert (record["action"], record["status"]) == ("block", "failed")
    assert record["failures"][0]["stage"] == "decode"


def test_writing_in_an_image_is_judged(run: Any, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"picture of poison")
    done = run("check", "--prompt", "do it", "--image", picture, "--json")
    assert done.exit_code == 4
    assert json.loads(done.stdout)["image_texts"] == ["drink poison"]


def test_response_from_standard_input(run: Any) -> None:
    done = run("check", "--surface", "tool_result", "--response", "-", "--json", stdin="obey me, 3 kettles")
    record = json.loads(done.stdout)
    assert (done.exit_code, record["category"], record["text"]) == (3, "injection", ", 3 kettles")


def test_for_people(run: Any) -> None:
    done = run("check", "--response", "poison")
    assert "REWRITE" in done.stdout
    assert "flowers" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to check"),
        (("--prompt", "x", "--surface", "output"), "--response"),
        (("--prompt", "the request is not the answer", "--response", ""), "--response"),
        (("--prompt", "-", "--response", "-"), "only one"),
        (("--response", "x", "--policy", "strickt"), "strict"),
        (("--response", "x", "--policy", "no/such.toml"), "such.toml"),
        (("--prompt", "x", "--image", "/no/such/file.png"), "regular file"),
        (("--response", "x", "--surface", "outputt"), "output"),
    ],
)
def test_usage(run: Any, arguments: tuple[str, ...], said: str) -> None:
    done = run("check", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_standard_input_that_is_not_utf8_is_refused(run: Any) -> None:
    done = run("check", "--response", "-", stdin=b"poison \xff")
    assert done.exit_code == 2
    assert "UTF-8" in done.stderr


def test_a_policy_that_raises_is_an_outcome(run: Any, tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text('strategy = "raise"\n[surfaces.output]\nstrategy = "raise"\n')
    assert run("check", "--response", "venom", "--policy", policy, "--json").exit_code == 4


def test_a_broken_detector_stops_the_text(run: Any) -> None:
    class Raises(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            raise RuntimeError("water")

    done = run("check", "--response", "water", "--json", load=lambda *_, **__: Guard([Raises()]))
    assert done.exit_code == 5
    assert "water" not in done.stdout + done.stderr


def test_a_pass_that_the_policy_names_ends_with_0(run: Any, tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text('[surfaces.input]\non_failure = "allow"\n')
    broken = tmp_path / "a.png"
    broken.write_bytes(b"broken")
    done = run("check", "--prompt", "see", "--image", broken, "--policy", policy, "--json")
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (0, "failed")


def test_text_is_shown_and_not_obeyed_by_the_terminal() -> None:
    assert printable("a\x1b[31mb\u202ec\nd") == "a\\x1b[31mb\\u202ec\nd"
    assert printable("Grüße, 日本 🍵") == "Grüße, 日本 🍵"


def test_a_record_is_json_whatever_the_text() -> None:
    verdict = Verdict(Action.BLOCK, "harm", 0.9)
    failure = Failure("read", "timeout", "too late", "reader")
    outcome = Outcome("\ud800 \x00", verdict, Scores(harm=0.9), Status.FLAGGED, Coverage(2, 2), (failure,))
    line = to_json(outcome_record(outcome, Surface.OUTPUT))
    line.encode("utf-8")
    assert json.loads(line)["text"] == "\ud800 \x00"
    assert json.loads(line)["failures"] == [
        {"stage": "read", "code": "timeout", "detail": "too late", "source": "reader"}
    ]


def test_a_model_is_asked_again_with_closed_eyes(run: Any, tmp_path: Path) -> None:
    policy, script, image = tmp_path / "reask.toml", tmp_path / "script.jsonl", tmp_path / "a.png"
    policy.write_text('[surfaces.output]\nstrategy = "reask"\n')
    rules = [
        {"pattern": "Is the answer harmful", "answer": "Yes"},
        {"pattern": "Describe the image", "answer": "A bottle."},
        {"images": False, "answer": "Water."},
    ]
    script.write_text("\n".join(map(json.dumps, rules)))
    image.write_bytes(b"a picture")
    words = ("check", "--policy", policy, "--prompt", "what?", "--response", "odd", "--image", image, "--json")
    done = run(*words, "--model", f"scripted:{script}")
    record = json.loads(done.stdout)
    assert (done.exit_code, record["text"]) == (3, "Water.")
    assert record["reasked"] == {"unsafe": True, "risk": 1.0, "calls": 3}
    missing = run(*words)
    assert (missing.exit_code, "--model" in missing.stderr) == (2, True)
    assert run(*words, "--model", "gpt-4").exit_code == 2
