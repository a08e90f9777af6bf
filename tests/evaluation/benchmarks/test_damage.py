"""What is missing, wrong or too many is named, all of it, in one error, and no row is quoted."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from eyelid.errors import ConfigurationError
from eyelid.evaluation.benchmarks import BENCHMARKS, BenchmarkError, read
from eyelid.testing import write_miniature

Damage = Callable[[Path], object]
GONE = object()


def gone(*names: str) -> Damage:
    return lambda folder: [(folder / name).unlink() for name in names]


def moved(name: str, to: str) -> Damage:
    return lambda folder: (folder / name).rename(folder / to)


def text(name: str, new: str = "{}") -> Damage:
    """A file with this text, in place of the one that is there or beside the others."""

    def put(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(new)

    return put


def appended(name: str, more: str) -> Damage:
    return lambda folder: (folder / name).write_text((folder / name).read_text() + more)


def replaced(name: str, pattern: str, new: str) -> Damage:
    return lambda folder: (folder / name).write_text(re.sub(pattern, new, (folder / name).read_text(), flags=re.DOTALL))


def rows(name: str, edits: Mapping[Any, Mapping[str, Any]], *, again: int | None = None, more: Any = None) -> Damage:
    """Change cells of a file's rows (row → column → value, `GONE` for none), let one occur twice, or add one."""

    def put(folder: Path) -> None:
        path = folder / name
        held = _loaded(path)
        for row, cells in edits.items():
            for column, value in cells.items():
                held[row][column] = value
                if value is GONE:
                    del held[row][column]
        held += ([held[again]] if again is not None else []) + ([more] if more is not None else [])
        path.write_text(_dumped(path, held))

    def put_keyed(folder: Path) -> None:
        held = json.loads((folder / name).read_text())
        for row, cells in edits.items():
            held[row] = {c: v for c, v in {**held.get(row, {}), **cells}.items() if v is not GONE}
        (folder / name).write_text(json.dumps(held))

    return put_keyed if all(isinstance(row, str) for row in edits) else put


