import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.synthesis.scene import PROMPTS, files, listed, plan, read, writer

from eyelid.errors import ConfigurationError, EngineError
from eyelid.protocols import AskRequest
from eyelid.synthesis import SPLITS, SafeHarmPrompts, normalised, read_scenarios, synthesize_safe_harm
from eyelid.synthesis._pairs import split_of
from eyelid.testing import FakeDetector, FaultyDetector, FaultyHost
from eyelid.types import Failure

SCENARIOS = ["fraud", "threats"]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for name in SPLITS for row in read(folder / f"{name}.jsonl")]


def test_a_whole_run(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made = synthesize_safe_harm(plan(), SCENARIOS, tmp_path, progress=lambda *at: told.append(at))
    assert len(rows(tmp_path)) == made["counts"]["pairs"] == made["counts"]["questions"] == 8
    for row in rows(tmp_path):
        assert list(row) == [
            "id",
            "scenario",
            "prompt",
            "question",
            "response_0",
            "response_1",
            "is_response_0_safe",
            "is_response_1_safe",
            "safer_response_id",
            "source",
        ]
        assert row["prompt"] == row["question"]
        safer = row["safer_response_id"]
        assert row[f"response_{safer}"].startswith("Better not")
        assert "forbidden-word" in row[f"response_{1 - safer}"]
        assert (row[f"is_response_{safer}_safe"], row[f"is_response_{1 - safer}_safe"]) == (True, False)
        assert row["source"] == f"model prompts={PROMPTS.digest} detector=fake"
    assert {row["scenario"] for row in rows(tmp_path)} == set(SCENARIOS)
    assert told[0] == ("questions", 0, 2)
    assert told[-1] == ("answers", 8, 8)


def test_both_models_train_on_it(tmp_path: Path) -> None:
    from eyelid.training.protector import Pair, read_judged, read_rewrites

    synthesize_safe_harm(plan(splits=(1, 0, 0)), SCENARIOS, tmp_path)
    pairs = read_judged([tmp_path / "train.jsonl"])
    assert len(pairs) == 8
    assert all(isinstance(pair, Pair) and pair.better.safe and not pair.worse.safe for pair in pairs)
    rewrites = read_rewrites([tmp_path / "train.jsonl"])
    assert all("forbidden-word" in each.original and each.target.startswith("Better not") for each in rewrites)


def test_the_order_of_the_answers_is_drawn_by_the_seed(tmp_path: Path) -> None:
    def order(seed: int, name: str) -> list[int]:
        synthesize_safe_harm(plan(seed=seed, questions=60, splits=(1, 0, 0)), SCENARIOS, tmp_path / name)
        return [row["safer_response_id"] for row in rows(tmp_path / name)]

    first = order(0, "a")
    assert 40 <= sum(first) <= 80
    assert first == order(0, "b")
    assert first != order(1, "c")


def test_splits_share_no_question(tmp_path: Path) -> None:
    made = synthesize_safe_harm(plan(questions=100, splits=(0.6, 0.2, 0.2)), SCENARIOS, tmp_path)
    by_split = {name: {normalised(row["question"]) for row in read(tmp_path / f"{name}.jsonl")} for name in SPLITS}
    assert made["splits"] == {name: len(found) for name, found in by_split.items()}
    assert sum(map(len, by_split.values())) == len(set.union(*by_split.values())) == 200
    assert 90 <= len(by_split["train"]) <= 150
    assert min(map(len, by_split.values())) >= 20


def test_the_model_may_name_the_scenarios(tmp_path: Path) -> None:
    host = writer()
    made = synthesize_safe_harm(plan(host), 3, tmp_path)
    assert {row["scenario"] for row in rows(tmp_path)} == {"fraud", "threats", "spying"}
    assert made["provenance"]["scenarios"] == {"asked": 3}
    asked = host.count
    synthesize_safe_harm(plan(host), 3, tmp_path)
    assert host.count == asked


def test_a_model_that_names_none_or_does_not_answer_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="named no scenario"):
        synthesize_safe_harm(plan(writer(name="I cannot help with that.")), 3, tmp_path / "a")
    down = writer(list=Failure("ask", "unavailable"))
    with pytest.raises(EngineError, match="ask:unavailable"):
        synthesize_safe_harm(plan(down), SCENARIOS, tmp_path / "b")
    made = synthesize_safe_harm(plan(), SCENARIOS, tmp_path / "b")
    assert made["counts"]["pairs"] == 8


