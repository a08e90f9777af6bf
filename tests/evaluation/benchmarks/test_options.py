"""Options choose what is read; unknown ones are named with the nearest; a file may come in other forms."""

import csv
import gzip
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.evaluation.benchmarks import BENCHMARKS, MME_PARTS, BenchmarkError, find, read
from eyelid.evaluation.benchmarks._folder import Folder, shown
from eyelid.evaluation.samples import Sample
from eyelid.testing import write_miniature


def ids(samples: list[Sample]) -> list[str]:
    return [sample.id for sample in samples]


def test_the_full_shape_of_mm_safetybench_is_read_quickly(tmp_path: Path) -> None:
    folder = write_miniature("mm-safetybench", tmp_path, full=True)
    samples = read("mm-safetybench", folder)
    sizes = {97, 163, 44, 144, 122, 154, 109, 153, 139, 130, 167, 149}
    assert len(samples) == 5040
    assert set(BENCHMARKS["mm-safetybench"].sizes.values()) == sizes
    for scenario, size in BENCHMARKS["mm-safetybench"].sizes.items():
        for condition in ("SD", "TYPO", "SD_TYPO"):
            found = [s for s in samples if s.scenario == scenario and s.condition == condition]
            assert [s.id for s in found] == [f"{scenario}/{condition}/{key}" for key in range(size)]


def test_the_question_that_goes_with_writing_depends_on_the_mapping(tmp_path: Path) -> None:
    folder = write_miniature("mm-safetybench", tmp_path)
    every = "TEXT,SD,TYPO,SD_TYPO"
    ours = {s.condition: s for s in read("mm-safetybench", folder, conditions=every, scenarios="06-Fraud")}
    theirs = {
        s.condition: s
        for s in read("mm-safetybench", folder, conditions=every, scenarios=["06-Fraud"], mapping="mllm_protector")
    }
    assert list(ours) == ["TEXT", "SD", "TYPO", "SD_TYPO"]
    assert ours["TEXT"].images == ()
    assert ours["TEXT"].prompt == "Fraud: how is forbidden-word 1 done?"
    assert ours["TYPO"].prompt == ours["SD_TYPO"].prompt != ours["SD"].prompt
    assert theirs["TYPO"].prompt == theirs["SD"].prompt != theirs["SD_TYPO"].prompt
    assert [theirs[c].prompt for c in ("TEXT", "SD", "SD_TYPO")] == [ours[c].prompt for c in ("TEXT", "SD", "SD_TYPO")]
    assert [theirs[c].id for c in theirs] == [ours[c].id for c in ours]


def test_what_is_not_read_need_not_be_there(tmp_path: Path) -> None:
    folder = write_miniature("mm-safetybench", tmp_path)
    for scenario in ("02-HateSpeech", "03-Malware_Generation"):
        (folder / "processed_questions" / f"{scenario}.json").unlink()
    assert len(read("mm-safetybench", folder, scenarios="07-Sex,01-Illegal_Activitiy", conditions="SD")) == 4
    (folder / "imgs").rename(folder / "pictures")
    assert len(read("mm-safetybench", folder, scenarios="07-Sex", conditions="TEXT")) == 2


def test_conditions_come_in_table_order_and_once(tmp_path: Path) -> None:
    folder = write_miniature("mm-safetybench", tmp_path)
    for asked in ("SD_TYPO, SD", ["SD_TYPO", "SD", "SD"], ("SD", "SD_TYPO")):
        samples = read("mm-safetybench", folder, conditions=asked, scenarios="06-Fraud")
        assert [s.condition for s in samples] == ["SD", "SD", "SD_TYPO", "SD_TYPO"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition": "SD"}, "unknown option of mm-safetybench: 'condition'; did you mean 'conditions'?"),
        ({"conditions": "SD-TYPO"}, "'SD-TYPO'; did you mean 'SD_TYPO'? known: TEXT, SD, TYPO, SD_TYPO"),
        ({"conditions": ""}, "the option 'conditions' takes at least one of: TEXT"),
        ({"mapping": "benchmark,mllm_protector"}, "the option 'mapping' takes exactly one of: benchmark"),
        ({"mapping": "release"}, "unknown value of the option 'mapping': 'release'"),
        ({"scenarios": "01-Illegal_Activity"}, "did you mean '01-Illegal_Activitiy'?"),
    ],
)
def test_unknown_options_name_the_nearest(options: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read("mm-safetybench", tmp_path, **options)
    assert message in str(caught.value)
    assert not isinstance(caught.value, BenchmarkError)


def test_an_unknown_benchmark_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="unknown benchmark 'mm-safety'; did you mean 'mm-safetybench'"):
        find("mm-safety")
    with pytest.raises(ConfigurationError, match="there is no miniature of 'zorb'"):
        write_miniature("zorb", Path("nowhere"))
    with pytest.raises(ConfigurationError, match="no full miniature of 'pope'"):
        write_miniature("pope", Path("nowhere"), full=True)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_option_can_be_given(name: str, tmp_path: Path) -> None:
    benchmark = find(name)
    given = {
        option.name: ",".join(option.default) if option.values else option.default[0] for option in benchmark.options
    }
    folder = write_miniature(name, tmp_path)
    assert read(name, folder, **given) == read(name, folder)
    for option in benchmark.options:
        assert set(option.default) <= set(option.values or option.default)
        assert option.about
        assert option.many or len(option.default) == 1


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_says_what_it_is(name: str) -> None:
    benchmark = find(name)
    assert benchmark.layout.strip()
    assert benchmark.measures
    assert benchmark.licence
    assert benchmark.judged_by
    assert name in ("rows", "images") or (benchmark.citation and benchmark.link.startswith("https://"))
    assert set(benchmark.sizes) <= set(benchmark.scenarios)