def _loaded(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    if path.read_text().startswith("["):
        return list(json.loads(path.read_text()))
    return [json.loads(line) for line in path.read_text().splitlines()]


def _dumped(path: Path, held: list[dict[str, Any]]) -> str:
    if path.suffix == ".csv":
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, list(held[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(held)
        return file.getvalue()
    return json.dumps(held) if path.read_text().startswith("[") else "\n".join(map(json.dumps, held))


def column(name: str, old: str, new: str) -> Damage:
    """Another name for a column of a table."""

    def put(folder: Path) -> None:
        head, _, rest = (folder / name).read_text().partition("\n")
        (folder / name).write_text(f"{head.replace(old, new)}\n{rest}")

    return put


Q, ILLEGAL = "processed_questions", "01-Illegal_Activitiy"
COLUMNS = ("Question", "Rephrased Question", "Rephrased Question(SD)")
PICTURES = ("SD", "TYPO", "SD_TYPO")
UNKNOWN_IMAGE = "is no image of a row of this benchmark"
UNKNOWN_FILE = "is no data file of this benchmark"
TOPICS, TYPES = (", ".join(BENCHMARKS[name].scenarios) for name in ("figstep", "xstest"))
SAFEBENCH, XSTEST = "question/safebench.csv", "xstest_prompts.csv"
EXAMINE = "harmlessness_examine.jsonl"
POPE_IMAGE = "val2014/COCO_val2014_000000000042.jpg"
RUN = "tiny-model/banking/user_task_0"

#: Benchmark, what is done to its miniature, and every problem that is named: each line of the error.
CASES: list[tuple[str, list[Damage], list[str]]] = [
    (
        "mm-safetybench",
        [
            gone(f"{Q}/06-Fraud.json", "imgs/07-Sex/SD/1.jpg"),
            moved(f"{Q}/{ILLEGAL}.json", f"{Q}/01-Illegal_Activity.json"),
            text("imgs/02-HateSpeech/SD/77.jpg"),
            text("imgs/14-More/SD/0.jpg"),
            text("imgs/02-HateSpeech/DRAWN/0.jpg"),
            text(f"{Q}/03-Malware_Generation.json", '{"0": {"Question": \n "How?"'),
            rows(f"{Q}/04-Physical_Harm.json", {"0": {"Rephrased Question": GONE}}),
            text(f"{Q}/05-EconomicHarm.json", "[]"),
            rows(f"{Q}/08-Political_Lobbying.json", {"1": {"Rephrased Question(SD)": " "}}),
            text("imgs/09-Privacy_Violence/TYPO/0.jpg", "no picture"),
            rows(f"{Q}/13-Gov_Decision.json", {"../0": dict.fromkeys(COLUMNS[:2], "?")}),
        ],
        [
            f"{Q}/01-Illegal_Activity.json: is no file of a scenario of this benchmark",
            "imgs/14-More: is no folder of this benchmark",
            f"{Q}/{ILLEGAL}.json: is missing",
            "imgs/02-HateSpeech/DRAWN: is no folder of this benchmark",
            f"imgs/02-HateSpeech/SD/77.jpg: {UNKNOWN_IMAGE}",
            f"{Q}/03-Malware_Generation.json, line 2: is not JSON",
            f"{Q}/04-Physical_Harm.json, entry \"0\": lacks 'Rephrased Question'",
            *(f"imgs/04-Physical_Harm/{kind}/0.jpg: {UNKNOWN_IMAGE}" for kind in PICTURES),
            f"{Q}/05-EconomicHarm.json: must be one JSON object, with an object for every row",
            f"{Q}/06-Fraud.json: is missing",
            f'imgs/07-Sex/SD/1.jpg: image is missing (named by {Q}/07-Sex.json, entry "1")',
            f"{Q}/08-Political_Lobbying.json, entry \"1\": 'Rephrased Question(SD)' must be text and not empty",
            "imgs/09-Privacy_Violence/TYPO/0.jpg: is no PNG, JPEG, WebP or GIF image",
            f"{Q}/13-Gov_Decision.json, entry with a long or odd name: lacks 'Rephrased Question(SD)'",
        ],
    ),
    (
        "mm-safetybench",
        [
            text(f"{Q}/06-Fraud.json", '{"0": {"Question": "a"}, "0": {"Question": "b"}}'),
            rows(
                f"{Q}/07-Sex.json",
                {"../0": dict.fromkeys(("Question", "Rephrased Question", "Rephrased Question(SD)"), "?")},
            ),
            lambda folder: (folder / Q / "10-Legal_Opinion.json").write_bytes(b'{"0": "\xff"}'),
            lambda folder: (folder / "imgs/12-Health_Consultation/SD").rename(folder / "SD"),
        ],
        [
            f'{Q}/06-Fraud.json: "0" stands twice in one object',
            f"{Q}/06-Fraud.json, entry \"0\": lacks 'Rephrased Question', 'Rephrased Question(SD)'",
            f"{Q}/07-Sex.json, entry with a long or odd name: names an image by no plain path below the folder",
            f"{Q}/10-Legal_Opinion.json: is not UTF-8 text",
            "imgs/12-Health_Consultation/SD: folder is missing",
        ],
    ),
    ("figstep", [gone(SAFEBENCH)], [f"{SAFEBENCH}: is missing"]),
    ("figstep", [column(SAFEBENCH, "question", "query")], [f"{SAFEBENCH}, line 1: lacks the columns question"]),
    ("figstep", [column(SAFEBENCH, "question", "dataset")], [f"{SAFEBENCH}, line 1: lacks the columns question"]),
    (
        "figstep",
        [column(SAFEBENCH, "instruction", "instruction,dataset")],
        [f"{SAFEBENCH}, line 1: names a column twice"],
    ),
    (
        "figstep",
        [
            rows(SAFEBENCH, {0: {"question": ""}, 1: {"category_name": "Hobbies"}}, again=4),
            appended(SAFEBENCH, "ForbidQI,10\n"),
            gone("images/SafeBench/query_ForbidQI_9_1_6.png"),
            text("images/SafeBench/query_ForbidQI_99_1_6.png"),
        ],
        [
            f"{SAFEBENCH}, line 2: 'question' must be text and not empty",
            f"{SAFEBENCH}, line 3: 'category_name' must be one of: {TOPICS}",
            f"{SAFEBENCH}, line 22: has the same category_id and task_id as line 6",
            f"{SAFEBENCH}, line 23: has 2 cells, not 6",
            f"images/SafeBench/query_ForbidQI_9_1_6.png: image is missing (named by {SAFEBENCH}, line 18)",
            f"images/SafeBench/query_ForbidQI_99_1_6.png: {UNKNOWN_IMAGE}",
        ],
    ),
    (
        "figstep-tiny",
        [text("question/SafeBench-Tiny.csv", 'dataset,category_id\n"a" b,1\n')],
        ["question/SafeBench-Tiny.csv, line 1: lacks the columns task_id, category_name, question, instruction"],
    ),
    (
        "figstep-tiny",
        [moved("images/SafeBench-Tiny", "images/SafeBench")],
        ["images/SafeBench-Tiny: folder is missing"],
    ),
    (
        "vlsafe",
        [moved(EXAMINE, "harmlessness.jsonl")],
        [f"harmlessness.jsonl: {UNKNOWN_FILE}", f"{EXAMINE}: is missing"],
    ),
    (
        "vlsafe",
        [
            rows(
                EXAMINE,
                {0: {"query": GONE}, 1: {"image_id": "000000000031.jpg"}, 2: {"image_id": 25}},
                more={"image_id": "/etc/a.jpg", "query": "?"},
            )
        ],
        [
            f"{EXAMINE}, line 1: lacks 'query'",
            f"train2017/000000000031.jpg: image is missing (named by {EXAMINE}, line 2)",
            f"train2017/25: image is missing (named by {EXAMINE}, line 3)",
            f"{EXAMINE}, line 4: names an image by no plain path below the folder",
        ],
    ),
    (
        "vlsafe",
        [text(EXAMINE, '{\n[1]\n{"image_id": "a zorb, so long as a sentence.jpg", "query": "?"}')],
        [
            f"{EXAMINE}, line 1: is not JSON",
            f"{EXAMINE}, line 2: is no JSON object",
            f"train2017, an image with a long or odd name: image is missing (named by {EXAMINE}, line 3)",
        ],
    ),
    ("vlguard", [moved("test.json", "tests.json")], ["test.json: is missing", f"tests.json: {UNKNOWN_FILE}"]),
    ("vlguard", [text("test.json", "{}")], ["test.json: must be one JSON list, with an object for every row"]),
    ("vlguard", [rows("test.json", {0: {"image": GONE}})], ["test.json, entry 1: lacks 'image'"]),
    (
        "vlguard",
        [
            rows(
                "test.json", {0: {"safe": "no"}, 1: {"instr-resp": [{"safe_instruction": "?"}]}, 2: {"id": "Memes_1"}}
            ),
            gone("test/memes/0002.png"),
            text("test/memes/0009.png"),
        ],
        [
            "test/memes/0002.png: image is missing (named by test.json, entry 3)",
            "test.json, entry 3: has the same id as entry 2",
            f"test/memes/0009.png: {UNKNOWN_IMAGE}",
            "test.json, entry 1: 'safe' must be true or false",
            "test.json, entry 2: 'instr-resp' has no 'unsafe_instruction'",
        ],
    ),
    ("xstest", [moved(XSTEST, "prompts.csv")], [f"prompts.csv: {UNKNOWN_FILE}", f"{XSTEST}: is missing"]),
    ("xstest", [column(XSTEST, "label", "class")], [f"{XSTEST}, line 1: lacks the columns label"]),
    (
        "xstest",
        [
            rows(
                XSTEST,
                {
                    0: {"id": "2"},
                    2: {"label": "maybe"},
                    3: {"label": "safe"},
                    4: {"type": "puns"},
                    5: {"prompt": ""},
                },
            )
        ],
        [
            f"{XSTEST}, line 3: has the same id as line 2",
            f"{XSTEST}, line 4: 'label' must be one of: safe, unsafe",
            f"{XSTEST}, line 5: its label contradicts its type",
            f"{XSTEST}, line 6: 'type' must be one of: {TYPES}",
            f"{XSTEST}, line 7: 'prompt' must be text and not empty",
        ],
    ),
    (
        "xstest",
        [text("xstest_v2_prompts.csv", "")],
        [f"xstest_v2_prompts.csv: is another version of {XSTEST}; keep one of them"],
    ),
    (
        "or-bench",
        [
            gone("or-bench-toxic.csv"),
            text("or-bench-easy.csv", ""),
            # The first row spans two lines.
            rows("or-bench-hard-1k.csv", {0: {"category": ""}, 1: {"prompt": " "}}),
        ],
        [
            f"or-bench-easy.csv: {UNKNOWN_FILE}",
            "or-bench-hard-1k.csv, line 2: 'category' must be text and not empty",
            "or-bench-hard-1k.csv, line 4: 'prompt' must be text and not empty",
            "or-bench-toxic.csv: is missing",
        ],
    ),
    (
        "or-bench",
        [text("or-bench-toxic.csv", "prompt\nx\n"), text("or-bench-hard-1k.csv", 'prompt,category\n"a" b,hate\n')],
        ["or-bench-hard-1k.csv, line 2: is not CSV", "or-bench-toxic.csv, line 1: lacks the columns category"],
    ),
    (
        "or-bench",
        [text("or-bench-toxic.csv", "prompt,category\n"), text("or-bench-hard-1k.csv", "")],
        ["or-bench-hard-1k.csv, line 1: lacks the columns prompt, category", "or-bench-toxic.csv: holds no row"],
    ),
    ("mm-vet", [moved("mm-vet.json", "mmvet.json")], ["mm-vet.json: is missing", f"mmvet.json: {UNKNOWN_FILE}"]),
    ("mm-vet", [text("mm-vet.json", '{"v1_0": ')], ["mm-vet.json, line 1: is not JSON"]),
    (
        "mm-vet",
        [
            rows(
                "mm-vet.json", {"v1_0": {"answer": GONE}, "v1_1": {"capability": ["smell"]}, "v1_2": {"question": None}}
            ),
            text("images/v1_9.png"),
            gone("images/v1_1.jpg"),
        ],
        [
            "mm-vet.json, entry \"v1_0\": lacks 'answer'",
            f"images/v1_0.png: {UNKNOWN_IMAGE}",
            f"images/v1_9.png: {UNKNOWN_IMAGE}",
            "mm-vet.json, entry \"v1_1\": 'capability' must be a list of some of: rec, ocr, know, gen, spat, math",
            'images/v1_1.jpg: image is missing (named by mm-vet.json, entry "v1_1")',
            "mm-vet.json, entry \"v1_2\": 'question' must be text and not empty",
            'images/v1_1.jpg: image is missing (named by mm-vet.json, entry "v1_2")',
        ],
    ),
    (
        "mme",
        [
            moved("OCR", "ocr"),
            gone("count/0001.jpg", "artwork/questions_answers_YN/0002.txt"),
            text("color/0001.txt", "Is it red?\tYes\nIs it blue?\tPerhaps\n"),
            text("scene/questions_answers_YN/0001.txt", "Is it a zoo?\tYes\n"),
            text("position/0001.csv"),
        ],
        [
            "ocr: is no folder of this benchmark",
            "count/0001.jpg: image is missing",
            "position/0001.csv: is no image with questions of this benchmark",
            'color/0001.txt, line 2: must be a question, a tab, and "Yes" or "No"',
            "scene/questions_answers_YN/0001.txt: has 1 questions, not 2",
            "artwork/images/0002.png: is no image with questions of this benchmark",
            "OCR: has no questions; one {stem}.txt for each image is expected",
        ],
    ),
    (
        "pope",
        [
            gone("coco_pope_random.json", POPE_IMAGE),
            text("coco_pope_hard.json"),
            rows("coco_pope_popular.json", {0: {"label": "maybe"}, 1: {"question_id": 1}}),
            rows("coco_pope_adversarial.json", {0: {"text": GONE}}),
        ],
        [
            f"coco_pope_hard.json: {UNKNOWN_FILE}",
            "coco_pope_random.json: is missing",
            "coco_pope_popular.json, line 2: has the same question_id as line 1",
            "coco_pope_popular.json, line 1: 'label' must be one of: yes, no",
            *(f"{POPE_IMAGE}: image is missing (named by coco_pope_popular.json, line {n})" for n in (1, 2)),
            "coco_pope_adversarial.json, line 1: lacks 'text'",
            f"{POPE_IMAGE}: image is missing (named by coco_pope_adversarial.json, line 2)",
        ],
    ),
    (
        "pope",
        [text("coco_pope_random.json", "[]\n,")],
        ["coco_pope_random.json, line 1: is no JSON object", "coco_pope_random.json, line 2: is not JSON"],
    ),
    (
        "injecagent",
        [
            gone("test_cases_dh_base.json"),
            text("test_cases_dh_hard.json"),
            text("test_cases_dh_enhanced.json", "[{]"),
            rows("test_cases_ds_base.json", {1: {"Tool Response": ""}, 2: {"User Instruction": []}}),
            rows("test_cases_ds_enhanced.json", {0: {"Tool Response": GONE}}),
        ],
        [
            f"test_cases_dh_hard.json: {UNKNOWN_FILE}",
            "test_cases_dh_base.json: is missing",
            "test_cases_dh_enhanced.json, line 1: is not JSON",
            "test_cases_ds_base.json, entry 2: 'Tool Response' must be text and not empty",
            "test_cases_ds_base.json, entry 3: 'User Instruction' must be text and not empty",
            "test_cases_ds_enhanced.json, entry 1: lacks 'Tool Response'",
        ],
    ),
    (
        "bipia",
        [
            moved("text_attack_test.json", "text_attacks_test.json"),
            text("code_attack_test.json", '{"Ads": ["Buy."], "More": [], "Ads": ["Buy now."]}'),
            rows("email/test.jsonl", {0: {"question": GONE}}),
            gone("table/test.jsonl"),
            rows("code/test.jsonl", {1: {"error": []}}),
        ],
        [
            f"text_attacks_test.json: {UNKNOWN_FILE}",
            'code_attack_test.json: "Ads" stands twice in one object',
            "code_attack_test.json, category 2: must be a list of texts",
            "text_attack_test.json: is missing",
            "email/test.jsonl, line 1: lacks 'question'",
            "table/test.jsonl: is missing",
            "code/test.jsonl, line 2: 'error' must be text, or a list of lines, and not empty",
        ],
    ),
    (
        "bipia",
        [text("text_attack_test.json", "[]"), text("code_attack_test.json", "{}"), text("email/test.jsonl", "")],
        [
            "text_attack_test.json: must be one JSON object: category -> list of texts",
            "code_attack_test.json: holds no attack",
            "email/test.jsonl: holds no row",
        ],
    ),
    (
        "agentdojo",
        [
            text(f"{RUN}/none/none.json", "{"),
            replaced(f"{RUN}/direct/injection_task_0.json", r'"injections": \{.*?\}', '"injections": {}'),
            replaced(
                "tiny-model/workspace/user_task_0/none/none.json", '"suite_name": "workspace"', '"suite_name": "space"'
            ),
            text("tiny-model/workspace/summary.json"),
        ],
        [
            f"{RUN}/direct/injection_task_0.json: names an attack and holds no text of it",
            f"{RUN}/none/none.json, line 1: is not JSON",
            "tiny-model/workspace/summary.json: is no recorded run: it lacks suite_name, user_task_id, "
            "injection_task_id, attack_type, injections, messages",
            "tiny-model/workspace/user_task_0/none/none.json: 'suite_name' must be one of: workspace, travel, banking, "
            "slack",
        ],
    ),
    (
        "rows",
        [gone("answers.jsonl", "others.jsonl.gz")],
        [".: there is no file of rows, .jsonl or .jsonl.gz"],
    ),
    (
        "rows",
        [
            text("others.jsonl.gz", "not gzipped"),
            text("rows.csv"),
            rows("answers.jsonl", {0: {"label": True}, 1: {"id": "a1"}, 2: {"kind": "joke"}}),
        ],
        [
            "rows.csv: is no file of rows of this benchmark",
            "others.jsonl.gz: cannot be read",
            "answers.jsonl, line 2: has the same source and id as line 1",
            "answers.jsonl, line 1: 'label' must be 0 or 1",
            "answers.jsonl, line 3: 'kind' must be one of: response, text, benign, prompt, injection",
        ],
    ),
    (
        "rows",
        [rows("answers.jsonl", {0: {"label": GONE}, 1: {"response": ""}, 2: {"query": 3}})],
        [
            "answers.jsonl, line 1: lacks 'label'",
            "answers.jsonl, line 2: holds no response to be looked at",
            "answers.jsonl, line 3: 'query' and 'response' must be text",
        ],
    ),
    ("images", [gone("manifest.jsonl")], ["manifest.jsonl: is missing"]),
    (
        "images",
        [
            gone("1.png"),
            text("3.png"),
            rows("manifest.jsonl", {1: {"label": 2}}, again=0, more={"file": "../4.png", "label": 0}),
        ],
        [
            "manifest.jsonl, line 3: has the same file as line 1",
            f"3.png: {UNKNOWN_IMAGE}",
            *(f"1.png: image is missing (named by manifest.jsonl, line {n})" for n in (1, 3)),
            "manifest.jsonl, line 2: 'label' must be 0 or 1",
            "manifest.jsonl, line 4: names an image by no plain path below the folder",
        ],
    ),
]
IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "damages", "expected"), CASES, ids=IDS)
def test_every_problem_is_named_in_one_error(
    name: str, damages: list[Damage], expected: list[str], tmp_path: Path
) -> None:
    folder = write_miniature(name, tmp_path)
    for damage in damages:
        damage(folder)
    with pytest.raises(BenchmarkError) as caught:
        read(name, folder)
    assert sorted(map(str, caught.value.problems)) == sorted(expected)
    message = str(caught.value)
    assert all(f"  - {problem}\n" in message for problem in expected)
    assert message.startswith(f"{folder} is not the published layout of {BENCHMARKS[name].title}; ")
    assert all(line.rstrip() in message for line in BENCHMARKS[name].layout.strip().splitlines())
    assert not re.search("forbidden-word|zorb", message, re.IGNORECASE)


def test_every_benchmark_is_damaged() -> None:
    assert {name for name, *_ in CASES} == set(BENCHMARKS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_folder_that_is_not_there_and_one_that_is_empty(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="there is no such folder") as caught:
        read(name, tmp_path / "nowhere")
    assert isinstance(caught.value, ConfigurationError)
    with pytest.raises(BenchmarkError, match="Expected:"):
        read(name, tmp_path)


def test_a_long_list_is_cut_and_counted(tmp_path: Path) -> None:
    folder = write_miniature("mm-safetybench", tmp_path)
    for image in (folder / "imgs").rglob("*.jpg"):
        image.write_bytes(b"")
    with pytest.raises(BenchmarkError, match="78 problems") as caught:
        read("mm-safetybench", folder)
    assert len(caught.value.problems) == 78
    assert str(caught.value).count("\n  - ") == 21
    assert "  - and 58 more\n" in str(caught.value)


def test_a_link_that_leads_out_is_named_and_one_within_is_followed(tmp_path: Path) -> None:
    folder = write_miniature("images", tmp_path / "data")
    (folder / "1.png").rename(folder / "more" / "1.png")
    (folder / "1.png").symlink_to(folder / "more" / "1.png")
    assert len(read("images", folder)) == 2
    (folder / "more" / "1.png").rename(tmp_path / "1.png")
    (folder / "1.png").unlink()
    (folder / "1.png").symlink_to(tmp_path / "1.png")
    with pytest.raises(BenchmarkError, match=r"1\.png: image is a link that leads out of"):
        read("images", folder)


def test_a_folder_of_images_that_is_a_link_is_named_once(tmp_path: Path) -> None:
    folder = write_miniature("pope", tmp_path / "data")
    (folder / "val2014").rename(tmp_path / "coco")
    (folder / "val2014").symlink_to(tmp_path / "coco")
    with pytest.raises(BenchmarkError) as caught:
        read("pope", folder)
    assert [problem.file for problem in caught.value.problems] == ["val2014"]
    assert "folder is a link that leads out of" in str(caught.value)


def test_an_image_that_is_too_large_is_named(tmp_path: Path) -> None:
    folder = write_miniature("images", tmp_path)
    with (folder / "1.png").open("ab") as file:
        file.truncate(11 * 1024 * 1024)
    with pytest.raises(BenchmarkError, match=r"1\.png: image is larger than"):
        read("images", folder)
