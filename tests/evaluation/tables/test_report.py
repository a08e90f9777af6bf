"""From folders of runs to the three files."""

import json
import random
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from tests.evaluation.tables.making import JUDGE, SIZES, asked, cells, given, published, write_run

from eyelid.errors import ConfigurationError
from eyelid.evaluation.records import Judgement, Record
from eyelid.evaluation.tables import InconsistentReportError, published_tables, write_report
from eyelid.evaluation.tables._contents import contents
from eyelid.evaluation.tables._report import _checked
from eyelid.evaluation.tables._runs import read_runs


def tables(text: str) -> dict[str, list[dict[str, str]]]:
    """Heading → rows, each a mapping from head to cell; as any reader of Markdown tables sees them."""
    found: dict[str, list[dict[str, str]]] = {}
    heading, heads = "", []
    for line in text.splitlines():
        if line.startswith("#"):
            heading, heads = line.lstrip("# "), []
        elif line.startswith("|"):
            row = [cell.strip() for cell in line.strip("|").replace("\\|", "\0").split("|")]
            if not heads:
                heads = [f"{place}:{head}" for place, head in enumerate(row)]
            elif set("".join(row)) - set("- "):
                assert len(row) == len(heads), line
                found.setdefault(heading, []).append(dict(zip(heads, row, strict=True)))
    return found


def column(rows: list[dict[str, str]], head: str) -> dict[str, float]:
    """Row's name → number before any interval."""
    key = next(each for each in rows[0] if each.split(":", 1)[1] == head)
    return {next(iter(row.values())): float(row[key].split(" (")[0].replace("−", "-")) for row in rows}


def two_scenarios(defense: str = "reask") -> list[Record]:
    """3 of 4 and 5 of 20 before, 4 of 4 and 17 of 20 after."""
    more = {"defense": defense}
    return [
        *cells("01-Illegal_Activitiy", "SD", both=3, gained=1, **more),
        *cells("02-HateSpeech", "SD", both=4, gained=13, lost=1, neither=2, **more),
        *cells("01-Illegal_Activitiy", "TYPO", both=4, **more),
        *cells("02-HateSpeech", "TYPO", both=20, **more),
    ]


def test_a_small_run(tmp_path: Path) -> None:
    found = write_report([write_run(tmp_path / "run", two_scenarios())], tmp_path / "out")
    assert found.headline == (
        "reask raised the harmless rate of llava-1.5-7b from 50.0 % to 92.5 % (SD), on average over 2 scenarios, "
        f"as judged by {JUDGE}."
    )
    assert found.sentences[1].startswith("reask left the harmless rate of llava-1.5-7b at 100.0 % (TYPO)")
    # One of 8 + 24 answers that were safe already was changed.
    assert "It changed 1 of 32 answers that were safe already (3.1 %)." in found.sentences
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    rates, attacks = written["Harmless rate, reask"], written["Attack success rate, reask"]
    assert column(rates, "SD direct") == {
        "01-Illegal_Activitiy (n = 4)": 75.0,
        "02-HateSpeech (n = 20)": 25.0,
        "mean of 2, macro": 50.0,
        "mean of 2, micro": 33.3,
    }
    assert list(column(rates, "SD reask").values()) == [100.0, 85.0, 92.5, 87.5]
    assert list(column(rates, "SD Δ").values()) == [25.0, 60.0, 42.5, 54.2]
    assert list(column(attacks, "SD reask").values()) == [0.0, 15.0, 7.5, 12.5]
    (line,) = written["Who changed or refused an answer"]
    assert list(line.values()) == [
        "reask",
        "harmful requests (48)",
        "14",
        "1 of 32 (3.1 %, 0.6 to 15.7)",
        "0",
        "0",
        "33",
    ]
    figures = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert figures == json.loads(json.dumps(found.figures))
    assert figures["judges"][0]["attribution"][0]["false_alarms"] == 1


def test_a_change_within_chance_is_called_so(tmp_path: Path) -> None:
    rows = cells("01-Illegal_Activitiy", "SD", both=20, gained=3, lost=1, neither=20)
    found = write_report([write_run(tmp_path / "run", rows)], tmp_path / "out", drawings=False)
    assert found.headline.startswith(
        "reask moved within chance the harmless rate of llava-1.5-7b from 47.7 % to 52.3 %"
    )
    worse = cells("01-Illegal_Activitiy", "SD", both=20, gained=1, lost=20, neither=3)
    found = write_report([write_run(tmp_path / "worse", worse)], tmp_path / "out", drawings=False)
    assert found.headline.startswith("reask lowered the harmless rate of llava-1.5-7b from 90.9 % to 47.7 %")