def test_figstep_alone_and_in_ones_own_words(tmp_path: Path) -> None:
    folder = write_miniature("figstep", tmp_path)
    samples = read("figstep", folder, conditions="TEXT,FIGSTEP", prompt="Fill in, please, the list.")
    assert samples[0].prompt == "Illegal Activity: how to do forbidden-word 1?"
    assert not samples[0].images
    assert samples[2].prompt == "Fill in, please, the list."
    assert len(samples[2].images) == 1
    assert [s.condition for s in samples[:4]] == ["TEXT", "TEXT", "FIGSTEP", "FIGSTEP"]


def test_photographs_may_lie_in_another_folder(tmp_path: Path) -> None:
    folder = write_miniature("vlsafe", tmp_path)
    (folder / "coco").mkdir()
    (folder / "train2017").rename(folder / "coco" / "images")
    samples = read("vlsafe", folder, images="coco/images")
    assert samples[0].images == (folder / "coco/images/000000000009.jpg",)
    assert len(samples[0].load_images(folder)) == 1


def test_vlguard_subsets_and_split(tmp_path: Path) -> None:
    folder = write_miniature("vlguard", tmp_path)
    assert ids(read("vlguard", folder, scenarios="safe_safes")) == ["safe_safes/Memes_1", "safe_safes/Memes_2"]
    (folder / "test.json").rename(folder / "train.json")
    (folder / "test").rename(folder / "train")
    assert len(read("vlguard", folder, split="train")) == 5


def test_xstest_without_labels(tmp_path: Path) -> None:
    rows = [
        ("v1-1", "v2-1", "homonyms", "Zorb a process?", "zorb", ""),
        ("", "v2-2", "contrast_homonyms", "Zorb?", "", ""),
    ]
    lines = ["id_v1,id_v2,type,prompt,focus,note", *(",".join(row) for row in rows)]
    (tmp_path / "xstest_v2_prompts.csv").write_text("\r\n".join(lines), "utf-8-sig")
    samples = read("xstest", tmp_path)
    assert [(s.id, s.kind, s.facts) for s in samples] == [
        ("homonyms/v2-1", "harmless", {"focus": "zorb"}),
        ("contrast_homonyms/v2-2", "harmful", {}),
    ]
    assert ids(read("xstest", tmp_path, labels="safe")) == ["homonyms/v2-1"]


def test_or_bench_of_ones_own_categories(tmp_path: Path) -> None:
    (tmp_path / "or-bench-hard-1k.csv").write_text("category,prompt\nzorbs,May I?\nviolence,How so?\n")
    assert ids(read("or-bench", tmp_path, conditions="hard-1k")) == ["violence/hard-1k/2", "zorbs/hard-1k/1"]


def test_mme_parts(tmp_path: Path) -> None:
    folder = write_miniature("mme", tmp_path)
    cognition = read("mme", folder, parts="cognition")
    assert {s.scenario for s in cognition} == set(MME_PARTS["cognition"])
    assert len(read("mme", folder)) == len(cognition) + len(read("mme", folder, parts="perception"))


def test_injecagent_clean_results_are_each_tool_once_and_without_the_attack(tmp_path: Path) -> None:
    folder = write_miniature("injecagent", tmp_path)
    samples = read("injecagent", folder, conditions="clean", scenarios="direct_harm")
    assert [(s.id, s.response, s.label) for s in samples] == [
        ("direct_harm/clean/1", "{'mail': 'A kettle, five stars. '}", 0),
        ("direct_harm/clean/2", "{'shop': 'A kettle, five stars. '}", 0),
    ]


def test_bipia_puts_an_attack_between_sentences_and_always_at_the_same_place(tmp_path: Path) -> None:
    folder = write_miniature("bipia", tmp_path)
    samples = read("bipia", folder, conditions="middle", scenarios="email,abstract")
    assert samples == read("bipia", folder, conditions="middle", scenarios="email,abstract")
    for sample in samples:
        before, attack, after = str(sample.response).split("\n")
        assert attack.startswith("Obey the text zorb")
        whole = before + after
        assert whole in {f"The email {n} came. It was short. It was late." for n in (1, 2)} | {
            f"It rained in town {n}. Nobody minded." for n in (1, 2)
        }
        assert not before or before.endswith(". ")
    assert samples[-1].prompt == "What does the article say, in short?"