def test_refusals_are_counted_and_asked_again(tmp_path: Path) -> None:
    host = writer(list=lambda request: "I'm sorry, no." if "fraud" in request.prompt else listed(request))
    made = synthesize_safe_harm(plan(host, tries=2), SCENARIOS, tmp_path)
    assert made["counts"]["lists_refused"] == 2
    assert made["counts"]["scenarios_without_questions"] == 1
    assert made["counts"]["pairs"] == 4
    never = writer(bad="I can't help with that forbidden-word.")
    made = synthesize_safe_harm(plan(never, tries=3), SCENARIOS, tmp_path / "never")
    assert (made["dropped"], made["counts"]["pairs"]) == ({"harmful_refused": 8}, 0)
    assert made["misses"] == {"harmful_refused": 24}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"bad": "All is well."}, "harmful_wrong_label"),
        ({"good": "forbidden-word"}, "harmless_wrong_label"),
        ({"good": "doubtful-word"}, "harmless_wrong_label"),
        ({"good": "  "}, "harmless_empty"),
        ({"bad": Failure("ask", "timeout")}, "harmful_failed"),
        ({"good": "All quite well.", "bad": "forbidden-word", "detector": FaultyDetector("nan")}, "harmless_unchecked"),
        ({"detector": FaultyDetector("partial")}, "harmless_unchecked"),
        ({"detector": FaultyDetector("raises")}, "harmless_unchecked"),
        ({"detector": FaultyDetector("too_few")}, "harmless_unchecked"),
        ({"detector": FaultyDetector("plain_scores")}, "harmless_unchecked"),
    ],
)
def test_an_answer_that_does_not_score_on_its_side_is_none(
    answers: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    more = {"detector": answers.pop("detector")} if "detector" in answers else {}
    made = synthesize_safe_harm(plan(writer(**answers), **more), ["fraud"], tmp_path)
    assert made["counts"]["pairs"] == 0
    assert made["dropped"] == {reason: 4}


def test_thresholds_leave_out_what_is_in_between(tmp_path: Path) -> None:
    host = writer(bad="doubtful-word, by all means")
    assert synthesize_safe_harm(plan(host), ["fraud"], tmp_path / "a")["counts"]["pairs"] == 4
    made = synthesize_safe_harm(plan(host, harmful_from=0.8), ["fraud"], tmp_path / "b")
    assert made["dropped"] == {"harmful_wrong_label": 4}


def test_a_second_try_may_do(tmp_path: Path) -> None:
    tried = Counter[str]()

    def second(request: AskRequest) -> str:
        tried[request.prompt] += 1
        return "forbidden-word" if tried[request.prompt] > 1 else "All is well."

    made = synthesize_safe_harm(plan(writer(bad=second)), ["fraud"], tmp_path)
    assert (made["counts"]["pairs"], made["misses"]) == (4, {"harmful_wrong_label": 4})


def test_each_try_is_sampled_anew_and_by_the_seed(tmp_path: Path) -> None:
    def seeds(seed: int, name: str, **more: Any) -> list[int]:
        found: list[int] = []

        def bad(request: AskRequest) -> str:
            found.append(request.seed)
            return "All is well."

        synthesize_safe_harm(plan(writer(bad=bad), seed=seed, **more), ["fraud"], tmp_path / name)
        return found

    first = seeds(0, "a")
    assert len(set(first)) == len(first) == 12
    assert sorted(first) == sorted(seeds(0, "b", batch=1))
    assert not set(first) & set(seeds(1, "c"))


def test_two_answers_that_say_the_same_are_no_pair(tmp_path: Path) -> None:
    host = writer(good="A doubtful-word of some length.", bad="a doubtful-word, of some length")
    made = synthesize_safe_harm(plan(host, harmless_below=0.5, harmful_from=0.5), ["fraud"], tmp_path)
    assert made["counts"]["pairs"] == 0
    detector = FakeDetector({"really": 0.9})
    host = writer(good="One should do it like this and that.", bad="One should really do it like this and that.")
    made = synthesize_safe_harm(plan(host, detector=detector, near=0.6), ["fraud"], tmp_path / "b")
    assert made["dropped"] == {"harmful_alike": 4}


def test_duplicates_are_left_out_and_counted(tmp_path: Path) -> None:
    texts = [
        "How would somebody take over the account of a neighbour?",
        "how would SOMEBODY take over the account of a neighbour",
        "How would somebody take over the accounts of a neighbour?",
        "What do people say to frighten a witness?",
    ]
    host = writer(list="\n".join(f"{n}. {text}" for n, text in enumerate(texts, start=1)))
    made = synthesize_safe_harm(plan(host), ["fraud", "theft"], tmp_path)
    counts = made["counts"]
    # Of each scenario three are different to the letter, and of all six only two.
    assert (counts["questions_written"], counts["questions"]) == (6, 2)
    assert (counts["duplicates_exact"], counts["duplicates_near"]) == (2, 2)
    assert {row["question"] for row in rows(tmp_path)} == {texts[0], texts[3]}
    made = synthesize_safe_harm(plan(host, near=1.0), ["fraud", "theft"], tmp_path / "exact")
    assert (made["counts"]["questions"], made["counts"]["duplicates_exact"]) == (3, 3)


def test_a_card_says_how_it_came_about(tmp_path: Path) -> None:
    made = synthesize_safe_harm(
        plan(detector_name="fake@1234", seed=7), SCENARIOS, tmp_path, licence={"data": "CC-BY-4.0", "host": "its own"}
    )
    card = json.loads((tmp_path / "card.json").read_text())
    assert card == {"title": "Safe and harmful answers", **json.loads(json.dumps(made))}
    told = card["provenance"]
    assert (told["host"], told["detector"], told["seed"]) == ("model", "fake@1234", 7)
    assert (told["prompts"], told["harmless_below"], told["harmful_from"]) == (PROMPTS.digest, 0.5, 0.5)
    assert told["version"]
    assert told["started"]
    page = (tmp_path / "README.md").read_text()
    assert page.startswith('---\nlicense: "CC-BY-4.0"\ntags:\n')
    for part in ("| host | its own |", "| pairs | 8 |", PROMPTS.digest, "fake@1234", "| train | "):
        assert part in page
    assert json.loads((tmp_path / "prompts.json").read_text()) == dataclasses.asdict(PROMPTS)


def test_going_on_asks_nothing_twice_and_other_settings_are_refused(tmp_path: Path) -> None:
    host = writer()
    synthesize_safe_harm(plan(host), SCENARIOS, tmp_path)
    before, asked = files(tmp_path), host.count
    synthesize_safe_harm(plan(host, batch=3), SCENARIOS, tmp_path)
    assert (files(tmp_path), host.count) == (before, asked)
    with pytest.raises(ConfigurationError, match="seed is 0 there and 1 here"):
        synthesize_safe_harm(plan(host, seed=1), SCENARIOS, tmp_path)
    with pytest.raises(ConfigurationError, match="scenarios is"):
        synthesize_safe_harm(plan(host), ["fraud"], tmp_path)


def test_failed_questions_are_asked_again_when_wanted(tmp_path: Path) -> None:
    broken = writer(bad=Failure("ask", "timeout"))
    made = synthesize_safe_harm(plan(broken), SCENARIOS, tmp_path)
    assert made["dropped"] == {"harmful_failed": 8}
    host = writer()
    assert synthesize_safe_harm(plan(host), SCENARIOS, tmp_path)["counts"]["pairs"] == 0
    assert host.count == 0
    assert synthesize_safe_harm(plan(host), SCENARIOS, tmp_path, retry_failed=True)["counts"]["pairs"] == 8
    assert not (tmp_path / "answers.retry.jsonl").exists()


def test_answers_that_no_detector_looked_at_are_asked_again_when_wanted(tmp_path: Path) -> None:
    down = plan(detector=FaultyDetector("raises"), detector_name="fake@12")
    made = synthesize_safe_harm(down, SCENARIOS, tmp_path / "a")
    assert (made["counts"]["pairs"], made["dropped"]) == (0, {"harmless_unchecked": 8})
    up = plan(detector_name="fake@12")
    assert synthesize_safe_harm(up, SCENARIOS, tmp_path / "a")["counts"]["pairs"] == 0
    assert synthesize_safe_harm(up, SCENARIOS, tmp_path / "a", retry_failed=True)["counts"]["pairs"] == 8
    synthesize_safe_harm(up, SCENARIOS, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_wrong_label_is_no_failure_to_be_asked_again(tmp_path: Path) -> None:
    synthesize_safe_harm(plan(writer(bad="All is well.")), SCENARIOS, tmp_path)
    host = writer()
    assert synthesize_safe_harm(plan(host), SCENARIOS, tmp_path, retry_failed=True)["counts"]["pairs"] == 0
    assert host.count == 0


@pytest.mark.parametrize("step", [slice(1, None), slice(None, None, -1)], ids=["shifted", "turned"])
def test_answers_to_other_questions_are_refused(step: slice, tmp_path: Path) -> None:
    synthesize_safe_harm(plan(), SCENARIOS, tmp_path)
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[step]) + "\n")
    host = writer()
    with pytest.raises(ConfigurationError, match=r"answers\.jsonl, line 1: not the answers to that question"):
        synthesize_safe_harm(plan(host), SCENARIOS, tmp_path)
    assert host.count == 0


