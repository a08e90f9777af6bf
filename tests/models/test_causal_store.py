"""Where keys and values are kept: nothing is lost, nothing overlaps, and nobody finds what is not theirs."""

import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.models._kv_slots import Slots
from eyelid.models._kv_store import Lease, StateStore


@given(st.lists(st.tuples(st.sampled_from(["take", "lengthen", "give"]), st.integers(1, 40), st.integers(0, 9))))
def test_runs_never_overlap_and_come_back(steps: list[tuple[str, int, int]]) -> None:
    slots, taken = Slots(100), list[tuple[int, int]]()
    for act, places, which in steps:
        if act == "take":
            start = slots.take(places)
            taken += [] if start is None else [(start, places)]
        elif taken:
            start, length = taken.pop(which % len(taken))
            if act == "give":
                slots.give(start, length)
            else:
                taken.append((start, length + (places if slots.lengthen(start + length, places) else 0)))
        used = [place for start, length in taken for place in range(start, start + length)]
        assert len(used) == len(set(used)) == 100 - slots.free
    for start, length in taken:
        slots.give(start, length)
    assert slots.take(100) == 0


class Pool:
    """Tokens where their keys and values would be."""

    def __init__(self, places: int) -> None:
        self.data = array("i", [0] * places)
        self.copied = 0
        self.store = StateStore(places, self.copy)

    def copy(self, source: int, target: int, tokens: int) -> None:
        self.copied += tokens
        self.data[target : target + tokens] = self.data[source : source + tokens]

    def write(self, tokens: list[int], owner: str = "") -> Lease:
        """What a pass does before it is over: only what is new."""
        lease = self.store.lease(array("i", tokens), owner)
        if lease.stored is not None:
            start = lease.stored.start
            assert self.data[start : start + lease.past].tolist() == tokens[: lease.past]
            self.data[start + lease.past : start + len(tokens)] = array("i", tokens[lease.past :])
        return lease

    def put(self, tokens: list[int], keep: int | None = None, owner: str = "") -> int:
        """Tokens that had to be computed."""
        lease = self.write(tokens, owner)
        self.store.commit(lease, array("i", tokens), len(tokens) if keep is None else keep)
        return len(tokens) - lease.past


def text(count: int, seed: int = 0) -> list[int]:
    return random.Random(seed).choices(range(1, 1000), k=count)


def test_a_growing_text_is_lengthened_where_it_lies() -> None:
    pool, whole = Pool(1000), text(300)
    assert [pool.put(whole[:end]) for end in range(40, 301, 20)] == [40, *[20] * 13]
    assert pool.copied == 0
    assert len(pool.store) == 1


def test_what_a_template_puts_behind_the_text_is_not_kept() -> None:
    pool, whole, behind = Pool(1000), text(300), text(5, 1)
    assert [pool.put(whole[:end] + behind, keep=end) for end in (40, 60, 80)] == [45, 25, 25]
    assert pool.copied == 0


def test_last_tokens_may_change_as_a_text_grows() -> None:
    pool, whole = Pool(1000), text(100)
    pool.put([*whole[:50], 1001, 1002])
    assert pool.put(whole) == 50
    assert pool.copied == 0
    assert len(pool.store) == 1


def test_another_answer_to_the_same_prompt_copies_the_prompt() -> None:
    pool, prompt = Pool(1000), text(40)
    pool.put(prompt + text(60, 1))
    assert pool.put(prompt + text(60, 2)) == 60
    assert pool.copied == 40
    assert pool.put(prompt + text(60, 1) + text(9, 3)) == 9  # the first is still there


def test_the_last_token_is_always_computed() -> None:
    pool, whole = Pool(1000), text(100)
    assert [pool.put(whole), pool.put(whole), pool.store.known(array("i", whole))] == [100, 1, 99]


def test_two_passes_never_write_one_state() -> None:
    pool, whole = Pool(1000), text(100)
    pool.put(whole[:60])
    first, second = pool.write(whole[:80]), pool.write(whole)
    assert first.stored is not second.stored
    assert first.past == second.past == 60
    pool.store.commit(second, array("i", whole), 100)
    pool.store.commit(first, array("i", whole[:80]), 80)
    assert pool.put(whole) == 1


def test_a_failed_pass_leaves_what_was_there() -> None:
    pool, whole = Pool(1000), text(100)
    pool.put(whole[:60])
    pool.store.abandon(pool.write(whole))
    assert pool.put(whole) == 40
    pool.store.abandon(pool.write(text(50, 7)))
    assert len(pool.store) == 1
    assert pool.put(text(50, 7)) == 50


def test_what_was_used_longest_ago_goes_first() -> None:
    pool = Pool(3 * 64)
    for seed in (1, 2, 3, 1, 4):
        pool.put(text(60, seed))
    assert [pool.put(text(60, seed)[:59]) for seed in (1, 4, 3)] == [1, 1, 1]
    assert pool.store.known(array("i", text(60, 2))) == 0


def test_what_is_larger_than_everything_evicts_nothing() -> None:
    pool = Pool(128)
    pool.put(text(60))
    assert pool.write(text(300, 1)) == Lease(None, 0)
    assert pool.put(text(60)) == 1
    assert Pool(0).put(text(60)) == 60


def test_owners_do_not_find_each_others() -> None:
    pool, whole = Pool(1000), text(100)
    pool.put(whole, owner="one")
    assert [pool.put(whole, owner="other"), pool.put(whole, owner="one")] == [100, 1]


def test_short_texts_are_not_kept() -> None:
    pool = Pool(1000)
    pool.put(text(10))
    assert len(pool.store) == 0
    assert pool.store.free == 1000


@given(st.randoms(use_true_random=False), st.sampled_from([0, 200, 700, 5000]))
def test_whatever_happens_what_is_found_is_right(chance: random.Random, places: int) -> None:
    """`Pool.write` compares every beginning that is found with the tokens asked for."""
    pool, running = Pool(places), list[tuple[Lease, list[int]]]()
    texts = [text(20, 0) * chance.randint(0, 2) + text(200, seed) for seed in range(4)]
    for _ in range(60):
        if running and chance.random() < 0.4:
            lease, tokens = running.pop(chance.randrange(len(running)))
            if chance.random() < 0.2:
                pool.store.abandon(lease)
            else:
                pool.store.commit(lease, array("i", tokens), chance.randint(0, len(tokens)))
        else:
            tokens = chance.choice(texts)[: chance.randint(1, 240)]
            running.append((pool.write(tokens), tokens))
    for lease, _ in running:
        pool.store.abandon(lease)
    held = [(s.start, s.start + s.room) for s in pool.store._used]
    assert sum(end - start for start, end in held) + pool.store.free == places
    assert all(a[1] <= b[0] for a, b in zip(sorted(held), sorted(held)[1:], strict=False))


def test_state_names_hold_no_tokens() -> None:
    pool = Pool(100)
    pool.put([987_654] * 50)
    assert "987654" not in repr(list(pool.store._used))


@pytest.mark.parametrize("places", [64, 100])
def test_growth_that_finds_no_room_gives_the_place_back(places: int) -> None:
    pool, whole = Pool(places), text(300)
    pool.put(whole[:60])
    assert pool.put(whole) == 300
    assert pool.store.free == places
