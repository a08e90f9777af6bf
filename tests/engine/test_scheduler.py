"""The scheduler is pure: every promise is a property."""

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.runners import Echo

from eyelid.engine import Batch, Claim, Entry, Item, Limits, Scheduler
from eyelid.engine._scheduler import HEAD_START
from eyelid.errors import OverloadedError

A, B = Echo(), Echo()
PLENTY = Limits()


def entry(
    tokens: int = 10,
    *,
    runner: Echo = A,
    caller: str = "",
    urgent: bool = False,
    deadline: float = math.inf,
    at: float = 0.0,
) -> Entry:
    return Entry(Item(runner, None, tokens, size=tokens), Claim(caller, urgent, deadline), at, [object()])


def take(scheduler: Scheduler, now: float = 0.0, budget: int = 100, idle: int = 1) -> Batch:
    return scheduler.take(now, lambda runner: budget, idle)


def everything(scheduler: Scheduler, now: float = 0.0, budget: int = 100) -> list[Entry]:
    order: list[Entry] = []
    while some := take(scheduler, now, budget).entries:
        order += some
    return order


entries = st.builds(
    entry,
    st.integers(1, 150),
    runner=st.sampled_from([A, B]),
    caller=st.sampled_from(["x", "y", "z"]),
    urgent=st.booleans(),
    deadline=st.sampled_from([5.0, 10.0, math.inf]),
    at=st.floats(0, 4),
)


@given(st.lists(entries, max_size=60), st.integers(1, 200), st.integers(1, 4))
def test_nothing_is_lost_or_given_twice_and_no_pass_exceeds_its_budget(
    added: list[Entry], budget: int, idle: int
) -> None:
    scheduler = Scheduler(PLENTY)
    for each in added:
        scheduler.add(each)
    seen: list[Entry] = []
    while (batch := take(scheduler, 4.0, budget, idle)).entries:
        assert len({e.item.runner for e in batch.entries} | {batch.runner}) == 1
        assert len(batch.entries) == 1 or sum(e.item.tokens for e in batch.entries) <= budget
        seen += batch.entries
    assert sorted(map(id, seen)) == sorted(map(id, added))
    assert (scheduler.items, scheduler.tokens, scheduler.size) == (0, 0, 0)


@given(st.lists(entries, max_size=60))
def test_one_callers_work_of_one_kind_is_never_reordered_but_by_deadline(added: list[Entry]) -> None:
    scheduler = Scheduler(PLENTY)
    for each in sorted(added, key=lambda e: e.arrived):
        scheduler.add(each)
    lines = defaultdict(list)
    for each in everything(scheduler, 4.0):
        lines[each.item.runner, each.claim.caller, each.claim.urgent].append((each.due, each.arrived))
    assert all(line == sorted(line) for line in lines.values())


@given(st.lists(st.tuples(entries, st.booleans()), max_size=60))
def test_what_nobody_wants_is_dropped_and_gives_its_room_back(added: list[tuple[Entry, bool]]) -> None:
    unwanted = {id(each) for each, wanted in added if not wanted}
    scheduler = Scheduler(PLENTY, lambda e: id(e) not in unwanted)
    for each, _ in added:
        scheduler.add(each)
    assert {id(each) for each in everything(scheduler, 4.0)} == {id(each) for each, wanted in added if wanted}
    assert (scheduler.items, scheduler.tokens, scheduler.size) == (0, 0, 0)


@given(st.lists(entries, max_size=40), st.floats(0, 20))
def test_what_is_too_late_is_handed_back_and_never_run(added: list[Entry], now: float) -> None:
    scheduler = Scheduler(PLENTY)
    for each in added:
        scheduler.add(each)
    run, lapsed = [], []
    while True:
        batch = take(scheduler, now)
        run += batch.entries
        lapsed += batch.lapsed
        if not batch.entries:
            break
    assert {id(e) for e in lapsed} == {id(e) for e in added if e.claim.deadline < now}
    assert len(run) + len(lapsed) == len(added)


@given(st.integers(2, 6), st.integers(1, 50), st.integers(20, 400))
@settings(max_examples=40)
def test_callers_get_equal_shares_whatever_they_queue(callers: int, tokens: int, flood: int) -> None:
    scheduler = Scheduler(PLENTY)
    for _ in range(flood):
        scheduler.add(entry(1, caller="flood"))
    for number in range(callers):
        for _ in range(20):
            scheduler.add(entry(tokens, caller=f"c{number}"))
    had: dict[str, int] = defaultdict(int)
    waiting = {f"c{number}": 20 for number in range(callers)} | {"flood": flood}
    while all(waiting.values()):
        for each in take(scheduler, budget=60).entries:
            had[each.claim.caller] += each.item.tokens
            waiting[each.claim.caller] -= 1
    # While all of them wait, none is ahead of another by more than a piece of each and what a pass took last.
    assert max(had[name] for name in waiting) - min(had[name] for name in waiting) <= 2 * tokens + 60


