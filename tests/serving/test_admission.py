"""The door: bounds hold whatever comes, callers share, and what would wait is refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eyelid.serving._admission import ALWAYS, Admission, Refusal, Ticket
from eyelid.serving._pace import Pace


def door(**changes: float) -> Admission:
    bounds = {"max_requests": 10, "max_bytes": 1000, "max_wait": 1.0, "caller_share": 0.5, **changes}
    return Admission(**bounds)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["in", "out", "grow"]),
            st.sampled_from("abc"),
            st.integers(0, 600),
            st.floats(0.0, 2.0),
        ),
        max_size=60,
    )
)
def test_bounds_hold_and_everything_is_given_back(steps: list[tuple[str, str, int, float]]) -> None:
    admission, inside, now = door(), list[Ticket](), 0.0
    for step, caller, size, passed in steps:
        now += passed
        if step == "in":
            admitted = admission.admit(caller, size, now)
            if isinstance(admitted, Ticket):
                inside.append(admitted)
        elif inside and step == "grow":
            admission.grow(inside[-1], size)
        elif inside:
            admission.give_back(inside.pop(0), now, done=True)
        assert admission.requests == len(inside) <= 10
        assert admission.size == sum(ticket.size for ticket in inside) <= 1000
    for ticket in inside:
        admission.give_back(ticket, now, done=False)
    assert (admission.requests, admission.size) == (0, 0)
    assert all(pace.under_way == 0.0 for pace in admission._paces)


def test_a_full_house_refuses_and_says_when_to_come_back() -> None:
    admission = door(max_requests=1)
    assert isinstance(admission.admit("a", 1, 0.0), Ticket)
    refused = admission.admit("a", 1, 0.0)
    assert isinstance(refused, Refusal)
    assert refused.reason == "requests"
    assert refused.retry_after >= 1


def test_a_caller_alone_may_take_everything() -> None:
    admission = door()
    assert all(isinstance(admission.admit("a", 1, 0.0), Ticket) for _ in range(10))


def test_with_others_there_it_may_take_its_share() -> None:
    admission = door()
    for _ in range(3):
        assert isinstance(admission.admit("b", 1, 0.0), Ticket)
    taken = [admission.admit("a", 1, 0.0) for _ in range(6)]
    assert [isinstance(each, Ticket) for each in taken] == [True] * 5 + [False]
    assert isinstance(taken[-1], Refusal)
    assert taken[-1].reason == "share"
    assert isinstance(admission.admit("b", 1, 0.0), Ticket)


def test_whoever_was_refused_is_among_those_who_share() -> None:
    admission = door(max_requests=4)
    heavy = [admission.admit("a", 1, 0.0) for _ in range(4)]
    assert isinstance(admission.admit("b", 1, 0.0), Refusal)
    for ticket in heavy[:2]:
        assert isinstance(ticket, Ticket)
        admission.give_back(ticket, 0.1, done=True)
    assert isinstance(admission.admit("a", 1, 0.2), Refusal)
    assert isinstance(admission.admit("b", 1, 0.2), Ticket)


def test_a_caller_that_is_long_gone_does_not_share() -> None:
    admission = door(max_requests=4)
    admission.give_back(admission.admit("b", 1, 0.0), 0.0, done=True)  # type: ignore[arg-type]
    assert all(isinstance(admission.admit("a", 1, 60.0), Ticket) for _ in range(4))


def test_bytes_that_were_not_announced_need_room_too() -> None:
    admission = door()
    ticket = admission.admit("a", 0, 0.0)
    assert isinstance(ticket, Ticket)
    assert admission.grow(ticket, 900) is None
    refused = admission.grow(ticket, 200)
    assert refused is not None
    assert refused.reason == "bytes"
    assert ticket.size == 900


def busy(admission: Admission, *, each: float) -> float:
    """Let it see requests one after the other, each taking so many seconds; gives the time."""
    now = 0.0
    for _ in range(50):
        ticket = admission.admit("a", 0, now)
        assert isinstance(ticket, Ticket)
        now += each
        admission.give_back(ticket, now, done=True)
    return now


def test_what_would_wait_too_long_is_refused() -> None:
    admission = door(max_requests=1000, max_wait=0.5)
    now = busy(admission, each=0.01)  # a hundred in a second, so fifty in half a second
    taken = [admission.admit("a", 0, now) for _ in range(60)]
    assert 48 <= sum(isinstance(each, Ticket) for each in taken) <= 52
    assert isinstance(taken[-1], Refusal)
    assert taken[-1].reason == "wait"


def test_a_slow_model_still_gets_a_batch() -> None:
    admission = door(max_requests=1000, max_wait=0.5)
    now = busy(admission, each=1.0)
    taken = [admission.admit("a", 0, now) for _ in range(60)]
    assert sum(isinstance(each, Ticket) for each in taken) == ALWAYS


def test_texts_do_not_wait_for_images() -> None:
    admission = door(max_requests=1000, max_bytes=10**9, max_wait=0.5)
    now = busy(admission, each=0.01)
    for _ in range(ALWAYS):
        admission.admit("a", 5_000_000, now)
    assert isinstance(admission.admit("a", 100, now), Ticket)


def test_streams_are_not_work_at_a_pace() -> None:
    admission = door(max_requests=1000, max_wait=0.5)
    now = busy(admission, each=1.0)
    assert all(isinstance(admission.admit("a", 0, now, paced=False), Ticket) for _ in range(100))


def test_idle_time_is_not_slowness() -> None:
    pace = Pace()
    for second in range(10):
        pace.begin(1.0, second * 100.0)
        pace.end(1.0, second * 100.0 + 0.1, done=True)
    assert 9.0 < pace.work_in(1.0) < 11.0


def test_what_was_given_up_is_not_done() -> None:
    pace = Pace()
    pace.begin(1.0, 0.0)
    pace.end(1.0, 1.0, done=False)
    assert pace.work_in(1.0) == float("inf")
    pace.begin(1.0, 1.0)
    pace.end(1.0, 2.0, done=True)
    assert pace.work_in(2.0) < 2.0
