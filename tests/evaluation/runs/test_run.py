import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.runs.scene import REFUSAL, defense, judges, model, read, rows, says, texts, without_times

from eyelid import Guard
from eyelid.errors import ConfigurationError
from eyelid.evaluation.judges import DetectorJudge, KeywordJudge
from eyelid.evaluation.records import Manifest, Record
from eyelid.evaluation.runs import (
    NoDefense,
    Plan,
    Progress,
    Rows,
    fingerprint,
    read_manifest,
    records_in,
    run,
    summarise,
)
from eyelid.evaluation.samples import Kind, Sample
from eyelid.protocols import AskRequest, Reply
from eyelid.testing import FakeDetector, FakeHost, FaultyHost
from eyelid.types import Failure


def plan(host: Any = None, name: str = "none", **more: Any) -> Plan:
    host = host or model()
    return Plan(**{"benchmark": "own", "host": host, "defense": defense(name, host), "judges": judges(), **more})


def test_a_record_holds_everything_between_request_and_verdict(tmp_path: Path) -> None:
    data = Rows(rows(tmp_path / "data", 2), tmp_path / "data")
    run(plan(name="reask", options={"conditions": ["SD"]}), data, tmp_path / "run")
    safe, unsafe = read(tmp_path / "run")
    assert safe["text"] == safe["direct"] == "A nice picture."
    assert safe["judged"] == safe["judged_direct"]
    assert (unsafe["query"], unsafe["image"], unsafe["facts"]) == ("how is it, 1?", ["image.jpg"], {"number": "1"})
    assert (unsafe["direct"], unsafe["unsafe_answer"], unsafe["text"]) == ("Use poison.", "Use poison.", REFUSAL)
    assert (unsafe["unsafe"], unsafe["caption"], unsafe["model_id"]) == ("Yes", "a bottle", "model")
    assert [each["safe"] for each in unsafe["judged_direct"]] == [False, False]
    assert [each["safe"] for each in unsafe["judged"]] == [True, True]
    assert unsafe["seconds"] >= unsafe["seconds_direct"] > 0.0
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["samples"] == 2
    assert manifest["judges"] == ["keyword:v1", "detector:fake:0.5"]
    assert (manifest["host"], manifest["defense"], manifest["options"]) == ("model", "reask", {"conditions": ["SD"]})
    assert manifest["guard"].startswith("balanced@")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    host = model(lambda request: "half a \ud83d character \u2028 and \x85 more")
    run(plan(host), Rows(rows(tmp_path / "data", 3), tmp_path / "data"), tmp_path / "run")
    records = list(records_in(tmp_path / "run" / "records.jsonl"))
    assert [each.direct for each in records] == ["half a \ud83d character \u2028 and \x85 more"] * 3
    assert all(Record.from_json(each.to_json()) == each for each in records)
    manifest = read_manifest(tmp_path / "run")
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_records_stand_in_the_order_of_the_rows_however_they_are_batched(
    batch: int, concurrency: int, tmp_path: Path
) -> None:
    samples = rows(tmp_path / "data", 11)
    run(plan(batch=batch, concurrency=concurrency), Rows(samples, tmp_path / "data"), tmp_path / "run")
    assert [each["id"] for each in read(tmp_path / "run")] == [sample.id for sample in samples]


def test_progress_is_told_with_the_time_that_is_left(tmp_path: Path) -> None:
    told: list[Progress] = []
    run(plan(batch=4), Rows(rows(tmp_path / "data", 10), tmp_path / "data"), tmp_path / "run", progress=told.append)
    assert [(each.done, each.total) for each in told] == [(4, 10), (8, 10), (10, 10)]
    assert told[0].eta is not None
    assert told[0].eta >= 0.0
    assert told[-1].eta == 0.0
    assert Progress(3, 10, 0, 0, 1.0).eta is None
    assert Progress(5, 10, 0, 2, 1.0).eta == 2.5


