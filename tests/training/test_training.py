"""A whole training run on a few invented rows, and the pieces it is made of."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

import eyelid
from eyelid.errors import ConfigurationError
from eyelid.training import load_recipe, read_rows, split, train_detector

GOOD = ["Stir the soup and add salt.", "The library opens at nine.", "Water the plants in the morning."]
BAD = ["Take the wallet while he sleeps.", "Slip the powder in her drink.", "Break the lock at night."]


def rows(task: str, count: int) -> list[dict[str, Any]]:
    made = []
    for number in range(count):
        label = number % 2
        text = f"{(BAD if label else GOOD)[number % 3]} Part {number} of {task}."
        made.append(
            {
                "id": f"{task}-{number}",
                "source": f"{'held' if number % 5 == 0 else 'made'}_{task}",
                "query": text if task == "prompts" else f"Tell me {number} about it.",
                "response": None if task == "prompts" else text * (40 if number == 3 else 6),
                "label": label,
                "category": ("theft", "privacy", "hate")[number // 2 % 3] if label else None,
                "noisy": False,
            }
        )
    return made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("responses", "prompts", "texts", "injection"):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(name, 80))
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    text = (Path(eyelid.__file__).parent / "training" / "recipe.toml").read_text(encoding="utf-8")
    for task, name in (
        ("response", "responses"),
        ("request", "prompts"),
        ("hate", "texts"),
        ("injection", "injection"),
    ):
        text = text.replace(f"[{task}]\n", f"[{task}]\nheld_{name} = {{ held = true }}\nmade_{name} = {{ cap = 20 }}\n")
    for old, new in (
        ("planted = 1800", "planted = 4"),
        ("decoys = 1300", "decoys = 4"),
        ("borrowed = 1200", "borrowed = 4"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace("tokens = 6000", "tokens = 2000"), encoding="utf-8")
    return path


def test_a_run_gives_weights_that_a_guard_takes(data: Path, recipe: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    run = train_detector(
        data, tmp_path / "run", recipe=recipe, threads=1, progress=lambda step, steps, loss: seen.append(step)
    )
    report = json.loads((run / "calibration-report.json").read_text(encoding="utf-8"))
    assert {line["question"] for line in report} == {"answer", "response", "request", "injection", "hate"}
    assert {line["held_out"] for line in report} == {True, False}
    with eyelid.load_guard(weights=run, images=False) as guard:
        outcome = guard.check(prompt="And now?", response="Stir the soup.")
    assert outcome.status is not eyelid.Status.FAILED
    assert 0.0 < outcome.scores["harm"] < 1.0


def test_a_run_that_was_cut_off_goes_on(data: Path, recipe: Path, tmp_path: Path) -> None:
    run = train_detector(data, tmp_path / "run", recipe=recipe, threads=1)
    before = json.loads((run / "state.json").read_text(encoding="utf-8"))
    (run / "detector.safetensors").unlink()
    (run / "linear.safetensors").unlink()
    train_detector(data, run, recipe=recipe, threads=1)
    assert json.loads((run / "state.json").read_text(encoding="utf-8")) == before


def test_held_out_sources_and_shared_queries_stay_apart(data: Path, recipe: Path) -> None:
    parts = split(read_rows(data), load_recipe(recipe))
    for task in ("response", "request", "injection", "hate"):
        assert {e.source for e in parts.held[task]}.isdisjoint(e.source for e in (*parts.train[task], *parts.dev[task]))
        queries = [{e.prompt or e.text for e in part[task]} for part in (parts.train, parts.dev)]
        assert queries[0].isdisjoint(queries[1])


def test_missing_data_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"responses\.jsonl\.gz is missing"):
        read_rows(tmp_path)


def test_a_bad_line_is_named_and_not_quoted(data: Path) -> None:
    with gzip.open(data / "texts.jsonl.gz", "at", encoding="utf-8") as file:
        file.write('{"label": 7, "response": "canary-4711"}\n')
    with pytest.raises(ConfigurationError, match=r"texts\.jsonl\.gz:81") as caught:
        read_rows(data)
    assert "canary" not in str(caught.value)


def test_the_share_is_drawn_from_what_is_trained_on(data: Path, recipe: Path) -> None:
    rules, read = load_recipe(recipe), read_rows(data)
    whole, half = split(read, rules), split(read, rules, share=0.5)
    assert len(half.train["response"]) == len(whole.train["response"]) // 2
    assert half.held == whole.held


def test_augmentation_keeps_labels(data: Path, recipe: Path) -> None:
    from eyelid.training import draw_epoch

    rules = load_recipe(recipe)
    examples = draw_epoch(split(read_rows(data), rules), rules, random.Random(0))
    assert {e.targets["injection"] for e in examples if e.source == "planted"} == {0.0, 1.0}
    assert all(e.text for e in examples)
    assert all(value in (0.0, 1.0) for e in examples for value in e.targets.values())
