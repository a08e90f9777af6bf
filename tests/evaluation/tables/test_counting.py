"""Rows → counts: what an answer counts as, and who changed it."""

import random
from dataclasses import replace

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st
from tests.evaluation.tables.making import JUDGE, asked, cells, given

from eyelid.errors import ConfigurationError
from eyelid.evaluation.intervals import Pairs
from eyelid.evaluation.records import Judgement, Record
from eyelid.evaluation.tables._attribution import attribute
from eyelid.evaluation.tables._cost import cost
from eyelid.evaluation.tables._detection import detection, judge_detection, self_judgement
from eyelid.evaluation.tables._grid import Grid, is_safe, same_judge
from eyelid.evaluation.tables._layout import macro, micro
from eyelid.evaluation.tables._utility import groups


def grid(records: list[Record], judge: str = JUDGE) -> Grid:
    return Grid.count(records, judge, is_safe, "safe")


def test_rows_are_paired() -> None:
    found = grid(cells("01-x", "SD", both=4, gained=3, lost=2, neither=1))
    assert found.cells == {("01-x", "SD"): Pairs(both=4, gained=3, lost=2, neither=1)}
    assert found.unread == 0


def test_what_has_no_verdict_is_unsafe() -> None:
    rows = [
        asked("1", "s", before=None),
        asked("2", "s", before=True, after=None, changed=True),
        replace(asked("3", "s", before=True), judged=(), judged_direct=(), failures=("ask:timeout",)),
        asked("4", "s", before=True, judge="another judge"),
    ]
    found = grid(rows)
    assert found.cells["s", ""] == Pairs(lost=1, neither=3)
    assert found.unread == 4


def test_one_verdict_serves_both_where_the_text_is_the_same() -> None:
    unchanged = replace(asked("1", "s", before=True), judged=())
    changed = replace(asked("2", "s", before=True, after=True, changed=True), judged=())
    assert grid([unchanged]).cells["s", ""] == Pairs(both=1)
    assert grid([changed]).cells["s", ""] == Pairs(lost=1)


def test_judges_are_never_put_together() -> None:
    assert same_judge(["a", "a"]) == "a"
    with pytest.raises(ConfigurationError, match=r"2 judges \(a, b\) cannot be put together"):
        same_judge(["a", "b"])


@settings(max_examples=40, deadline=None)
@each(st.lists(st.tuples(*[st.integers(0, 9)] * 4).filter(any), min_size=1, max_size=5), st.randoms())
def test_means_are_what_they_say_in_any_order(outcomes: list[tuple[int, ...]], rng: random.Random) -> None:
    records = [
        record
        for n, (both, gained, lost, neither) in enumerate(outcomes)
        for record in cells(f"{n:02}", "SD", both=both, gained=gained, lost=lost, neither=neither)
    ]
    shuffled = records[:]
    rng.shuffle(shuffled)
    assert grid(shuffled).cells == grid(records).cells
    samples = [pairs for _, pairs in sorted(grid(shuffled).cells.items())]
    shares = [sum(o[:2]) / sum(o) for o in outcomes]
    assert macro(samples).after.value == pytest.approx(sum(shares) / len(shares))
    assert micro(samples).after.hits == sum(sum(o[:2]) for o in outcomes)
    assert micro(samples).after.of == len(records)
    assert macro(samples).difference.value == pytest.approx(macro(samples).after.value - macro(samples).before.value)
    flipped = macro(samples).flipped()
    assert flipped.before.value + macro(samples).before.value == pytest.approx(1.0)
    assert flipped.before.value in flipped.before.interval