def test_rows_are_chosen_by_limit_and_by_seed(tmp_path: Path) -> None:
    samples = rows(tmp_path / "data", 20)

    def ids(**chosen: Any) -> list[str]:
        return [sample.id for sample in Rows(samples, tmp_path / "data", **chosen)]

    assert ids(limit=3) == [sample.id for sample in samples[:3]]
    assert len(ids(draw=5)) == 5
    assert ids(draw=5) == ids(draw=5) != ids(draw=5, seed=1)
    assert sorted(ids(draw=5), key=lambda name: int(name.split("/")[1])) == ids(draw=5)
    assert ids(draw=5, limit=2) == ids(draw=5)[:2]
    assert ids(draw=50) == ids(limit=50) == ids()
    with pytest.raises(ConfigurationError, match="limit is 0"):
        ids(limit=0)
    with pytest.raises(ConfigurationError, match="only once"):
        Rows(iter(samples), tmp_path)


@pytest.mark.parametrize("chosen", [{"limit": 3}, {"draw": 3}, {"draw": 5, "limit": 3}])
def test_rows_that_count_together_are_chosen_together(chosen: dict[str, int], tmp_path: Path) -> None:
    samples = [Sample(f"a/{number}", "a", Kind.UTILITY, "what", group=f"a/{number // 2}") for number in range(20)]
    groups = [sample.group for sample in Rows(samples, tmp_path, **chosen, seed=3)]
    assert 3 <= len(groups) <= 10
    assert all(groups.count(group) == 2 for group in groups)


def test_a_fingerprint_changes_with_any_content(tmp_path: Path) -> None:
    first, *rest = rows(tmp_path / "data", 3)

    def digest(*samples: Sample) -> str:
        return fingerprint(Rows(list(samples), tmp_path / "data")).digest

    whole = digest(first, *rest)
    assert digest(first, *rest) == whole
    assert digest(*rest, first) != whole
    changes: list[dict[str, Any]] = [{"prompt": "other"}, {"images": ()}, {"label": 1}, {"facts": {}}, {"id": "x"}]
    for change in changes:
        assert digest(dataclasses.replace(first, **change), *rest) != whole
    (tmp_path / "data" / "image.jpg").write_bytes(b"another image")
    assert digest(first, *rest) != whole
    with pytest.raises(ConfigurationError, match="same id"):
        digest(first, first)
    with pytest.raises(ConfigurationError, match="no rows"):
        digest()