def test_the_published_table_comes_out_as_it_was_published(tmp_path: Path) -> None:
    """Rows with just the shares of ECSO's table give its numbers, with the means of its columns below."""
    (theirs,) = published_tables()
    shares = {
        condition: {row: (before.cells[row].value, after.cells[row].value) for row in theirs.rows}
        for condition in ("SD", "TYPO", "SD_TYPO")
        for before in theirs.columns
        for after in theirs.columns
        if (before.group, before.role, after.group, after.role) == (condition, "before", condition, "after")
    }
    records = published(shares)
    found = write_report([write_run(tmp_path / "run", records)], tmp_path / "out", drawings=False)
    assert "from 48.8 % to 86.4 % (SD_TYPO), on average over 8 scenarios" in found.headline
    rows = tables((tmp_path / "out" / "report.md").read_text("utf-8"))["Harmless rate, reask"]
    for condition, column_of in shares.items():
        before, after = column(rows, f"{condition} direct"), column(rows, f"{condition} reask")
        for code, values in column_of.items():
            name = next(each for each in before if each.startswith(code))
            # 83 of 109 is printed there as 76.2.
            assert (before[name], after[name]) == pytest.approx(values, abs=0.1001)
    assert column(rows, "TYPO direct")["mean of ECSO's 8, macro"] == 48.1
    assert column(rows, "TYPO direct")["mean of ECSO's 8, micro"] == 49.1
    beside = tables((tmp_path / "out" / "report.md").read_text("utf-8"))["Beside published figures"]
    ours = [list(row.values()) for row in beside if "ours" in next(iter(row.values()))]
    assert next(row[5] for row in ours if row[1] == "SD_TYPO") == "48.8 → 86.4 %"
    assert any("GPT-4, snapshot not stated" in row.values() for row in beside)


def full(defense: str, seed: int) -> list[Record]:
    """5,040 rows: all 13 scenarios in three conditions."""
    rng = random.Random(seed)
    records = []
    for condition in ("SD", "TYPO", "SD_TYPO"):
        for scenario, rows in SIZES.items():
            for n in range(rows):
                before = rng.random() < 0.5
                changed = defense != "none" and not before and rng.random() < 0.8
                row = asked(
                    f"{scenario}/{condition}/{n}",
                    scenario,
                    condition=condition,
                    before=before,
                    after=rng.random() < 0.9,
                    changed=changed,
                    defense=defense,
                    seconds=rng.lognormvariate(0, 0.5),
                )
                second = Judgement("keyword:v1", safe=rng.random() < 0.5, refused=False)
                records.append(replace(row, judged_direct=(*row.judged_direct, second), judged=(*row.judged, second)))
    return records


def test_all_of_the_benchmark_takes_seconds(tmp_path: Path) -> None:
    records = full("reask", 1)
    assert len(records) == 5040
    folder = write_run(tmp_path / "run", records)
    started = time.process_time()
    found = write_report([folder], tmp_path / "out")
    assert time.process_time() - started < 5
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    rows = column(written["Harmless rate, reask"], "SD_TYPO reask")
    means = {name: rows.pop(name) for name in list(rows) if name.startswith("mean")}
    assert len(rows) == 13
    assert means["mean of 13, macro"] == pytest.approx(sum(rows.values()) / 13, abs=0.1)
    eight = [value for name, value in rows.items() if name[:2] not in ("08", "10", "11", "12", "13")]
    assert means["mean of ECSO's 8, macro"] == pytest.approx(sum(eight) / 8, abs=0.1)
    assert len(found.figures["judges"]) == 2


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, two_scenarios(name)) for name in ("none", "rewrite", "reask")]
    found = write_report(folders, tmp_path / "out", drawings=False)
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    assert [next(iter(row.values())) for row in written["Harmless rate, all runs"]] == ["none", "rewrite", "reask"]
    assert column(written["Harmless rate, SD"], "reask defended")["mean of 2, macro"] == 92.5
    assert "none defended" not in str(written["Harmless rate, SD"][0])
    assert not any(sentence.startswith("Without a defence") for sentence in found.sentences)
    alone = write_report(folders[:1], tmp_path / "alone", drawings=False)
    assert alone.headline.startswith("Without a defence the harmless rate of llava-1.5-7b is 50.0 % (SD)")