def test_a_stream_goes_first_and_old_work_is_not_overtaken() -> None:
    scheduler = Scheduler(PLENTY)
    old, young, stream = entry(at=0.0), entry(at=HEAD_START), entry(at=HEAD_START + 0.5, urgent=True)
    for each in (young, stream, old):
        scheduler.add(each)
    assert everything(scheduler, 5.0, budget=10) == [old, stream, young]


def test_a_deadline_goes_before_none() -> None:
    scheduler = Scheduler(PLENTY)
    first, soon = entry(), entry(deadline=1.0)
    scheduler.add(first)
    scheduler.add(soon)
    assert everything(scheduler, budget=10) == [soon, first]


def test_free_workers_share_what_there_is() -> None:
    scheduler = Scheduler(PLENTY)
    for _ in range(8):
        scheduler.add(entry(10))
    assert [len(take(scheduler, budget=100, idle=idle).entries) for idle in (2, 1)] == [4, 4]


def test_what_is_larger_than_a_pass_goes_alone() -> None:
    scheduler = Scheduler(PLENTY)
    for tokens in (500, 10, 10):
        scheduler.add(entry(tokens))
    assert [len(take(scheduler).entries) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("limits", [Limits(items=3), Limits(tokens=35), Limits(size=35)])
def test_a_full_queue_refuses_and_admits_again(limits: Limits) -> None:
    scheduler = Scheduler(limits)
    for _ in range(3):
        scheduler.add(entry(10))
    with pytest.raises(OverloadedError, match="3 items, 30 tokens"):
        scheduler.add(entry(10))
    take(scheduler, budget=10)
    scheduler.add(entry(10))
    assert scheduler.items == 3


def test_into_an_empty_queue_anything_may() -> None:
    scheduler = Scheduler(Limits(tokens=5))
    scheduler.add(entry(1000))
    assert len(everything(scheduler)) == 1


@dataclass
class Joined:
    scheduler: Scheduler = field(default_factory=lambda: Scheduler(PLENTY))

    def item(self, key: str = "k") -> Item:
        return Item(A, None, 10, key=key)

    def add(self, **claim: object) -> Entry:
        made = Entry(self.item(), Claim(**claim), 0.0, [object()])  # type: ignore[arg-type]
        self.scheduler.add(made)
        return made

    def join(self, **claim: object) -> Entry | None:
        return self.scheduler.join(self.item(), Claim(**claim), object())  # type: ignore[arg-type]


def test_the_same_work_is_joined_until_it_is_answered() -> None:
    joined = Joined()
    first = joined.add()
    assert joined.join() is first
    assert joined.scheduler.items == 1
    assert take(joined.scheduler).entries == [first]
    assert joined.join() is first
    joined.scheduler.finish(first)
    assert joined.join() is None
    assert joined.scheduler.join(Item(B, None, 10, key="k"), Claim(), object()) is None
    assert len(first.waiters) == 3


def test_whoever_joins_brings_work_forward_and_keeps_it_alive() -> None:
    joined = Joined()
    joined.scheduler.add(entry(at=0.0))
    first = joined.add(deadline=3.0)
    assert joined.join(urgent=True) is first
    batch = take(joined.scheduler, now=100.0, budget=10)
    assert (batch.entries, batch.lapsed) == ([first], [])
    assert len(everything(joined.scheduler)) == 1


def test_drain_takes_out_all() -> None:
    scheduler = Scheduler(PLENTY)
    added = [entry(runner=runner, urgent=urgent, deadline=1.0) for runner in (A, B) for urgent in (True, False)]
    for each in added:
        scheduler.add(each)
    assert set(map(id, scheduler.drain())) == set(map(id, added))
    assert scheduler.items == 0


def test_work_that_heads_both_lines_is_taken_once() -> None:
    scheduler = Scheduler(PLENTY)
    first = Entry(Item(A, None, 10, size=1, key="k"), Claim(), 0.0, [object()])
    scheduler.add(first)
    scheduler.join(first.item, Claim(urgent=True), object())
    assert take(scheduler).entries == [first]
    assert (scheduler.items, scheduler.tokens, scheduler.size) == (0, 0, 0)


@given(st.lists(st.tuples(entries, st.integers(0, 5)), max_size=40), st.integers(1, 200))
def test_joining_loses_nothing_and_gives_nothing_twice(work: list[tuple[Entry, int]], budget: int) -> None:
    scheduler = Scheduler(PLENTY)
    added: list[Entry] = []
    for each, key in work:
        each.item = replace(each.item, key=key)
        if scheduler.join(each.item, each.claim, object()) is None:
            scheduler.add(each)
            added.append(each)
    assert sorted(map(id, everything(scheduler, budget=budget))) == sorted(map(id, added))
    assert (scheduler.items, scheduler.tokens, scheduler.size) == (0, 0, 0)


def test_work_that_is_urgent_for_one_stays_so_when_another_joins_with_less_time() -> None:
    scheduler = Scheduler(PLENTY)
    first = Entry(Item(A, None, 10, key="k"), Claim(urgent=True), 0.5, [object()])
    scheduler.add(first)
    scheduler.add(other := entry(runner=B, deadline=1.0))
    assert scheduler.join(first.item, Claim(deadline=4.0), object()) is first
    assert everything(scheduler) == [first, other]