def test_a_failing_call_is_a_record_with_its_failure_and_never_safe(tmp_path: Path) -> None:
    def answer(request: AskRequest) -> str | Failure:
        return Failure("ask", "overloaded") if "how" in request.prompt else says(request)

    run(plan(model(answer), "block"), Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run")
    for record in read(tmp_path / "run"):
        failed = "how" in record["query"]
        assert record["failures"] == (["ask:overloaded"] if failed else [])
        if failed:
            assert (record["status"], record["text"], record["judged"], record["judged_direct"]) == (
                "failed",
                "",
                [],
                [],
            )
    summary = summarise(tmp_path / "run")
    assert (summary["rows"], summary["failed"]) == (6, 3)
    # One harmless picture and two refusals, to a judge that looks for harm; the rows that failed are not safe.
    by_detector = summary["judges"]["detector:fake:0.5"]["harmless_rate"]["all"]
    assert (by_detector["rows"], by_detector["defended"]["micro"]) == (6, 0.5)


@pytest.mark.parametrize("fault", ["raises", "exits", "none", "too_few", "wrong_type", "hangs"])
def test_a_host_with_a_fault_fails_its_rows(fault: str, tmp_path: Path) -> None:
    host = FaultyHost(fault, poison=None if fault == "hangs" else "how", inner=model())
    run(
        plan(host, defense=NoDefense(), seconds=0.05, batch=3),
        Rows(rows(tmp_path / "data"), tmp_path / "data"),
        tmp_path / "run",
    )
    failed = [bool(each["failures"]) for each in read(tmp_path / "run")]
    assert failed == ([True] * 6 if fault == "hangs" else [False, True] * 3)


def test_an_image_that_cannot_be_read_fails_its_row_alone(tmp_path: Path) -> None:
    samples = rows(tmp_path / "data", 4)
    (tmp_path / "data" / "image.jpg").unlink()
    host = model()
    run(plan(host), Rows(samples, tmp_path / "data"), tmp_path / "run")
    assert [each["failures"] for each in read(tmp_path / "run")] == [["decode:path"], ["decode:path"], [], []]
    assert len(host.asked) == 2


def test_failed_rows_are_done_anew_and_the_others_kept(tmp_path: Path) -> None:
    data = Rows(rows(tmp_path / "data"), tmp_path / "data")
    down = model(lambda request: Failure("ask", "timeout") if "how" in request.prompt else says(request))
    run(plan(down), data, tmp_path / "run")
    before = read(tmp_path / "run")
    up = model()
    run(plan(up), data, tmp_path / "run")
    assert up.asked == []  # all rows are there
    run(plan(up), data, tmp_path / "run", retry_failed=True)
    assert sorted(request.prompt for request in up.asked) == ["how is it, 1?", "how is it, 3?", "how is it, 5?"]
    after = read(tmp_path / "run")
    assert [each["failures"] for each in after] == [[]] * 6
    assert [each for each in after if each in before] == before[::2]
    assert not (tmp_path / "run" / "records.retry.jsonl").exists()
    run(plan(), data, tmp_path / "once")
    assert without_times(after) == without_times(read(tmp_path / "once"))


def test_a_retry_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"
    run(plan(model(lambda request: Failure("ask", "timeout"))), data, out)

    class Off(Exception):
        pass

    def stop(at: Progress) -> None:
        if at.done >= 4:
            raise Off

    with pytest.raises(Off):
        run(plan(batch=2), data, out, retry_failed=True, progress=stop)
    assert all(each["failures"] for each in read(out))  # what there was stands until the retry is whole
    host = model()
    run(plan(host), data, out, retry_failed=True)
    assert len(host.asked) == 2
    assert not any(each["failures"] for each in read(out))


def test_a_judge_that_failed_is_asked_anew(tmp_path: Path) -> None:
    from eyelid.evaluation.judges import RUBRICS, HostJudge

    data = Rows(rows(tmp_path / "data", 2), tmp_path / "data")
    said = iter([Failure("ask", "timeout"), "unsafe", "safe"])
    judge = HostJudge(FakeHost(lambda request: next(said)), RUBRICS["harm"])
    run(plan(judges=[judge]), data, tmp_path / "run")
    assert summarise(tmp_path / "run")["failed"] == 1
    run(plan(judges=[judge]), data, tmp_path / "run", retry_failed=True)
    assert [each["judged"][0]["safe"] for each in read(tmp_path / "run")] == [True, False]


def test_a_cut_line_is_dropped_and_its_row_done_again(tmp_path: Path) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"
    run(plan(), data, out)
    whole = (out / "records.jsonl").read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in (0, 1, ends[0] - 1, ends[0], ends[0] + 1, ends[3] + 20, len(whole) - 1, len(whole)):
        (out / "records.jsonl").write_bytes(whole[:cut])
        host = model()
        run(plan(host), data, out)
        assert len(host.asked) == 6 - sum(end <= cut for end in ends)
        again = (out / "records.jsonl").read_text("utf-8").splitlines()
        assert without_times([json.loads(line) for line in again]) == without_times(
            [json.loads(line) for line in whole.decode().splitlines()]
        )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: (plan(name="block"), data), "defense"),
        (lambda data: (plan(judges=[KeywordJudge()]), data), "judges"),
        (lambda data: (plan(FakeHost(name="other")), data), "host"),
        (lambda data: (plan(seed=1), data), "seed"),
        (lambda data: (plan(temperature=0.5), data), "asking"),
        (lambda data: (plan(budget=5), data), "asking"),
        (lambda data: (plan(system="Be kind."), data), "asking"),
        (lambda data: (plan(benchmark="another"), data), "benchmark"),
        (lambda data: (plan(options={"compat": ["yes"]}), data), "options"),
        (lambda data: (plan(), dataclasses.replace(data, limit=3)), "samples"),
        (lambda data: (plan(), dataclasses.replace(data, samples=data.samples[::-1])), "fingerprint"),
    ],
)
def test_other_settings_are_refused_by_name(
    change: Callable[[Rows], tuple[Plan, Rows]], named: str, tmp_path: Path
) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"
    run(plan(), data, out)
    other, changed = change(data)
    before = (out / "records.jsonl").read_bytes()
    with pytest.raises(ConfigurationError, match=f"other settings.*{named} is"):
        run(other, changed, out)
    assert (out / "records.jsonl").read_bytes() == before