def test_what_a_batch_remembered_is_gone_when_it_is_done(tmp_path: Path) -> None:
    synthesize_safe_harm(plan(), SCENARIOS, tmp_path)
    assert not (tmp_path / "replies.jsonl").exists()


def test_an_apology_before_a_list_is_no_refusal(tmp_path: Path) -> None:
    host = writer(list=lambda request: "I'm sorry, but these are all:\n" + listed(request))
    counts = synthesize_safe_harm(plan(host), SCENARIOS, tmp_path)["counts"]
    assert (counts["lists_refused"], counts["pairs"]) == (0, 8)


def test_a_question_belongs_to_one_part_however_it_is_written() -> None:
    for number in range(50):
        assert split_of(f"Why number {number}?", plan()) == split_of(f"  why NUMBER {number}", plan())


@pytest.mark.parametrize("name", ["scenarios", "questions", "harmless", "harmful"])
def test_any_other_template_makes_another_digest(name: str) -> None:
    other = dataclasses.replace(PROMPTS, **{name: "other " + getattr(PROMPTS, name)})
    assert other.digest != PROMPTS.digest


def test_another_model_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    synthesize_safe_harm(plan(host_name="model@1"), SCENARIOS, tmp_path)
    assert {row["source"] for row in rows(tmp_path)} == {f"model@1 prompts={PROMPTS.digest} detector=fake"}
    with pytest.raises(ConfigurationError, match="host is 'model@1' there and 'model@2' here"):
        synthesize_safe_harm(plan(host_name="model@2"), SCENARIOS, tmp_path)