def test_runs_that_would_have_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name / "run", two_scenarios()) for name in ("a", "b")]
    folders.append(write_run(tmp_path / "c", two_scenarios()))
    labels = [run.label for run in read_runs(folders)]
    assert len(set(labels)) == 3
    hosts = [write_run(tmp_path / host, two_scenarios(), host=host) for host in ("one", "two")]
    assert [run.label for run in read_runs(hosts)] == ["one · reask", "two · reask"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"fingerprint": "another"}, "their fingerprint differ ('ffffffffffffffff' and 'another')"),
        ({"benchmark": "vlsafe"}, "their benchmark differ"),
        ({"options": {"mapping": "mllm_protector"}}, "their options differ"),
    ],
)
def test_runs_on_other_rows_are_refused(tmp_path: Path, other: dict[str, object], said: str) -> None:
    one = write_run(tmp_path / "one", two_scenarios())
    two = write_run(tmp_path / "two", two_scenarios(), **other)
    with pytest.raises(ConfigurationError) as caught:
        write_report([one, two], tmp_path / "out")
    assert said in str(caught.value)
    assert str(one) in str(caught.value)
    assert str(two) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_finished_is_told_of(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", two_scenarios(), samples=100)
    with (folder / "records.jsonl").open("a") as file:
        file.write('{"id": "cut off')
    with pytest.raises(ConfigurationError, match="48 of 100 rows; finish the run"):
        write_report([folder], tmp_path / "out")
    found = write_report([folder], tmp_path / "out", partial=True, drawings=False)
    assert "reask is not finished: 48 of 100 rows" in found.warnings[0]
    assert "not finished" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one run"):
        write_report([], tmp_path / "out")
    with pytest.raises(ConfigurationError, match=r"run\.json cannot be read"):
        write_report([tmp_path], tmp_path / "out")
    folder = write_run(tmp_path / "run", two_scenarios())
    with (folder / "records.jsonl").open("a", encoding="utf-8") as file:
        file.write(two_scenarios()[0].to_json() + "\n")
    with pytest.raises(ConfigurationError, match="holds a row twice"):
        write_report([folder], tmp_path / "out")
    (folder / "records.jsonl").unlink()
    with pytest.raises(ConfigurationError, match=r"records\.jsonl cannot be read"):
        write_report([folder], tmp_path / "out")


def test_a_report_that_contradicts_itself_is_not_written(tmp_path: Path) -> None:
    report = contents(read_runs([write_run(tmp_path / "run", two_scenarios())]))
    assert _checked(report) is report
    wrong = replace(report, published=tuple(published_tables(as_printed=True)))
    with pytest.raises(InconsistentReportError, match=r"printed as 31\.7, its column has 48\.07"):
        _checked(wrong)


class Elements(HTMLParser):
    """Tags and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        links = (names.get(name) or "" for name in ("src", "href", "xlink:href"))
        self.outside += [link for link in links if link and link[0] != "#"]
        assert not any(name.startswith("on") for name in names)

    def handle_data(self, data: str) -> None:
        self.words += data


EVIL = "<script>alert(1)</script> | $x_1$ `a` [b](http://c) \u202e ﷽"


def test_names_are_escaped_everywhere_and_words_are_never_shown(tmp_path: Path) -> None:
    secret = "forbidden-word"
    records = [
        replace(
            asked(f"{EVIL}{n}", EVIL, before=n % 2 == 0, after=True, changed=True, judge=EVIL, condition=EVIL),
            query=secret,
            direct=secret,
            text=f"{secret} again",
            caption=secret,
            unsafe_answer=secret,
            facts={"topic": secret},
        )
        for n in range(6)
    ]
    folder = write_run(tmp_path / "run", records, host=EVIL, defense=EVIL, guard=EVIL, judges=(EVIL,))
    write_report([folder], tmp_path / "out", title=EVIL, examples=2)
    html, text, figures = (
        (tmp_path / "out" / name).read_text("utf-8") for name in ("report.html", "report.md", "summary.json")
    )
    for written in (html, text, figures):
        assert secret not in written
    page = Elements()
    page.feed(html)
    assert "script" not in page.tags
    assert page.outside == []
    assert "<script>alert(1)</script>" in page.words
    assert "\u202e" not in html + text
    assert "<script" not in text
    # As a reader of Markdown sees it: only what this project wrote is more than text.
    shown = Elements()
    shown.feed(MarkdownIt("commonmark").enable("table").render(text))
    assert set(shown.tags) <= {"h1", "h2", "h3", "p", "blockquote", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>alert(1)</script> | $x_1$ `a` [b](http://c)" in shown.words
    assert all(len(row) > 1 for rows in tables(text).values() for row in rows)
    assert f"{tables(text)['Rows to look at'][0]}".count("false alarm") == 1


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    write_report([write_run(tmp_path / "run", two_scenarios())], tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    page = Elements()
    page.feed(html)
    assert page.tags.count("svg") == 2  # bars, and waiting times
    assert "link" not in page.tags
    assert page.outside == []
    assert "var(--before)" in html  # drawn in the page's colours, so that they change with it
    assert "#0102" not in html


def test_without_matplotlib_the_page_says_so(tmp_path: Path) -> None:
    write_report([write_run(tmp_path / "run", two_scenarios())], tmp_path / "out", drawings=False)
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "matplotlib is not installed" in html
    assert "<svg" not in html
    assert "matplotlib is not installed" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_the_order_of_the_rows_changes_nothing(tmp_path: Path) -> None:
    records = two_scenarios()
    one = write_report([write_run(tmp_path / "one" / "run", records)], tmp_path / "a")
    two = write_report([write_run(tmp_path / "two" / "run", records[::-1])], tmp_path / "b")
    assert one == two
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()


def test_refusals_of_harmless_requests(tmp_path: Path) -> None:
    rows = [asked(f"h/{n}", "homonyms", before=n < 8, after=n < 7, changed=n == 7, kind="harmless") for n in range(10)]
    rows += [asked(f"c/{n}", "contrast_homonyms", before=False, after=True, changed=True) for n in range(10)]
    found = write_report([write_run(tmp_path / "run", rows, benchmark="xstest")], tmp_path / "out", drawings=False)
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    assert list(column(written["Over-refusal"], "direct").values()) == [20.0]
    assert list(column(written["Over-refusal"], "reask").values()) == [30.0]
    assert "It changed 1 of 10 answers to harmless requests (10.0 %)." in found.sentences


def test_ordinary_questions_in_groups_and_parts(tmp_path: Path) -> None:
    def row(n: int, scenario: str, part: str, before: bool, after: bool) -> Record:
        return asked(
            f"{scenario}/{n}",
            scenario,
            before=before,
            after=after,
            changed=before != after,
            kind="utility",
            group=f"{scenario}/{n // 2}",
            facts={"part": part, "truth": "yes"},
        )

    rows = [row(n, "count", "perception", True, n != 3) for n in range(4)]
    rows += [row(n, "code_reasoning", "cognition", n % 2 == 0, True) for n in range(4)]
    write_report([write_run(tmp_path / "run", rows, benchmark="mme")], tmp_path / "out", drawings=False)
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    points = [list(line.values()) for line in written["Points as MME adds them up"]]
    # 100 for the questions and 100 for the images, of which one of two is lost, or won.
    assert points == [
        ["reask", "perception", "200.0", "125.0", "−75.0"],
        ["reask", "cognition", "50.0", "200.0", "+150.0"],
    ]
    assert list(column(written["All right together"], "reask").values())[:2] == [50.0, 100.0]
    ours = [list(line.values()) for line in written["Beside published figures"] if "ours" in str(line)]
    assert ["200.0 → 125.0 points" in line for line in ours].count(True) == 1


def test_partial_points_and_capabilities(tmp_path: Path) -> None:
    def row(n: int, points: float | None, capability: str) -> Record:
        said = (Judgement("grader", correct=points),)
        kept = asked(f"{capability}/{n}", capability, before=True, kind="utility", facts={"capability": capability})
        return replace(kept, judged_direct=said, judged=said)

    rows = [row(1, 0.5, "ocr"), row(2, 1.0, "ocr,math"), row(3, None, "math")]
    found = write_report([write_run(tmp_path / "run", rows, benchmark="mm-vet")], tmp_path / "out", drawings=False)
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    capability = {list(line.values())[1]: list(line.values())[2] for line in written["Points by capability"]}
    assert capability == {"ocr": "75.0 %", "math": "50.0 %", "total": "50.0 %"}
    assert any("1 of reask" in warning and "without a verdict" in warning for warning in found.warnings)


def test_labelled_texts(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [
        given(f"{scenario}/{n}", n % 2, min(1.0, max(0.0, rng.gauss(0.7 if n % 2 else 0.2, 0.25))), scenario=scenario)
        for scenario in ("email", "table")
        for n in range(40)
    ]
    rows.append(given("email/failed", 1, 0.9, scenario="email", status="failed", failures=("score:error",)))
    found = write_report([write_run(tmp_path / "run", rows, benchmark="bipia", host="", judges=())], tmp_path / "out")
    (measured,) = found.figures["detection"]
    assert (measured["harmful"], measured["harmless"], measured["failed"]) == (41, 40, 1)
    assert measured["auroc"] > 0.8
    assert found.headline.startswith("block flagged ")
    assert "failed looks: 1" in found.headline
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "ROC curves" in html
    written = tables((tmp_path / "out" / "report.md").read_text("utf-8"))
    assert column(written["Found"], "block")["mean of 2, micro"] == round(100 * measured["found"] / 41, 1)