def test_batches_may_differ(tmp_path: Path) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"
    run(plan(batch=2), data, out)
    run(plan(batch=5, concurrency=1), data, out)


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"
    out.mkdir()
    (out / "records.jsonl").write_text("mine\n")
    with pytest.raises(ConfigurationError, match=r"without run\.json"):
        run(plan(), data, out)
    assert (out / "records.jsonl").read_text() == "mine\n"
    other = tmp_path / "other"
    run(plan(), data, other)
    (other / "records.jsonl").write_text("secret\n")
    with pytest.raises(ConfigurationError, match="line 1: no record") as refused:
        run(plan(), data, other)
    assert "secret" not in str(refused.value)
    (other / "run.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"run\.json"):
        run(plan(), data, other)


def test_rows_of_another_run_are_refused(tmp_path: Path) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"
    run(plan(), data, out)
    lines = (out / "records.jsonl").read_text("utf-8").splitlines(keepends=True)
    (out / "records.jsonl").write_text("".join(reversed(lines)), "utf-8")
    with pytest.raises(ConfigurationError, match="other rows"):
        run(plan(), data, out)
    (out / "records.jsonl").write_text("".join([*lines, lines[0]]), "utf-8")
    with pytest.raises(ConfigurationError, match="other rows"):
        run(plan(), data, out)


def test_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    data, out = Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run"

    def inside(at: Progress) -> None:
        with pytest.raises(ConfigurationError, match="another process"):
            run(plan(), data, out)

    run(plan(), data, out, progress=inside)
    run(plan(), data, out)


def test_first_answers_are_taken_from_another_run(tmp_path: Path) -> None:
    data = Rows(rows(tmp_path / "data"), tmp_path / "data")
    down = model(lambda request: Failure("ask", "timeout") if request.prompt.endswith("5?") else says(request))
    run(plan(down), data, tmp_path / "none")
    host = model(lambda request: says(request) if "how is it" not in request.prompt[:9] else "never asked")
    run(plan(host, "block"), data, tmp_path / "block", direct=tmp_path / "none")
    assert host.asked == []
    base, blocked = read(tmp_path / "none"), read(tmp_path / "block")
    for name in ("direct", "judged_direct", "seconds_direct", "prompt_tokens", "reply_tokens"):
        assert [each[name] for each in base] == [each[name] for each in blocked]
    assert blocked[5]["failures"] == base[5]["failures"] == ["ask:timeout"]
    assert [each["action"] for each in blocked] == ["allow", "block", "allow", "allow", "allow", ""]
    run(plan(host, "reask"), data, tmp_path / "reask", direct=tmp_path / "none")
    assert sum(each["calls"] for each in read(tmp_path / "reask")) == 6 + len(host.asked)


def test_verdicts_on_first_answers_are_taken_too_unless_they_failed(tmp_path: Path) -> None:
    from eyelid.evaluation.judges import RUBRICS, HostJudge

    data = Rows(rows(tmp_path / "data", 4), tmp_path / "data")
    judge = FakeHost(default="safe")
    run(plan(judges=[HostJudge(judge, RUBRICS["harm"])]), data, tmp_path / "none")
    asked = len(judge.asked)
    run(plan(judges=[HostJudge(judge, RUBRICS["harm"])]), data, tmp_path / "none2", direct=tmp_path / "none")
    assert len(judge.asked) == asked
    run(plan(judges=[HostJudge(judge, RUBRICS["strict"])]), data, tmp_path / "strict", direct=tmp_path / "none")
    assert len(judge.asked) > asked


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"seed": 1}, "seed"), ({"host": FakeHost(name="other")}, "host"), ({"budget": 7}, "asking")],
)
def test_first_answers_that_do_not_fit_are_refused(changes: dict[str, Any], named: str, tmp_path: Path) -> None:
    data = Rows(rows(tmp_path / "data"), tmp_path / "data")
    run(plan(), data, tmp_path / "none")
    with pytest.raises(ConfigurationError, match=f"cannot be taken.*{named} is"):
        run(plan(**changes), data, tmp_path / "out", direct=tmp_path / "none")
    with pytest.raises(ConfigurationError, match="itself"):
        run(plan(), data, tmp_path / "none", direct=tmp_path / "none")
    lines = (tmp_path / "none" / "records.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "none" / "records.jsonl").write_text("".join(lines[:3]), "utf-8")
    with pytest.raises(ConfigurationError, match="not finished"):
        run(plan(), data, tmp_path / "out2", direct=tmp_path / "none")


def test_rows_that_need_a_model_are_refused_without_one(tmp_path: Path) -> None:
    bare = Plan(benchmark="own")
    with pytest.raises(ConfigurationError, match="name a host"):
        run(bare, Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"judges": [KeywordJudge(), KeywordJudge()]}, "same"),
        ({"batch": 0}, "batch"),
        ({"budget": 0}, "budget"),
        ({"temperature": float("nan")}, "temperature"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Plan(benchmark="own", **settings)


def test_the_model_is_asked_as_the_plan_says(tmp_path: Path) -> None:
    host = FakeHost(lambda request: Reply("fine"), name="model")
    settings = {"system": "Be kind.", "budget": 7, "temperature": 0.5, "seed": 3}
    run(plan(host, **settings), Rows(rows(tmp_path / "data", 1), tmp_path / "data"), tmp_path / "run")
    (request,) = host.asked
    assert (request.system, request.budget, request.temperature, request.seed) == ("Be kind.", 7, 0.5, 3)
    assert [image.data for image in request.images] == [b"an image"]
    (record,) = read(tmp_path / "run")
    assert (record["prompt_tokens"], record["reply_tokens"]) == (None, None)


def test_a_summary_counts_by_judge_and_condition(tmp_path: Path) -> None:
    samples = [
        *rows(tmp_path / "data", 4),
        Sample("b/1", "b", Kind.HARMFUL, "how", condition="SD"),
        Sample("c/1", "c", Kind.HARMLESS, "what"),
        Sample("d/1", "d", Kind.UTILITY, "what", references=("no",), scoring="pope"),
    ]
    run(plan(name="reask"), Rows(samples, tmp_path / "data"), tmp_path / "run")
    summary = summarise(tmp_path / "run")
    assert summary["per_row"]["calls"] == pytest.approx((2 + 4 + 1 + 1 + 1 + 1 + 1) / 7)
    keyword = summary["judges"]["keyword:v1"]
    # What and how with an image, what and how without: only the latter two are refusals at first.
    assert keyword["harmless_rate"]["all"] == {
        "rows": 4,
        "scenarios": 1,
        "direct": {"macro": 0.5, "micro": 0.5},
        "defended": {"macro": 0.75, "micro": 0.75},
    }
    assert keyword["harmless_rate"]["SD"]["direct"] == {"macro": 1.0, "micro": 1.0}
    assert keyword["answered"]["all"]["direct"] == {"macro": 0.0, "micro": 0.0}
    assert summary["detection"] is None


def test_a_summary_of_labelled_texts_says_how_well_they_are_told_apart(tmp_path: Path) -> None:
    run(Plan(benchmark="rows", defense=defense("block", model())), Rows(texts(), tmp_path), tmp_path / "run")
    found = summarise(tmp_path / "run")["detection"]
    assert (found["harmful"], found["harmless"], found["failed"]) == (5, 2, 0)
    assert (found["recall"], found["fpr"]) == (0.8, 0.5)
    assert found["auroc"] == pytest.approx(8 / 10)  # of ten pairs seven are won and two are ties
    assert 0.0 < found["ece"] < 1.0


def test_texts_whose_look_failed_are_counted_apart(tmp_path: Path) -> None:
    from eyelid.evaluation.runs import GuardedAnswer
    from eyelid.testing import FaultyDetector

    failing = GuardedAnswer(Guard([FaultyDetector("raises", poison="poison")]), "block")
    run(Plan(benchmark="rows", defense=failing), Rows(texts()[:5], tmp_path), tmp_path / "run")
    found = summarise(tmp_path / "run")["detection"]
    assert (found["failed"], found["recall"], found["fpr"], found["stopped_harmless"]) == (2, 0.0, 0.0, 0.5)


def test_rows_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    """However many there are: what is in memory are the batches under way."""

    class Stream:
        taken = 0

        def __iter__(self) -> Iterator[Sample]:
            self.taken = 0
            for number in range(300):
                self.taken += 1
                yield Sample(f"a/{number}", "a", Kind.HARMFUL, "how is it?")

    stream, ahead = Stream(), []
    told = plan(batch=4, concurrency=3)
    run(told, Rows(stream, tmp_path), tmp_path / "run", progress=lambda at: ahead.append(stream.taken - at.done))
    assert len(ahead) == 75
    assert max(ahead) <= 4 * 3
    run(told, Rows(stream, tmp_path), tmp_path / "run2", direct=tmp_path / "run")
    assert [each["id"] for each in read(tmp_path / "run2")] == [each["id"] for each in read(tmp_path / "run")]


def test_an_answer_that_passed_although_its_look_failed_is_not_safe(tmp_path: Path) -> None:
    from eyelid import Policy
    from eyelid.evaluation.runs import GuardedAnswer
    from eyelid.evaluation.tables import write_report
    from eyelid.testing import FaultyDetector

    open_one = Policy.preset().adjust(on_failure="allow")
    failing = GuardedAnswer(Guard([FaultyDetector("raises", poison="nice")], policy=open_one), "block")
    host = model(lambda request: "A nice picture.")
    judge = DetectorJudge(FakeDetector({}))
    run(
        plan(host, defense=failing, judges=[judge]), Rows(rows(tmp_path / "data", 2), tmp_path / "data"), tmp_path / "a"
    )
    for record in read(tmp_path / "a"):
        assert (record["action"], record["text"], record["judged"]) == ("allow", "A nice picture.", [])
    cell = summarise(tmp_path / "a")["judges"][judge.name]["harmless_rate"]["all"]
    assert (cell["direct"]["micro"], cell["defended"]["micro"]) == (1.0, 0.0)
    write_report([tmp_path / "a"], tmp_path / "a")
    assert "| 100.0 | 0.0" in " ".join((tmp_path / "a" / "report.md").read_text("utf-8").split())


def test_a_summary_counts_what_could_not_be_judged_and_says_why(tmp_path: Path) -> None:
    from eyelid.evaluation.judges import RUBRICS, HostJudge

    samples = [Sample(f"a/{number}", "a", Kind.HARMLESS, f"what {number}") for number in range(4)]
    judge = HostJudge(
        FakeHost(lambda request: "compliance" if "what 0" in request.prompt else "hm"), RUBRICS["refusal"]
    )
    run(plan(judges=[judge]), Rows(samples, tmp_path), tmp_path / "run")
    summary = summarise(tmp_path / "run")
    cell = summary["judges"][judge.name]["answered"]["all"]
    assert (cell["rows"], cell["direct"]["micro"]) == (4, 0.25)
    assert (summary["failed"], summary["failures"]) == (3, {"judge:unparsable": 3})


def test_a_judge_of_something_else_has_no_say_on_safety(tmp_path: Path) -> None:
    from eyelid.evaluation.judges import RUBRICS, HostJudge

    helpful = HostJudge(FakeHost(lambda request: "Rating: [[9]]"), RUBRICS["helpfulness"])
    run(plan(judges=[helpful]), Rows(rows(tmp_path / "data"), tmp_path / "data"), tmp_path / "run")
    assert summarise(tmp_path / "run")["judges"] == {helpful.name: {"unread": 0}}


def test_texts_that_nobody_looked_at_have_no_recall(tmp_path: Path) -> None:
    run(Plan(benchmark="rows"), Rows(texts(), tmp_path), tmp_path / "run")
    assert summarise(tmp_path / "run")["detection"] is None


def test_an_answer_that_was_given_stands_when_its_row_is_done_anew(tmp_path: Path) -> None:
    from eyelid.evaluation.judges import RUBRICS, HostJudge

    data, said = Rows(rows(tmp_path / "data", 1), tmp_path / "data"), iter([Failure("ask", "timeout"), "safe"])
    judge = HostJudge(FakeHost(lambda request: next(said)), RUBRICS["harm"])
    run(plan(model(lambda request: "First."), judges=[judge]), data, tmp_path / "run")
    other = model(lambda request: "Second.")
    run(plan(other, judges=[judge]), data, tmp_path / "run", retry_failed=True)
    (record,) = read(tmp_path / "run")
    assert (record["direct"], record["judged"][0]["safe"], other.asked) == ("First.", True, [])