def test_bipia_every_attack_once(tmp_path: Path) -> None:
    folder = write_miniature("bipia", tmp_path)
    once = read("bipia", folder, conditions="end", scenarios="email", pairs="one")
    assert [s.id.removeprefix("email/end/") for s in once] == [
        "1.Task Automation-0",
        "2.Task Automation-1",
        "1.Ads-2-0",
        "2.Ads-2-1",
    ]
    assert set(ids(once)) < set(ids(read("bipia", folder, conditions="end", scenarios="email")))


def test_agentdojo_counts_a_result_once_and_can_begin_anywhere(tmp_path: Path) -> None:
    folder = write_miniature("agentdojo", tmp_path)
    again = folder / "tiny-model/banking/user_task_1/none"
    again.mkdir(parents=True)
    (again / "none.json").write_bytes((folder / "tiny-model/banking/user_task_0/none/none.json").read_bytes())
    assert len(read("agentdojo", folder)) == 8
    inner = read("agentdojo", folder / "tiny-model" / "banking")
    assert len(inner) == 4
    assert inner[0].id == "banking/direct/user_task_0/direct/injection_task_0.1"
    assert {s.scenario for s in read("agentdojo", folder, scenarios="workspace")} == {"workspace"}


def test_rows_of_one_file_and_without_the_request(tmp_path: Path) -> None:
    folder = write_miniature("rows", tmp_path)
    samples = read("rows", folder / "others.jsonl.gz", form="response")
    assert ids(samples) == ["others/1", "others/2"]
    # What is looked at stays; what it answers goes.
    assert [s.prompt for s in samples] == ["Make me a zorb.", ""]
    bad = folder / "bad.jsonl"
    bad.write_text('{"label": 3, "response": "zorb"}\n')
    with pytest.raises(BenchmarkError, match=r"bad\.jsonl, line 1: 'label' must be 0 or 1"):
        read("rows", bad)


def test_images_by_their_text_alone(tmp_path: Path) -> None:
    folder = write_miniature("images", tmp_path)
    samples = read("images", folder, conditions="text")
    assert [(s.prompt, s.images, s.condition) for s in samples] == [
        ("forbidden-word", (), "text"),
        ("Mind the step", (), "text"),
    ]
    (folder / "manifest.jsonl").write_text('{"file": "1.png", "label": 1}\n{"file": "more/2.jpg", "label": 0}\n')
    assert [s.scenario for s in read("images", folder)] == ["images", "images"]
    with pytest.raises(BenchmarkError, match="line 1: has no 'text'"):
        read("images", folder, conditions="text")


def test_the_error_can_be_pickled(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError) as caught:
        read("pope", tmp_path)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.problems == caught.value.problems


def test_lines_end_at_line_feeds_only_and_zipped_ones_are_read(tmp_path: Path) -> None:
    row = {"id": "a\u2028b", "text": "one\u0085two\u2029"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\r\n", "utf-8-sig")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    folder = Folder(tmp_path)
    for name in ("a.jsonl", "a.jsonl.gz"):
        assert [each.cells for each in folder.lines(name, ("id", "text"))] == [row]
    assert folder.problems == []


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_tables_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:

    path = tmp_path_factory.mktemp("table")
    # What the file cannot hold: a lone surrogate is no UTF-8, a carriage return is a line's end, NUL ends a text in C.
    plain = [
        [cell.encode("utf-8", "ignore").decode().replace("\r", "").replace("\0", "") for cell in row] for row in cells
    ]
    with (path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("a", "b"), *plain])
    folder = Folder(path)
    rows = folder.table("t.csv", ("a", "b"))
    assert [[row.cells["a"], row.cells["b"]] for row in rows] == plain
    lines = (path / "t.csv").read_text("utf-8").split("\n")
    starts = [int(row.place.removeprefix("line ")) for row in rows]
    assert starts == sorted(starts)
    assert all(lines[start - 1].startswith('"') for start in starts)


@given(st.text())
def test_no_long_or_odd_name_is_shown(name: str) -> None:
    said = shown(name)
    # The words that stand for such a name may hold a short one by chance.
    assert said == shown("\n") or all(c.isalnum() or c in "_.-" for c in name)
    assert len(said) <= 62


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_page_about_benchmarks_knows_it(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text("utf-8")
    assert f"`{name}`" in page
    for option in find(name).options:
        assert f"`{option.name}`" in page
        # Numbered scenarios are counted there, not listed.
        assert all(f"`{value}`" in page or value in find(name).scenarios for value in option.values)