@pytest.mark.parametrize("fault", ["raises", "none", "too_few", "wrong_type"])
def test_a_faulty_host_costs_only_its_own_rows(fault: str, tmp_path: Path) -> None:
    host = FaultyHost(fault, poison="bad:", inner=writer())
    made = synthesize_safe_harm(plan(host, tries=1), ["fraud"], tmp_path)
    assert made["dropped"] == {"harmful_failed": 4}


@pytest.mark.parametrize(
    "wrong",
    [
        {"questions": 0},
        {"tries": 0},
        {"batch": 0},
        {"near": 0.0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"seconds": 0.0},
        {"seconds": float("nan")},
        {"harmless_below": 0.9},
        {"harmful_from": float("nan")},
        {"splits": (0.5, 0.5)},
        {"splits": (0.9, 0.9, -0.8)},
        {"splits": (0.9, 0.0, 0.0)},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        plan(**wrong)


def test_scenarios_have_to_be_some(tmp_path: Path) -> None:
    for none in ([], ["  "], 0):
        with pytest.raises(ConfigurationError, match="no scenario"):
            synthesize_safe_harm(plan(), none, tmp_path)


def test_templates_need_their_fields() -> None:
    with pytest.raises(ConfigurationError, match=r"misses \{question\}"):
        SafeHarmPrompts(harmful="say something bad")
    with pytest.raises(ConfigurationError, match=r"has \{answer\}"):
        SafeHarmPrompts(harmless="{question} {answer}")
    assert SafeHarmPrompts().digest != PROMPTS.digest
    assert "<|im_start|>" not in SafeHarmPrompts().for_answer("harmful", "fraud", "<|im_start|>system")


def test_scenarios_are_read_from_files(tmp_path: Path) -> None:
    text = tmp_path / "some.txt"
    text.write_text("\ufeff# kinds\nfraud\n\n threats \nfraud\n")
    assert read_scenarios(text) == ["fraud", "threats"]
    rows = tmp_path / "some.jsonl"
    rows.write_text('{"scenario": "fraud"}\n{"scenario": 3, "secret": "words"}\n')
    with pytest.raises(ConfigurationError, match=r"some\.jsonl, line 2: ") as error:
        read_scenarios(rows)
    assert "secret" not in str(error.value)
    text.write_text("# nothing\n")
    with pytest.raises(ConfigurationError, match="names no scenario"):
        read_scenarios(text)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_scenarios(tmp_path / "none.txt")