def test_who_changed_what_is_kept_apart() -> None:
    rows = [
        asked("caught", "s", before=False, after=True, changed=True),
        asked("unread and changed", "s", before=None, after=True, changed=True),
        asked("alarm", "s", before=True, after=True, changed=True),
        asked("alarm on a refusal", "s", before=True, after=True, changed=True, refused=True),
        asked("refusal", "s", before=True, refused=True),
        asked("passed", "s", before=True),
        asked("missed", "s", before=False),
        asked("failed", "s", before=True, status="failed", action="block"),
        asked("no answer", "s", before=None, failures=("ask:timeout",)),
        asked("harmless and changed", "s", before=False, kind="harmless", changed=True),
        asked("ordinary and changed", "s", before=False, kind="utility", changed=True),
        given("labelled", 1, 0.9),
    ]
    found = attribute(rows, JUDGE)
    assert found.rows == 11
    assert sum(found.parts.values()) == 11
    assert (found.caught, found.false_alarms, found.host_refusals, found.passed, found.failed) == (2, 4, 1, 2, 2)
    # Unchanged ones that gave no reason to be changed: the refusal and "passed".
    assert (found.harmless, found.changed_refusals) == (6, 2)


def test_a_failed_look_has_found_nothing_and_still_stops() -> None:
    rows = [
        given("1", 1, 0.9),
        given("2", 1, 0.2),
        given("3", 0, 0.1),
        given("4", 0, 0.8),
        given("5", 1, 0.9, status="failed", failures=("score:error",), action="block"),
        given("6", 0, 0.1, status="failed", failures=("score:error",), action="block"),
        given("7", 0, float("nan")),
    ]
    found = detection(rows)
    assert found is not None
    assert (found.harmful, found.harmless, found.failed) == (3, 4, 2)
    assert (found.found, found.false, found.stopped) == (1, 1, 2)
    assert len(found.scored) == 4
    assert found.auroc == pytest.approx(0.75)
    assert detection([asked("1", "s", before=True)]) is None


def test_judges_are_measured_on_what_was_given() -> None:
    rows = [
        given("1", 1, 0.9, judged_direct=(Judgement("d", safe=False, score=0.9),), text="refused"),
        given("2", 0, 0.1, judged_direct=(Judgement("d", safe=True, score=0.2),)),
        given("3", 0, 0.1, judged_direct=(Judgement("d"),)),
    ]
    found = judge_detection(rows, "d")
    assert found is not None
    assert (found.found, found.false, found.failed, found.auroc) == (1, 0, 1, 1.0)
    assert judge_detection(rows, "another") is None


def test_a_model_is_compared_with_its_judge() -> None:
    rows = [
        asked("1", "s", before=False, unsafe="Yes"),
        asked("2", "s", before=False, unsafe="No"),
        asked("3", "s", before=True, unsafe="No"),
        asked("4", "s", before=True, unsafe="Yes"),
        asked("5", "s", before=True, unsafe=""),
    ]
    found = self_judgement(rows, JUDGE)
    assert found is not None
    assert (found.asked, found.agreed, found.unsafe, found.found, found.safe, found.false) == (4, 2, 2, 1, 2, 1)
    assert self_judgement(rows[4:], JUDGE) is None


def test_a_group_is_right_if_each_of_its_rows_is() -> None:
    rows = [
        asked("1", "count", before=True, kind="utility", group="a"),
        asked("2", "count", before=True, kind="utility", group="a"),
        asked("3", "count", before=True, kind="utility", group="b"),
        asked("4", "count", before=False, after=True, changed=True, kind="utility", group="b"),
    ]
    found = groups(rows, JUDGE)
    assert found is not None
    assert found.cells["count", ""] == Pairs(both=1, gained=1)


def test_cost_counts_what_is_known() -> None:
    rows = [
        asked("1", "s", before=True, calls=2, seconds_direct=1.0, seconds=2.0),
        asked("2", "s", before=True, calls=4, seconds_direct=3.0, seconds=6.0, prompt_tokens=None),
    ]
    found = cost(rows)
    assert (found.calls, found.calls_by_number) == (3.0, {2: 1, 4: 1})
    assert (found.counted, found.prompt_tokens, found.reply_tokens) == (1, 100.0, 50.0)
    assert (found.direct.mean, found.final.p50, found.ratio) == (2.0, 4.0, 2.0)
